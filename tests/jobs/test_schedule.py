"""Pauses grow, spread and end, and a job is given up neither early nor never."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.jobs import schedule
from bot.jobs.schedule import BILLER, DEFAULT, MESSAGE, NEVER_GIVE_UP, REFUND, Schedule
from bot.payments.policy import Policy

ALL = {"default": DEFAULT, "biller": BILLER, "refund": REFUND, "message": MESSAGE, "never": NEVER_GIVE_UP}


@given(st.sampled_from(sorted(ALL)), st.integers(1, 10_000), st.randoms(use_true_random=False))
def test_a_pause_is_its_base_and_a_part_of_it(name: str, attempt: int, chance: random.Random) -> None:
    plan = ALL[name]
    base = plan.pauses[min(attempt, len(plan.pauses)) - 1]

    assert base <= plan.pause(attempt, chance) <= base * (1 + plan.jitter)


def test_pauses_spread_what_failed_together() -> None:
    chance = random.Random(7)

    assert len({DEFAULT.pause(3, chance) for _ in range(50)}) == 50


@pytest.mark.parametrize("name", ALL)
def test_pauses_never_shrink(name: str) -> None:
    assert list(ALL[name].pauses) == sorted(ALL[name].pauses)


def test_both_attempts_and_age_give_a_job_up() -> None:
    plan = Schedule(pauses=(1,), give_up_after=3, within=60.0)

    assert [plan.exhausted(attempt, 100.0) for attempt in (1, 2, 3, 4)] == [False, False, True, True]
    assert [plan.exhausted(5, age) for age in (0.0, 59.9, 60.0)] == [False, False, True]


def _given_up(plan: Schedule, jitter: float, asked_again: float | None = None) -> float:
    """The age at which the last attempt fails."""
    age, attempt = 0.0, 1
    while not plan.exhausted(attempt, age):
        base = plan.pauses[min(attempt, len(plan.pauses)) - 1]
        age += base * (1 + jitter) if asked_again is None else asked_again
        attempt += 1
    return age


@pytest.mark.parametrize("jitter", [0.0, BILLER.jitter])
def test_a_silent_biller_is_on_a_desk_before_the_audit_calls_its_line_late(jitter: float) -> None:
    assert 22 * 3600 < _given_up(BILLER, jitter) < Policy().fulfil_within


def test_a_biller_that_says_wait_a_second_is_not_given_up_in_a_minute() -> None:
    """A biller that is at work and says so must not use up its attempts."""
    assert _given_up(BILLER, 0.0, asked_again=1.0) >= BILLER.within


def test_a_message_is_given_up_while_it_is_news() -> None:
    assert _given_up(MESSAGE, MESSAGE.jitter) < 3600


def test_the_schedules_have_names_that_the_wiring_uses() -> None:
    assert schedule.MESSAGE.one_case and not any(plan.one_case for plan in (DEFAULT, BILLER, REFUND))
