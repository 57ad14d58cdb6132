"""The clock of a complaint counts working hours and never runs past the rule."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cases.sla import COMPLAINT_DAYS, DISPOSITIONS, HOURS, Service

ZONE = ZoneInfo("Asia/Shanghai")
SERVICE = Service()


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of November 2026, whose 23rd is a Monday."""
    return datetime(2026, 11, day, hour, minute, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("said", "dispute", "due"),
    [
        (at(23, 10), "D12", at(23, 14)),
        (at(23, 16), "D12", at(24, 11)),
        (at(23, 10), "D11", at(24, 10)),
        (at(23, 7), "D11", at(23, 18)),
        (at(23, 23), "D12", at(24, 13)),
        # Friday afternoon: the rest is counted on Monday.
        (at(27, 16), "D12", at(30, 11)),
        (at(28, 12), "D12", at(30, 13)),
        (at(23, 10), "D21", at(26, 10)),
    ],
)
def test_only_working_hours_count(said: datetime, dispute: str, due: datetime) -> None:
    assert SERVICE.due(dispute, said) == due


def test_a_holiday_is_no_working_day() -> None:
    closed = Service(holidays=frozenset({date(2026, 11, 24)}))

    assert closed.due("D12", at(23, 16)) == at(25, 11)


def test_the_rule_ends_every_clock() -> None:
    rare = Service(opens=time(9), closes=time(10), weekdays=frozenset({1}), hours={"D21": 100})

    assert rare.due("D21", at(23, 10)) == at(23, 10) + timedelta(days=COMPLAINT_DAYS)
    # In the middle of a working day, too.
    assert Service(complaint_days=1, hours={"D21": 13}).due("D21", at(23, 10)) == at(24, 10)


def test_an_unknown_dispute_has_a_clock_too() -> None:
    assert SERVICE.due("D99", at(23, 9)) == SERVICE.due("D00", at(23, 9))


def test_every_dispute_has_its_hours() -> None:
    assert set(HOURS) == set(DISPOSITIONS)


@pytest.mark.parametrize("wrong", [{"opens": time(18), "closes": time(9)}, {"weekdays": frozenset()}])
def test_a_desk_that_never_opens_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="opens before it closes"):
        Service(**wrong)  # type: ignore[arg-type]


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(lambda moment: moment.replace(tzinfo=UTC)),
    st.sampled_from(DISPOSITIONS),
    st.frozensets(st.integers(1, 7), min_size=1),
)
def test_a_clock_runs_forward_within_the_rule_and_ends_while_the_desk_works(
    said: datetime, dispute: str, weekdays: frozenset[int]
) -> None:
    service = Service(weekdays=weekdays)

    due = service.due(dispute, said)

    assert said < due <= said + timedelta(days=COMPLAINT_DAYS)
    if due < said + timedelta(days=COMPLAINT_DAYS):
        local = due.astimezone(ZONE)
        assert local.isoweekday() in weekdays
        assert service.opens <= local.time() <= service.closes
