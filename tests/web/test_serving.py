"""What a serving process does once it has started."""

import gc

from bot.web.serving import settle


def test_what_the_start_has_built_is_not_collected_again() -> None:
    threshold = gc.get_threshold()
    try:
        settle()
        assert gc.get_freeze_count() > 1000
        assert gc.isenabled()
        assert gc.get_threshold() > threshold
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)
