"""Bills in equal parts: the parts add up, the next one is known, and nothing between them is taken."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.billers.instalments import Instalments, equal_parts
from bot.billers.port import Settled
from tests.billers.rig import HostedRig, seen
from tests.billers.samples import LATE, START, Owing, definition, line_of
from tests.billers.test_quoting import asker, bill, line, quoted, refused

THREE = definition(instalments=Instalments(parts=3))


@given(whole=st.integers(1, 10**10), number=st.integers(1, 60))
def test_parts_add_up_and_the_last_carries_the_rest(whole: int, number: int) -> None:
    parts = equal_parts(whole, number)

    assert sum(parts) == whole and len(parts) == number
    assert len(set(parts[:-1])) <= 1
    assert 0 <= parts[-1] - whole // number < number


@given(whole=st.integers(1, 10**8), number=st.integers(2, 60), data=st.data())
def test_what_remains_is_what_was_not_paid(whole: int, number: int, data: st.DataObject) -> None:
    paid = data.draw(st.integers(0, whole))
    left = Instalments(parts=number).left(whole, paid)

    assert sum(left) == whole - paid
    assert all(part > 0 for part in left)


@given(whole=st.integers(60, 10**8), number=st.integers(2, 60))
def test_paying_part_after_part_ends_after_as_many(whole: int, number: int) -> None:
    rule, paid, payments = Instalments(parts=number), 0, []
    while left := rule.left(whole, paid):
        payments.append(left[0])
        paid += left[0]

    assert tuple(payments) == equal_parts(whole, number)


def test_a_bill_too_small_for_its_parts_is_paid_whole() -> None:
    assert Instalments(parts=3).left(2, 0) == (2,)


async def test_the_whole_bill_or_its_next_part_and_nothing_else() -> None:
    owed = bill(amount=10_000, parts=(3_333, 3_333, 3_334))
    some = asker(THREE, owed)

    assert quoted(await some.quote(line(owed))).amount == 10_000
    assert quoted(await some.quote(line(owed, 3_333))).amount == 3_333
    for amount in (1, 3_332, 3_334, 6_666, 9_999):
        assert refused(await some.quote(line(owed, amount))) == ("part_amount", {"part": 3_333, "owed": 10_000})


async def test_a_late_bill_is_paid_whole() -> None:
    owed = bill(amount=10_000, late_fee=50, parts=(5_000, 5_000))

    assert refused(await asker(THREE, owed).quote(line(owed, 5_000)))[0] == "whole_bill"


async def test_parts_are_paid_one_by_one_until_the_bill_is_settled(hosted: HostedRig) -> None:
    of = await hosted.offer(THREE)
    await hosted.owe(of, Owing(amount=10_000))
    for left in ((3_333, 3_333, 3_334), (3_333, 3_334), (3_334,)):
        [now] = await seen(hosted.biller, of)
        assert now.parts == left
        quote = quoted(await hosted.biller.quote([line_of(of, now, left[0])], hosted.clock.now()))
        told = await hosted.pay(of, now, quote.amount)
        assert isinstance(await hosted.biller.settle(told), Settled)

    assert await seen(hosted.biller, of) == ()
    assert await hosted.state(now) == ("settled", 10_000, None)
    assert await hosted.sound()


@pytest.mark.parametrize("days", [15, 16])
async def test_a_plan_of_relief_waives_late_fees_and_moves_days(hosted: HostedRig, days: int) -> None:
    """An operator's plan is data of the item: while it lasts no late fee is asked for."""
    due_on = START.date() - timedelta(days=days)
    plan = {"reason": "暴雨", "starts": due_on, "ends": START.date(), "extend_days": 30}
    plain = await hosted.offer(definition(late_fee=LATE))
    await hosted.owe(plain, Owing(amount=100_000, due_on=due_on))
    [before] = await seen(hosted.biller, plain)
    eased = await hosted.offer(definition(late_fee=LATE, relief=(plan,)), id_="itm_eased")
    await hosted.owe(eased, Owing(amount=100_000, due_on=due_on))
    [now] = await seen(hosted.biller, eased)

    assert (before.late_fee > 0) == (days > 15)
    assert (now.late_fee, now.due_on) == (0, due_on + timedelta(days=30))


async def test_after_the_plan_late_fees_count_from_the_moved_day(hosted: HostedRig) -> None:
    plan = {"reason": "暴雨", "starts": date(2026, 9, 1), "ends": date(2026, 10, 31), "extend_days": 10}
    of = await hosted.offer(definition(late_fee=LATE, relief=(plan,)))
    await hosted.owe(of, Owing(amount=100_000, due_on=date(2026, 10, 20)))
    [now] = await seen(hosted.biller, of)

    # Due on 30 October under the plan, fifteen days of grace, nine days late on 23 November.
    assert now.late_fee == 9 * 50
