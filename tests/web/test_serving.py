"""What a serving process does once it has started."""

import gc
import sys

from bot.web.serving import settle


def test_what_the_start_has_built_is_not_collected_again() -> None:
    threshold, turn = gc.get_threshold(), sys.getswitchinterval()
    try:
        settle()
        assert gc.get_freeze_count() > 1000
        assert gc.isenabled()
        assert gc.get_threshold() > threshold
        assert sys.getswitchinterval() < turn
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)
        sys.setswitchinterval(turn)
