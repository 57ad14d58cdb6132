"""Ids that sort by birth and that nobody can guess."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from bot.kernel import ids
from bot.kernel.ids import new_id

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_every_digit_is_as_likely_as_any_other() -> None:
    """Each of the 256 values of a random byte stands for one digit, and each digit for eight of them."""
    assert set(Counter(ids._DIGIT_OF_BYTE).values()) == {8}
    assert len(ids._DIGIT_OF_BYTE) == 256


def test_ids_of_one_moment_differ_and_those_of_later_ones_are_greater() -> None:
    same = {new_id("trc", NOW) for _ in range(1000)}

    assert len(same) == 1000
    assert {len(id_) for id_ in same} == {len("trc_") + 26}
    assert max(same) < new_id("trc", NOW + timedelta(microseconds=1))
