"""Each payment is booked on its bill once and taken off once, in whatever order and however often that is asked."""

import asyncio
import itertools
import re

import pytest
import sqlalchemy as sa

from bot.billers.bookings import BILL, BOOKING
from bot.billers.invariants import CHECKS
from bot.billers.items import AmountKind, AmountRule
from bot.billers.port import Bill, PaidLine, Refused, Reversed, Settled
from bot.ledger.invariants import inspect
from bot.storage.port import Tx
from bot.storage.tables.billers import bills as bills_table
from tests.billers import samples
from tests.billers.rig import HostedRig, seen
from tests.billers.samples import Owing, definition, paid_line

PARTS = definition(amount=AmountRule(kind=AmountKind.EXACT_OR_LESS), partial=True)


@pytest.fixture
def rig(hosted: HostedRig) -> HostedRig:
    return hosted


# Every state that the table of bills knows.
STATES = ("open", "held", "partly_paid", "paid", "settled", "reopened", "withdrawn", "superseded", "paid_elsewhere")


def test_every_state_is_tried() -> None:
    (rule,) = [each for each in bills_table.constraints if str(each.name).endswith("state_known")]
    assert isinstance(rule, sa.CheckConstraint)

    assert set(re.findall("'([a-z_]+)'", str(rule.sqltext))) == set(STATES)


async def test_a_bill_is_settled_when_all_of_it_is_booked(rig: HostedRig) -> None:
    of = await rig.offer(definition())
    bill = await rig.owe(of, Owing())
    told = await rig.pay(of, bill)
    assert await rig.state(bill) == ("paid", 10_000, None)

    await rig.biller.settle(told)

    assert await rig.state(bill) == ("settled", 10_000, None)
    assert await rig.sound()


async def test_two_parts_are_booked_in_any_order(rig: HostedRig) -> None:
    of = await rig.offer(PARTS)
    bill = await rig.owe(of, Owing())
    first = await rig.pay(of, bill, 3_000)
    (rest,) = await seen(rig.biller, of)
    second = await rig.pay(of, rest)

    assert isinstance(await rig.biller.settle(second), Settled)
    assert await rig.state(bill) == ("paid", 10_000, None), "the first part is not booked yet"
    assert isinstance(await rig.biller.settle(first), Settled)
    assert await rig.state(bill) == ("settled", 10_000, None)
    assert await rig.sound()


async def test_a_part_is_booked_while_another_order_holds_the_rest(rig: HostedRig) -> None:
    of = await rig.offer(PARTS)
    bill = await rig.owe(of, Owing())
    told = await rig.pay(of, bill, 3_000)
    (rest,) = await seen(rig.biller, of)
    assert await rig.hold(rest, "ord_other")

    assert isinstance(await rig.biller.settle(told), Settled)
    assert isinstance(await rig.biller.undo(told, "refund"), Reversed)

    assert await rig.state(bill) == ("held", 0, "ord_other"), "the other order keeps its hold and the bill owes more"
    assert await rig.sound()


async def test_a_part_is_booked_after_another_part_was_given_back(rig: HostedRig) -> None:
    of = await rig.offer(PARTS)
    bill = await rig.owe(of, Owing())
    first = await rig.pay(of, bill, 3_000)
    await rig.biller.settle(first)
    (rest,) = await seen(rig.biller, of)
    second = await rig.pay(of, rest)
    await rig.biller.undo(first, "refund")

    assert isinstance(await rig.biller.settle(second), Settled)
    assert await rig.state(bill) == ("reopened", 7_000, None)
    assert [one.amount for one in await seen(rig.biller, of)] == [3_000]
    assert await rig.sound()


async def test_undoing_one_part_twice_leaves_the_other(rig: HostedRig) -> None:
    of = await rig.offer(PARTS)
    bill = await rig.owe(of, Owing())
    first = await rig.pay(of, bill, 3_000)
    await rig.biller.settle(first)
    second = await rig.pay(of, (await seen(rig.biller, of))[0])
    await rig.biller.settle(second)

    for _ in range(3):
        assert isinstance(await rig.biller.undo(first, "refund"), Reversed)

    assert await rig.state(bill) == ("reopened", 7_000, None)
    assert await rig.sound()


async def test_money_that_no_payment_noted_is_not_booked(rig: HostedRig) -> None:
    of = await rig.offer(definition())
    bill = await rig.owe(of, Owing())

    told = paid_line(of, bill)

    assert await rig.biller.settle(told) == Refused("closed")
    assert await rig.biller.settle_status(told) == Refused("closed"), "and the answer stands"
    assert await rig.state(bill) == ("open", 0, None)
    assert await rig.biller.undo(told, "refund") == Refused("not_found")


async def test_one_payment_is_not_booked_for_two_lines(rig: HostedRig) -> None:
    of = await rig.offer(definition())
    bill = await rig.owe(of, Owing())
    told = await rig.pay(of, bill)
    await rig.biller.settle(told)

    assert await rig.biller.settle(paid_line(of, bill)) == Refused("closed")
    assert await rig.sound()


async def test_nobody_overpays_a_bill_of_ours_whatever_the_rule_says(rig: HostedRig) -> None:
    """We keep no balances: what a rule lets billers take in advance would be nobody's on a hosted bill."""
    of = await rig.offer(definition(amount=AmountRule(kind=AmountKind.EXACT_OR_MORE)))
    bill = await rig.owe(of, Owing())
    told = await rig.pay(of, bill, 12_000)

    assert await rig.biller.settle(told) == Refused("amount")
    assert await rig.biller.settle(told) == Refused("amount"), "and the answer stands"
    assert await rig.state(bill) == ("paid", 10_000, None)
    assert isinstance(await rig.biller.undo(told, "refund"), Refused), "what was not booked is not taken off"


async def test_a_bill_that_was_paid_elsewhere_says_so(rig: HostedRig) -> None:
    of = await rig.offer(definition())
    bill = await rig.owe(of, Owing(state="paid_elsewhere"))

    assert await rig.biller.settle(paid_line(of, bill)) == Refused("paid_elsewhere")


async def test_no_bill_moves_outside_the_table(rig: HostedRig) -> None:
    """From every state of a bill, with a booking on it or without: settling and undoing go where the table says."""
    of = await rig.offer(definition())
    moves: set[tuple[str, str]] = set()
    for source, (paid, settle_first) in itertools.product(
        STATES, ((10_000, False), (10_000, True), (4_000, True), (0, False))
    ):
        holder = "ord_x" if source == "held" else None
        bill = await rig.owe(of, Owing(amount=10_000, state="paid", paid=10_000))
        told = paid_line(of, bill, paid or 10_000)
        if settle_first:
            await rig.biller.settle(told)
        moved = "UPDATE bills SET state = $2, paid = $3, held_by = $4 WHERE id = $1"
        await rig.execute(moved, bill.bill_id, source, paid, holder)
        for act in (rig.biller.settle(told), rig.biller.undo(told, "refund")):
            before, _, _ = await rig.state(bill)
            await act
            after, noted_now, _ = await rig.state(bill)
            moves.add((before, after))
            assert 0 <= noted_now <= 10_000
            assert await rig.booking(told) in {None, *BOOKING}

    listed = {(before, after) for before, targets in BILL.items() for after in targets}
    assert {(before, after) for before, after in moves if before != after} == listed - {(each, each) for each in STATES}


async def test_a_booking_moves_only_from_settled_to_reversed() -> None:
    assert {(source, target) for source, targets in BOOKING.items() for target in targets} == {("settled", "reversed")}


async def test_many_lines_of_many_bills_at_once(rig: HostedRig) -> None:
    of = await rig.offer(PARTS)
    told: list[PaidLine] = []
    bills: list[Bill] = []
    for number in range(5):
        account = f"05000000{number:02d}"
        bills.append(await rig.owe(of, Owing(account)))
        for _ in range(2):
            (now,) = await seen(rig.biller, of, account)
            told.append(await rig.pay(of, now, 5_000))

    answers = await asyncio.gather(*(rig.biller.settle(line) for line in told * 3))
    assert all(isinstance(answer, Settled) for answer in answers)
    assert [(await rig.state(bill))[:2] for bill in bills] == [("settled", 10_000)] * 5

    undone = await asyncio.gather(*(rig.biller.undo(line, "refund") for line in told[::2] * 3))
    assert all(isinstance(answer, Reversed) for answer in undone)
    assert [(await rig.state(bill))[:2] for bill in bills] == [("reopened", 5_000)] * 5
    assert await rig.sound()


async def test_a_crash_between_the_undo_and_its_record_is_repeated_in_peace(rig: HostedRig) -> None:
    """What the worker does: it asks how the undo stands, and asks for it where it never heard of one."""
    of = await rig.offer(definition())
    bill = await rig.owe(of, Owing())
    told = await rig.pay(of, bill)
    await rig.biller.settle(told)

    for _ in range(2):
        status = await rig.biller.undo_status(told)
        answer = status if status is not None else await rig.biller.undo(told, "refund")
        assert isinstance(answer, Reversed)

    assert await rig.state(bill) == ("reopened", 0, None)


# --- the audit's view ------------------------------------------------------------------------------------------------


async def test_the_audit_sees_what_cannot_be(rig: HostedRig) -> None:
    of = await rig.offer(definition())
    robbed, unbooked = await rig.owe(of, Owing()), await rig.owe(of, Owing())
    told = await rig.pay(of, robbed)
    await rig.biller.settle(told)
    assert await rig.sound()

    await rig.execute("UPDATE bills SET paid = 9999 WHERE id = $1", robbed.bill_id)
    await rig.execute("UPDATE bills SET state = 'settled', paid = amount WHERE id = $1", unbooked.bill_id)

    findings = {finding.check: finding.ids for finding in await inspect(rig.database, rig.clock.now(), CHECKS)}
    assert findings == {"bill_overbooked": (robbed.bill_id,), "bill_settled_unbooked": (unbooked.bill_id,)}


LINES_AND_BOOKINGS = [
    ("settled", "settled", True),
    ("settled", None, False),
    ("settled", "refused", False),
    ("settled", "reversed", False),
    ("none", None, True),
    ("none", "settled", False),
    ("sent", "settled", True),
    ("unknown", None, True),
    ("reversing", "settled", True),
    ("reversing", "reversed", True),
    ("reversed", "reversed", True),
    ("reversed", "settled", False),
    ("refused", "refused", True),
    ("refused", "settled", False),
]
_ORDER = """
INSERT INTO orders (id, quote_id, token, merchant_id, scene, origin, title, amount, currency, state, trace_id,
  created_at, expires_at)
VALUES ('ord_1', 'quo_1', 'tok', $1, 's', 'chat', 't', 100, 'CNY', 'created', 't', 0, 0)
"""
_LINE = """
INSERT INTO order_lines (id, order_id, position, item_id, biller, bill_id, account_mask, title, amount, late_fee,
  state, changed_at)
VALUES ($1, 'ord_1', $2, $3, 'hosted', $4, '', 't', 100, 0, $5, 0)
"""
_BOOKING = """
INSERT INTO bookings (line_id, bill_id, amount, principal, state, booked_at, changed_at)
VALUES ($1, $2, 100, 100, $3, 0, 0)
"""


async def test_the_audit_compares_lines_with_bookings(rig: HostedRig) -> None:
    of = await rig.offer(definition())
    bill = await rig.owe(of, Owing(state="reopened", paid=10_000))

    async def work(tx: Tx) -> None:
        await tx.execute(_ORDER, samples.MERCHANT.id)
        for number, (state_, booking, _) in enumerate(LINES_AND_BOOKINGS):
            await tx.execute(_LINE, f"oln_{number:02d}", number, of.id, bill.bill_id, state_)
            if booking is not None:
                await tx.execute(_BOOKING, f"oln_{number:02d}", bill.bill_id, booking)

    await rig.database.effect(work)

    (finding,) = await inspect(rig.database, rig.clock.now(), CHECKS)
    wrong = [f"oln_{number:02d}" for number, (_, _, right) in enumerate(LINES_AND_BOOKINGS) if not right]
    assert (finding.check, sorted(finding.ids)) == ("line_settled_unbooked", wrong)
