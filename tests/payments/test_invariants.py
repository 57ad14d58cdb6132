"""Each check of the audit finds the fault that it is there for, planted by SQL; and none complains of a busy day."""

# ruff: noqa: S608 - Faults are planted by SQL put together here.

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from bot.ledger import invariants as ledger
from bot.payments import invariants
from bot.payments.facts import RefundState
from bot.payments.policy import Policy
from bot.storage.port import Tx
from tests.payments.world import OTHER_PAYER, World

POST = (
    "INSERT INTO postings (journal, entry_no, source, destination, amount, asset, order_id, charge_id, trace_id, at) "
    "SELECT {journal}, 0, {source}, {destination}, {amount}, 'CNY', {order_id}, {charge_id}, 't', 1 FROM orders o "
    "WHERE o.state = 'paid' ORDER BY o.id LIMIT 1"
)


def posting(
    source: str,
    destination: str,
    *,
    journal: str = "'planted'",
    amount: str = "1",
    order_id: str = "NULL",
    charge_id: str = "NULL",
) -> str:
    return POST.format(
        journal=journal,
        source=source,
        destination=destination,
        amount=amount,
        order_id=order_id,
        charge_id=charge_id,
    )


@dataclass(frozen=True, slots=True)
class Fault:
    """Statements that break something, and the check that must see it (others may see it too)."""

    check: str
    statements: Sequence[str]
    seconds: float = 0


PAID = "(SELECT MIN(id) FROM orders WHERE state = 'paid')"
PAID_CHARGE = f"(SELECT paid_charge_id FROM orders WHERE id = {PAID})"
OPEN = "(SELECT MIN(id) FROM orders WHERE state = 'created')"
DAY = 86_400.0

FAULTS = [
    Fault("clearing_not_zero", [posting("'payers:scripted'", "'clearing:scripted:main'")]),
    Fault("journal_gap", [posting("'payers:scripted'", "'fees:scripted:main'").replace("0,", "3,", 1)]),
    Fault("account_unknown", [posting("'payers:scripted'", "'pocket:mine'")]),
    Fault(
        "checkpoint_wrong",
        [
            "INSERT INTO balance_checkpoints (account, asset, upto_seq, balance, at) "
            "SELECT 'merchant:mer:due', 'CNY', MAX(seq), 1, 1 FROM postings"
        ],
    ),
    Fault("suspense_negative", [posting("'suspense:scripted:gone'", "'payers:scripted'")]),
    Fault("refunding_negative", [posting("'refunding:scripted:gone'", "'payers:scripted'")]),
    Fault("sharing_negative", [posting("'sharing:scripted:main'", "'merchant:mer:due'")]),
    Fault("shared_negative", [posting("'shared:mer:owners'", "'merchant:mer:due'")]),
    Fault(
        "order_credited_twice",
        [posting("'suspense:scripted:main'", "'merchant:mer:due'", journal="'apply:x'", order_id="o.id", amount="1")],
    ),
    Fault("paid_order_not_credited", [f"UPDATE orders SET merchant_id = 'other' WHERE id = {PAID}"]),
    Fault("credited_order_not_paid", [f"UPDATE orders SET state = 'closing' WHERE id = {PAID}"]),
    Fault("credit_without_notice", [f"DELETE FROM inbox WHERE charge_id = {PAID_CHARGE}"]),
    Fault(
        "bill_paid_twice",
        ["UPDATE order_lines SET claim = 'same' WHERE order_id IN (SELECT id FROM orders WHERE state = 'paid')"],
    ),
    Fault("claim_missing", ["DELETE FROM paid_claims"]),
    Fault(
        "claim_without_payment",
        [f"INSERT INTO paid_claims (claim, line_id, order_id, at) SELECT 'c', 'l', {OPEN}, 1"],
    ),
    Fault(
        "received_differs",
        [
            posting("'payers:scripted'", "'clearing:scripted:main'"),
            posting("'clearing:scripted:main'", "'fees:scripted:main'", journal="'planted 2'"),
        ],
    ),
    Fault("suspense_differs", ["UPDATE suspense SET amount = amount + 1"]),
    Fault("refunding_differs", ["UPDATE refunds SET amount = amount - 1 WHERE state = 'pending'"]),
    Fault("refunded_differs", ["UPDATE refunds SET amount = amount - 1 WHERE state = 'succeeded'"]),
    Fault("reserved_differs", ["UPDATE orders SET refunded = refunded - 1 WHERE refunded > 0"]),
    Fault(
        "refunded_too_much", ["UPDATE refunds SET total = amount - 1 WHERE state = 'succeeded' AND source = 'order'"]
    ),
    Fault("order_inconsistent", [f"UPDATE orders SET paid_at = NULL WHERE id = {PAID}"]),
    Fault("order_inconsistent", [f"UPDATE charges SET state = 'closed' WHERE id = {PAID_CHARGE}"]),
    Fault("order_inconsistent", [f"UPDATE orders SET state = 'closed', closed_at = 1 WHERE id = {OPEN}"]),
    Fault("order_inconsistent", [f"UPDATE orders SET paid_at = 1 WHERE id = {OPEN}"]),
    Fault("order_inconsistent", ["UPDATE orders SET closed_at = NULL WHERE state = 'closed'"]),
    Fault("order_amount_differs", [f"UPDATE orders SET amount = amount + 1 WHERE id = {OPEN}"]),
    Fault("charge_inconsistent", [f"UPDATE charges SET transaction_id = NULL WHERE id = {PAID_CHARGE}"]),
    Fault("charge_inconsistent", ["UPDATE charges SET next_query_at = NULL WHERE state = 'pending'"]),
    Fault("charge_inconsistent", ["UPDATE charges SET handover_sealed = NULL WHERE state = 'pending'"]),
    Fault(
        "charge_paid_for_nothing",
        ["UPDATE charges SET state = 'paid', transaction_id = id, paid_at = 1 WHERE state = 'pending'"],
    ),
    Fault("refund_inconsistent", ["UPDATE refunds SET succeeded_at = NULL WHERE state = 'succeeded'"]),
    Fault("refund_inconsistent", ["UPDATE refunds SET approved_by = NULL WHERE state = 'pending'"]),
    Fault("refund_inconsistent", ["UPDATE refunds SET next_query_at = NULL WHERE state = 'pending'"]),
    Fault("refund_inconsistent", ["UPDATE refunds SET approved_by = requested_by WHERE source = 'order'"]),
    Fault("suspense_forgotten", ["DELETE FROM outbox WHERE kind = 'case'"]),
    Fault("suspense_stuck", ["UPDATE suspense SET state = 'refunding' WHERE state = 'held'"]),
    Fault("bill_held_by_nobody", ["UPDATE bills SET held_by = 'ord_gone' WHERE state = 'held'"]),
    Fault("bill_held_by_nobody", ["UPDATE bills SET held_by = 'ord_gone' WHERE state = 'open'"]),
    Fault("bill_paid_differs", ["UPDATE bills SET paid = 0, state = 'open' WHERE state = 'paid'"]),
    Fault(
        "line_refused_forgotten",
        [f"UPDATE order_lines SET state = 'refused', refusal = 'other' WHERE order_id = {PAID}"],
    ),
    Fault("line_late", [], seconds=2 * DAY),
    Fault("order_overdue", [], seconds=2 * DAY),
    Fault("charge_overdue", [], seconds=2 * DAY),
    Fault("refund_overdue", [], seconds=2 * DAY),
]


async def busy_day(world: World) -> None:
    """Something of everything, at rest in the middle: paid, open, closed, refunding, refunded, in suspense."""
    bill, held = await world.bill(), await world.bill()
    await world.bill()
    await world.paid(world.rent(bill))
    await world.paid(world.power("E1"))
    await world.settled(world.meal())
    waiting = await world.order(world.rent(held))
    await world.open(waiting)
    closed = await world.order(world.meal())
    await world.open(closed)
    await world.payments.sweeper.close_order(closed.id)
    refunded = await world.settled(world.meal())
    await world.refund(refunded)
    await world.work_off("refund_submit")
    await world.work_off("undo")
    await world.work_off("refund_submit")
    under_way = await world.paid(world.meal())
    await world.refund(under_way)
    world.gateway.refund_outcome = RefundState.PENDING
    await world.work_off("refund_submit")
    late = await world.order(world.meal())
    ready = await world.open(late)
    await world.tell(dataclasses.replace(world.gateway.fact(ready.out_trade_no, 1), currency="CNY"))
    await world.payments.sweeper.close_order(late.id)
    changed = await world.order(world.meal())
    await world.open(changed)
    await world.open(changed, payer=OTHER_PAYER)


async def test_a_busy_day_is_clean_and_every_planted_fault_is_found(world: World) -> None:
    """One world for all faults: each is planted, looked for and taken back."""
    await busy_day(world)
    assert await world.audit() == []
    checks = {check.name: check for check in (*ledger.CHECKS, *invariants.checks(world.policy))}
    assert {fault.check for fault in FAULTS} == set(checks)

    for fault in FAULTS:
        check = checks[fault.check]
        cutoff = (
            world.clock.now().timestamp() * 1_000_000 + fault.seconds * 1_000_000 - (check.older_than or 0) * 1_000_000
        )
        found = await _planted(world, fault, check.sql, () if check.older_than is None else (int(cutoff),))

        assert found, fault


class _TakenBack(Exception):
    """Undoes a planted fault."""


async def _planted(world: World, fault: Fault, sql: str, values: tuple[int, ...]) -> list[str]:
    found: list[str] = []

    async def plant(tx: Tx) -> None:
        for statement in fault.statements:
            await tx.execute(statement)
        found.extend(str(row["id"]) for row in await tx.rows(sql, *values))
        raise _TakenBack

    with pytest.raises(_TakenBack):
        await world.database.effect(plant)
    return found


async def test_findings_name_the_first_offenders_and_count_them_all(world: World) -> None:
    for _ in range(3):
        await world.paid()
    await world.execute("DELETE FROM inbox")

    [finding] = await world.audit()

    assert (finding.check, finding.count, len(finding.ids)) == ("credit_without_notice", 3, 3)
    assert all(journal.startswith("credit:chg_") for journal in finding.ids)


async def test_received_is_applied_plus_suspended_plus_refunded_by_account_and_in_sum(world: World) -> None:
    await busy_day(world)
    await world.tell(dataclasses.replace(world.gateway.fact("nobody's", 90), currency="USD"), account="second")

    totals = await invariants.totals(world.database)

    assert [(entry.account, entry.asset) for entry in totals] == [
        ("scripted:main", "CNY"),
        ("scripted:second", "USD"),
    ]
    assert all(entry.balanced for entry in totals)
    main, second = totals
    assert (main.received, main.applied, main.suspense, main.refunding, main.refunded) == (
        10_000 + 12_850 + 3 * 3_500 + 1,
        10_000 + 12_850 + 3_500,
        1,
        3_500,
        3_500,
    )
    assert (second.received, second.suspense) == (90, 90)


async def test_a_line_in_time_or_on_a_desk_is_no_finding(world: World) -> None:
    order = await world.paid()
    late = Policy(fulfil_within=60)
    assert await invariants.inspect(world.database, world.clock.now(), late) == []

    world.clock.advance(61)
    [finding] = await invariants.inspect(world.database, world.clock.now(), late)
    assert (finding.check, finding.ids) == ("line_late", (order.lines[0].id,))

    await world.execute(
        "INSERT INTO cases (id, kind, key, subject, state, trace_id, opened_at, due_at) "
        "VALUES ('cas', 'dead_letter', 'job', $1, 'open', 't', 1, 1)",
        order.lines[0].id,
    )
    assert await invariants.inspect(world.database, world.clock.now(), late) == []


async def desk_case(world: World, kind: str, state: str, line_id: str) -> None:
    await world.execute(
        "INSERT INTO cases (id, kind, key, subject, state, trace_id, opened_at, due_at) "
        "VALUES ('cas_2', $1, $2, 's', $3, 't', 1, 1)",
        kind,
        line_id,
        state,
    )


@pytest.mark.parametrize(("state", "found"), [("open", 0), ("proposed", 0), ("resolved", 1), ("rejected", 1)])
async def test_a_decided_case_keeps_no_late_line(world: World, state: str, found: int) -> None:
    order = await world.paid()
    await desk_case(world, "dead_letter", state, order.lines[0].id)
    world.clock.advance(61)

    assert len(await invariants.inspect(world.database, world.clock.now(), Policy(fulfil_within=60))) == found


@pytest.mark.parametrize(
    ("kind", "state", "found"),
    [
        ("settle_refused", "open", 0),
        ("settle_refused", "resolved", 0),
        ("settle_refused", "rejected", 1),
        ("customer", "open", 0),
        ("customer", "resolved", 1),
    ],
)
async def test_a_refused_line_waits_at_a_desk_or_was_settled_by_hand(
    world: World, kind: str, state: str, found: int
) -> None:
    order = await world.paid()
    await world.execute("UPDATE order_lines SET state = 'refused', refusal = 'other' WHERE order_id = $1", order.id)
    await desk_case(world, kind, state, order.lines[0].id)

    told = await invariants.inspect(world.database, world.clock.now(), Policy())
    assert [finding.check for finding in told] == ["line_refused_forgotten"] * found
