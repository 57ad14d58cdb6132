"""What an item declares: amounts, hours, outages, lateness and inputs, each by a rule that says the same otherwise."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.billers.items import (
    AmountKind,
    AmountRule,
    BillItem,
    Choice,
    Flow,
    Hours,
    InputField,
    ItemDefinition,
    LateFee,
    Outage,
)
from bot.kernel.clock import SHANGHAI
from bot.kernel.money import MAX_FEN
from tests.billers.samples import METER, OWNER, definition, item, meal_definition, property_definition


def shanghai(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC)


# --- amounts ---------------------------------------------------------------------------------------------------------

ALLOWED: dict[AmountKind, dict[int | None, set[int]]] = {
    # What may be paid of these amounts, by what is owed; None: nothing is billed.
    AmountKind.EXACT: {None: set(), 100: {100}, 999: set()},
    AmountKind.EXACT_OR_MORE: {None: {50, 100, 101, 200}, 100: {100, 101, 200}, 999: set()},
    AmountKind.EXACT_OR_LESS: {None: set(), 100: {50, 100}, 999: {50, 100, 101, 200}},
    AmountKind.ANY: {owed: {50, 100, 101, 200} for owed in (None, 100, 999)},
    AmountKind.PRESETS: {owed: {50, 200} for owed in (None, 100, 999)},
}


@pytest.mark.parametrize("kind", AmountKind)
@pytest.mark.parametrize("owed", [None, 100, 999])
def test_amounts_allowed_by_each_kind(kind: AmountKind, owed: int | None) -> None:
    rule = AmountRule(kind=kind, minimum=50, maximum=200, presets=(50, 200))

    tried = (0, 1, 49, 50, 100, 101, 200, 201, 10**9)

    assert {amount for amount in tried if rule.allows(amount, owed)} == ALLOWED[kind][owed]


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "exact", "minimum": 0},
        {"kind": "exact", "minimum": 10, "maximum": 9},
        {"kind": "exact", "maximum": MAX_FEN + 1},
        {"kind": "any", "minimum": 1.5},
        {"kind": "any", "minimum": "100"},
        {"kind": "presets"},
        {"kind": "presets", "minimum": 100, "presets": (50,)},
        {"kind": "any", "maximum": 100, "presets": (101,)},
        {"kind": "roughly"},
        {"kind": "any", "more": 1},
    ],
)
def test_impossible_amount_rules_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AmountRule(**wrong)


# --- hours and outages -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "moment", "is_open"),
    [
        (Hours(), "2026-11-23 03:00", True),
        (Hours(opens=time(8), closes=time(20)), "2026-11-23 07:59:59", False),
        (Hours(opens=time(8), closes=time(20)), "2026-11-23 08:00", True),
        (Hours(opens=time(8), closes=time(20)), "2026-11-23 19:59:59", True),
        (Hours(opens=time(8), closes=time(20)), "2026-11-23 20:00", False),
        (Hours(opens=time(22), closes=time(2)), "2026-11-23 23:30", True),
        (Hours(opens=time(22), closes=time(2)), "2026-11-24 01:59", True),
        (Hours(opens=time(22), closes=time(2)), "2026-11-24 02:00", False),
        (Hours(weekdays=(1, 2, 3, 4, 5)), "2026-11-27 12:00", True),
        (Hours(weekdays=(1, 2, 3, 4, 5)), "2026-11-28 00:00", False),
        # Friday evening's window runs into Saturday; Friday's small hours belong to Thursday.
        (Hours(opens=time(22), closes=time(2), weekdays=(5,)), "2026-11-27 23:00", True),
        (Hours(opens=time(22), closes=time(2), weekdays=(5,)), "2026-11-28 01:00", True),
        (Hours(opens=time(22), closes=time(2), weekdays=(5,)), "2026-11-28 23:00", False),
        (Hours(opens=time(22), closes=time(2), weekdays=(5,)), "2026-11-27 01:00", False),
        # Sunday's runs into Monday.
        (Hours(opens=time(22), closes=time(2), weekdays=(7,)), "2026-11-30 01:00", True),
    ],
)
def test_hours(hours: Hours, moment: str, is_open: bool) -> None:
    assert hours.covers(shanghai(moment)) is is_open


clock_times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))


@given(clock_times, clock_times, st.sets(st.integers(1, 7)), st.integers(0, 7 * 96 - 1))
def test_hours_are_the_windows_that_begin_on_the_weekdays(
    opens: time, closes: time, weekdays: set[int], quarter: int
) -> None:
    """Each weekday begins one window; a moment is open if it lies in any of them."""
    monday = datetime(2026, 11, 23, tzinfo=SHANGHAI)
    moment = monday + timedelta(minutes=15 * quarter)

    def window(day: datetime) -> bool:
        start = day.replace(hour=opens.hour, minute=opens.minute)
        end = day.replace(hour=closes.hour, minute=closes.minute)
        if opens == closes:
            start, end = day, day + timedelta(days=1)
        elif opens > closes:
            end += timedelta(days=1)
        return day.isoweekday() in weekdays and start <= moment < end

    expected = any(window(monday + timedelta(days=day)) for day in range(-2, 9))

    assert Hours(opens=opens, closes=closes, weekdays=tuple(sorted(weekdays))).covers(moment) is expected


def test_an_outage_holds_from_its_start_to_just_before_its_end() -> None:
    start = shanghai("2026-11-23 22:00")
    outage = Outage(starts=start, ends=start + timedelta(hours=2), reason="系统升级")
    defined = definition(outages=(outage,))

    assert defined.outage_at(start - timedelta(microseconds=1)) is None
    assert defined.outage_at(start) == outage
    assert defined.outage_at(start + timedelta(hours=2)) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"starts": "2026-11-23T22:00:00", "ends": "2026-11-24T00:00:00+08:00"},
        {"starts": "2026-11-23T22:00:00+08:00", "ends": "2026-11-23T22:00:00+08:00"},
        {"starts": "2026-11-23T22:00:00+08:00", "ends": "2026-11-23T14:00:00Z"},
    ],
)
def test_an_outage_without_offset_or_length_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Outage(**wrong)


def test_hours_with_an_offset_are_refused() -> None:
    with pytest.raises(ValidationError):
        Hours(opens=time(8, tzinfo=UTC))


# --- lateness --------------------------------------------------------------------------------------------------------

owed_fen = st.integers(1, MAX_FEN)
rates = st.decimals(0, Decimal("0.05"), places=6)
caps = st.decimals(0, 1, places=3)
due_days = st.dates(date(2020, 1, 1), date(2026, 11, 23))


@given(owed_fen, rates, st.integers(0, 60), caps, due_days)
def test_a_late_fee_is_simple_interest_with_grace_and_cap(
    owed: int, rate: Decimal, grace: int, cap: Decimal, due_on: date
) -> None:
    fee = LateFee(daily_rate=rate, grace_days=grace, cap=cap)
    at = shanghai("2026-11-23 10:00")

    told = fee.due(owed, due_on, at)

    days = max(0, (date(2026, 11, 23) - due_on).days - grace)
    exact = min(owed * Fraction(rate) * days, owed * Fraction(cap))
    assert isinstance(told, int)
    assert 0 <= told <= owed
    assert abs(told - exact) <= Fraction(1, 2)


@given(owed_fen, rates, due_days, st.integers(0, 400))
def test_a_late_fee_never_falls(owed: int, rate: Decimal, due_on: date, later: int) -> None:
    fee = LateFee(daily_rate=rate)
    at = shanghai("2026-11-23 10:00")

    assert fee.due(owed, due_on, at) <= fee.due(owed, due_on, at + timedelta(days=later))


def test_a_day_of_lateness_begins_at_midnight_in_shanghai() -> None:
    fee = LateFee(daily_rate=Decimal("0.01"))
    due_on = date(2026, 11, 20)

    assert fee.due(10_000, due_on, shanghai("2026-11-20 23:59:59")) == 0
    assert fee.due(10_000, due_on, shanghai("2026-11-21 00:00")) == 100
    assert fee.due(10_000, due_on, shanghai("2026-11-22 00:00")) == 200


def test_grace_is_free_and_what_has_no_date_is_never_late() -> None:
    fee = LateFee(daily_rate=Decimal("0.01"), grace_days=15)

    assert fee.due(10_000, date(2026, 11, 1), shanghai("2026-11-16 12:00")) == 0
    assert fee.due(10_000, date(2026, 11, 1), shanghai("2026-11-17 12:00")) == 100
    assert fee.due(10_000, None, shanghai("2030-01-01 12:00")) == 0


def test_half_a_fen_is_rounded_up() -> None:
    assert LateFee(daily_rate=Decimal("0.0005")).due(1_000, date(2026, 11, 22), shanghai("2026-11-23 10:00")) == 1


@pytest.mark.parametrize("wrong", [{"daily_rate": "0.06"}, {"daily_rate": "-0.01"}, {"daily_rate": "NaN"}])
def test_usury_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LateFee(**wrong)


# --- inputs ----------------------------------------------------------------------------------------------------------


def test_a_field_takes_its_canonical_form_only() -> None:
    assert METER.accepts(METER.canonical("O512 345-678"))
    assert not METER.accepts("0512345678 ")
    assert not METER.accepts("05123456789")
    assert not METER.accepts("٠٥١٢٣٤٥٦٧٨"), "only 0 to 9 are digits"
    assert not InputField(key="a", label="A", pattern=".*").accepts("x" * 129)


def test_a_choice_is_said_by_label_or_value() -> None:
    city = InputField(key="city", label="城市", choices=(Choice(value="510100", label="成都 市"),))

    assert city.canonical("成都 市") == city.canonical(" ５１０１００ ") == "510100"
    assert city.accepts("510100")
    assert not city.accepts("成都 市")


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": "Name"},
        {"key": ""},
        {"pattern": "("},
        {"pattern": "a" * 201},
        {"label": ""},
        {"form": "iban"},
    ],
)
def test_impossible_fields_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        InputField(**{"key": "a", "label": "A"} | wrong)


# --- whole definitions -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"account": None},
        {"flow": Flow.VALIDATE, "account": None},
        {"fields": (METER,)},
        {"fields": (OWNER, OWNER)},
        {"fields": (OWNER.model_copy(update={"required": False}),)},
        {"partial": True},
        {"partial": True, "amount": AmountRule(kind=AmountKind.EXACT_OR_MORE)},
        {"amount": AmountRule(kind=AmountKind.EXACT_OR_LESS)},
        {"quote_seconds": 59},
        {"refundable": False},
    ],
)
def test_contradictions_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        definition(**wrong)


def test_a_hosted_item_keeps_one_proof_and_a_remote_one_may_ask_for_more() -> None:
    phone = InputField(key="phone", label="手机尾号", pattern=r"\d{4}", proof=True)
    two = definition(fields=(OWNER, phone))

    with pytest.raises(ValidationError):
        item(two)
    assert not item(two, biller="power").hosted


DEFINITIONS = [
    definition(),
    property_definition(),
    meal_definition(),
    definition(
        flow=Flow.VALIDATE,
        amount=AmountRule(kind=AmountKind.PRESETS, presets=(1000, 3000)),
        hours=Hours(opens=time(22, 30), closes=time(2), weekdays=(1, 7)),
        outages=(Outage(starts="2026-11-23T22:00:00+08:00", ends="2026-11-24T00:00:00+08:00"),),  # type: ignore[arg-type]
        advance=True,
        several=False,
        notes="按月",
    ),
    definition(amount=AmountRule(kind=AmountKind.ANY), partial=True),
]


@pytest.mark.parametrize("defined", DEFINITIONS)
def test_a_definition_survives_its_json(defined: ItemDefinition) -> None:
    again = ItemDefinition.model_validate_json(defined.model_dump_json())

    assert again == defined
    assert item(again) == item(defined)
    assert isinstance(item(again), BillItem)
