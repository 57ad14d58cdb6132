"""Credits one receipt by portable statements: the whole decision, for both engines and for every course."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Final

from bot.jobs.outbox import enqueue
from bot.jobs.port import NewJob
from bot.kernel.clock import from_micros
from bot.kernel.errors import Busy
from bot.kernel.ids import new_id
from bot.ledger import accounts
from bot.ledger.postings import Posting, Refs, post, reverse
from bot.payments import bills, closing, locks, values, work
from bot.payments.credit_item import (
    CONTRADICTING,
    PAID_SEEN,
    RETURNED,
    Course,
    Credit,
    Credited,
    Decision,
    Outcome,
    Reason,
    Standing,
    decide,
    restored,
)
from bot.payments.states import CHARGE, ORDER, SUSPENSE, quoted
from bot.payments.values import OrderLine
from bot.storage.port import Row, Tx

ORDER_PAID: Final = ORDER.move("created", "closing", to="paid", sets="paid_charge_id = $2, paid_at = $3")
_ORDER_LATE: Final = ORDER.move("closed", to="paid_late")
_ORDER_LATE_PAID: Final = ORDER.move("paid_late", to="paid", sets="paid_charge_id = $2, paid_at = $3")
_CHARGE_PAID: Final = CHARGE.move(
    *sorted(state for state in CHARGE.states if CHARGE.allows(state, "paid")),
    to="paid",
    sets="transaction_id = $3, payer_amount = $4, settlement_amount = $5, discounts = $6, paid_at = $7, "
    "next_query_at = NULL, failure = NULL",
)
_SUSPENSE_APPLIED: Final = SUSPENSE.move("held", to="applied")

_READ: Final = """
SELECT i.outcome AS inbox_outcome, i.charge_id AS inbox_charge_id,
  s.id AS suspense_id, s.reason AS suspense_reason, s.state AS suspense_state, s.amount AS suspense_amount,
  s.currency AS suspense_currency,
  c.id AS charge_id, c.state AS charge_state, c.failure AS charge_failure, c.gateway, c.gateway_account, c.amount,
  c.currency, t.id AS credited_to,
  o.id AS order_id, o.state AS order_state, o.amount AS order_amount, o.merchant_id, o.trace_id
FROM (SELECT 1 AS one) AS x
LEFT JOIN charges c ON c.out_trade_no = $1
LEFT JOIN orders o ON o.id = c.order_id
LEFT JOIN inbox i ON i.gateway = $2 AND i.account = $3 AND i.notice_id = $4
LEFT JOIN suspense s ON s.gateway = $2 AND s.transaction_id = $5
LEFT JOIN charges t ON t.gateway = $2 AND t.transaction_id = $5
"""
_LINES: Final = """
SELECT l.*, p.order_id AS claimed_by, b.state AS bill_state, b.held_by AS bill_held_by, b.amount - b.paid AS bill_owed
FROM order_lines l
LEFT JOIN bills b ON b.id = l.bill_id
LEFT JOIN paid_claims p ON p.claim = l.claim
WHERE l.order_id = $1 ORDER BY l.position
"""
_CLAIM: Final = """
INSERT INTO paid_claims (claim, line_id, order_id, at) VALUES ($1, $2, $3, $4) ON CONFLICT (claim) DO NOTHING
"""
_SUSPEND: Final = """
INSERT INTO suspense (id, gateway, gateway_account, out_trade_no, transaction_id, amount, currency, reason, state,
  charge_id, order_id, trace_id, at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'held', $9, $10, $11, $12, $12)
ON CONFLICT (gateway, transaction_id) DO NOTHING
"""
_INBOX: Final = """
INSERT INTO inbox (gateway, account, notice_id, kind, body_digest, outcome, charge_id, trace_id, received_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (gateway, account, notice_id) DO NOTHING
"""
# The gateway is asked at once whether it stands by what contradicts our charge. The mark also keeps the set-based
# form away from the charge, whose answer may have been under way at the same moment.
_DOUBT: Final = f"""
UPDATE charges SET failure = $2, next_query_at = $3
WHERE id = $1 AND state IN ({quoted(("created", "pending", "unknown"))})
"""  # noqa: S608 - The names of our own states.
_SEEN: Final = "UPDATE charges SET failure = $3, next_query_at = $2 WHERE id = $1 AND state = 'reversing'"
_LATE_STATES: Final = frozenset({"open", "partly_paid", "reopened"})


class Raced(Busy):
    """Somebody else was faster at a row that was not locked; nothing was written, and a repeat will see it."""

    def __init__(self) -> None:
        super().__init__("credit_raced")


@dataclass(frozen=True, slots=True)
class _Context:
    """All that one credit works on."""

    tx: Tx
    item: Credit
    standing: Standing | None
    merchant_id: str
    suspense: Row | None
    trace_id: str

    @property
    def charge_id(self) -> str | None:
        return self.standing.charge_id if self.standing else None

    @property
    def order_id(self) -> str | None:
        return self.standing.order_id if self.standing else None

    @property
    def refs(self) -> Refs:
        return Refs(self.trace_id, self.order_id, self.charge_id)

    def result(self, outcome: Outcome, reason: Reason | None = None, *, repeated: bool = False) -> Credited:
        return Credited(outcome, reason, self.charge_id, self.order_id, repeated)


async def credit(tx: Tx, item: Credit) -> Credited:
    """Bring one receipt into the books, in the caller's transaction. Raises ``Raced``; a repeat then succeeds."""
    await locks.charge_and_order(tx, item.out_trade_no)
    row = await tx.row(_READ, item.out_trade_no, item.gateway, item.account, item.notice_id, item.transaction_id)
    assert row is not None
    if row["inbox_outcome"] is not None:
        return restored(row["inbox_outcome"], row["inbox_charge_id"], row["order_id"])
    context = _context(tx, item, row)
    result = await _carry_out(context, decide(item, context.standing, row["credited_to"]))
    await _record(context, result)
    return result


def _context(tx: Tx, item: Credit, row: Row) -> _Context:
    suspense = row if row["suspense_id"] is not None else None
    if row["charge_id"] is None:
        return _Context(tx, item, None, "", suspense, item.trace_id)
    standing = Standing(
        charge_id=row["charge_id"],
        charge_state=row["charge_state"],
        gateway=row["gateway"],
        account=row["gateway_account"],
        amount=row["amount"],
        currency=row["currency"],
        order_id=row["order_id"],
        order_state=row["order_state"],
        order_amount=row["order_amount"],
        returned=row["charge_failure"] == RETURNED,
    )
    return _Context(tx, item, standing, row["merchant_id"], suspense, row["trace_id"])


async def _carry_out(context: _Context, decision: Decision) -> Credited:
    if context.suspense is not None:
        standing = await _suspended_before(context, context.suspense, decision)
        if standing is not None:
            return standing
    if decision.course is Course.KNOWN:
        return await _known(context, decision)
    if decision.course is Course.CONTRADICT:
        return await _contradict(context, decision)
    if decision.course is Course.WAIT:
        return await _wait(context)
    lines = [] if decision.course is Course.SUSPEND else await context.tx.rows(_LINES, context.order_id)
    if decision.course is Course.SUSPEND or not payable(lines, late=decision.course is Course.LATE):
        return await _surplus(context, decision)
    if decision.course is Course.LATE:
        return await _apply_late(context, lines)
    return await _apply(context, [values.line(row) for row in lines])


async def _known(context: _Context, decision: Decision) -> Credited:
    """The transaction is credited; one that is now told otherwise is for a person to look at."""
    if decision.to_desk:
        job = _case(context, "contradiction", context.item.notice_id, decision.reason)
        await enqueue(context.tx, [job], from_micros(context.item.at))
    return context.result(Outcome.APPLIED, repeated=True)


async def _suspended_before(context: _Context, suspense: Row, decision: Decision) -> Credited | None:
    """Answer for a transaction that lies in suspense; None when this receipt corrects what put it there."""
    reason = Reason(suspense["suspense_reason"])
    if suspense["suspense_state"] == "applied":
        return context.result(Outcome.APPLIED, repeated=True)
    correctable = reason in CONTRADICTING and suspense["suspense_state"] == "held"
    if decision.course is not Course.APPLY or not correctable:
        await _differs(context, suspense, decision)
        return context.result(Outcome.SUSPENDED, reason, repeated=True)
    suspense_id = suspense["suspense_id"]
    await _surely(_SUSPENSE_APPLIED(context.tx, suspense_id, context.item.at))
    now = from_micros(context.item.at)
    await reverse(context.tx, f"suspend:{suspense_id}", f"unsuspend:{suspense_id}", context.refs, now)
    return None


async def _differs(context: _Context, suspense: Row, decision: Decision) -> None:
    """Call a person when the same transaction is told with another sum than the one that lies in suspense."""
    item = context.item
    if (item.amount, item.currency) != (suspense["suspense_amount"], suspense["suspense_currency"]):
        job = _case(context, "contradiction", item.notice_id, decision.reason)
        await enqueue(context.tx, [job], from_micros(item.at))


def payable(lines: Sequence[Row], *, late: bool) -> bool:
    """Tell whether an order's lines can still take its money: no claim is taken, every hosted bill is there for it.

    With ``late`` the order had let its bills go; then a bill that nobody holds and that owes enough will do.
    """
    return all(row["claimed_by"] is None and _bill_ready(row, late=late) for row in lines)


def _bill_ready(row: Row, *, late: bool) -> bool:
    if row["bill_id"] is None or (row["bill_state"] == "held" and row["bill_held_by"] == row["order_id"]):
        return True
    principal = row["amount"] - row["late_fee"] + row["discount"]
    return late and row["bill_state"] in _LATE_STATES and bool(row["bill_owed"] >= principal)


async def _apply(context: _Context, lines: Sequence[OrderLine]) -> Credited:
    """The ordinary course: the order is paid and the merchant is due its amount."""
    item, standing = context.item, context.standing
    assert standing is not None
    await _surely(ORDER_PAID(context.tx, standing.order_id, standing.charge_id, item.paid_at))
    await _charge_paid(context)
    through = accounts.clearing(item.gateway, item.account)
    postings = (
        Posting(accounts.payers(item.gateway), through, item.amount, item.currency),
        Posting(through, accounts.merchant_due(context.merchant_id), item.amount, item.currency),
    )
    await post(context.tx, f"credit:{standing.charge_id}", postings, context.refs, from_micros(item.at))
    await _take_lines(context, lines)
    return context.result(Outcome.APPLIED)


async def _apply_late(context: _Context, rows: Sequence[Row]) -> Credited:
    """Paid after the charge or the order had been given up: through suspense, and from there to the merchant."""
    item, standing, tx = context.item, context.standing, context.tx
    assert standing is not None
    for row in rows:
        if row["bill_id"] is not None and row["bill_state"] != "held":
            await _surely(bills.hold_late(tx, values.line(row), item.at))
    if standing.order_state == "closed":
        await _surely(_ORDER_LATE(tx, standing.order_id))
    paid = _ORDER_LATE_PAID if standing.order_state == "closed" else ORDER_PAID
    await _surely(paid(tx, standing.order_id, standing.charge_id, item.paid_at))
    await _charge_paid(context)
    suspense_id = await _suspend(context, Reason.CLOSED)
    await _surely(_SUSPENSE_APPLIED(tx, suspense_id, item.at))
    held = accounts.suspense(item.gateway, item.account)
    posting = Posting(held, accounts.merchant_due(context.merchant_id), item.amount, item.currency)
    await post(tx, f"apply:{suspense_id}", [posting], context.refs, from_micros(item.at))
    await _take_lines(context, [values.line(row) for row in rows])
    # Another charge may be under way for what is paid now.
    await closing.stop_charges(tx, standing.order_id, item.at)
    return context.result(Outcome.APPLIED)


async def _take_lines(context: _Context, lines: Sequence[OrderLine]) -> None:
    """Mark bills as paid, take the claims, and have the billers told."""
    tx, item = context.tx, context.item
    for line in lines:
        if line.bill_id is not None:
            await _surely(bills.pay(tx, line, item.at))
        if line.claim is not None and not await tx.execute(_CLAIM, line.claim, line.id, line.order_id, item.at):
            raise Raced
    jobs = [work.fulfil(line.id, line.order_id, line.biller, context.trace_id) for line in lines]
    await enqueue(tx, jobs, from_micros(item.at))


async def _surplus(context: _Context, decision: Decision) -> Credited:
    """Received and too much: the charge is paid, the money waits in suspense to be given back."""
    tx, item, standing = context.tx, context.item, context.standing
    assert standing is not None
    reason = Reason.CLAIMED if decision.course is Course.LATE else decision.reason
    if standing.order_state == "closed":
        await _surely(_ORDER_LATE(tx, standing.order_id))
    await _charge_paid(context)
    await closing.finish(tx, standing.order_id, item.at)
    suspense_id = await _suspend(context, reason)
    job = (
        _case(context, "suspense", suspense_id, reason)
        if decision.to_desk
        else work.refund_surplus(suspense_id, item.gateway, item.account, context.trace_id)
    )
    await enqueue(tx, [job], from_micros(item.at))
    return context.result(Outcome.SUSPENDED, reason)


async def _contradict(context: _Context, decision: Decision) -> Credited:
    """Genuine and not what we asked for: the money is kept safe, the charge stays, a person is called."""
    tx, item = context.tx, context.item
    suspense_id = await _suspend(context, decision.reason)
    if context.charge_id is not None:
        await tx.execute(_DOUBT, context.charge_id, str(decision.reason), item.at)
    await enqueue(tx, [_case(context, "suspense", suspense_id, decision.reason)], from_micros(item.at))
    return context.result(Outcome.SUSPENDED, decision.reason)


async def _wait(context: _Context) -> Credited:
    """Keep in mind that the charge was paid, and have its reversal go on at once: "no such number" is no end now."""
    await _surely(_paid_seen(context.tx, context.charge_id, context.item.at))
    return context.result(Outcome.RECORDED)


async def _paid_seen(tx: Tx, charge_id: str | None, at: int) -> bool:
    return bool(await tx.execute(_SEEN, charge_id, at, PAID_SEEN))


def _case(context: _Context, kind: str, key: str, reason: Reason) -> NewJob:
    item = context.item
    facts = {
        "reason": str(reason),
        "amount": item.amount,
        "currency": item.currency,
        "gateway": item.gateway,
        "account": item.account,
        "out_trade_no": item.out_trade_no,
        "foreign": item.foreign,
    }
    return work.case(kind, key, context.order_id or key, facts, context.trace_id)


async def _charge_paid(context: _Context) -> None:
    item = context.item
    assert context.charge_id is not None
    await _surely(
        _CHARGE_PAID(
            context.tx,
            context.charge_id,
            item.at,
            item.transaction_id,
            item.payer_amount,
            item.settlement_amount,
            item.discounts,
            item.paid_at,
        )
    )


async def _suspend(context: _Context, reason: Reason) -> str:
    """Post what was received to suspense and return the id of its row."""
    item = context.item
    now = from_micros(item.at)
    suspense_id = new_id("sus", now)
    inserted = await context.tx.execute(
        _SUSPEND,
        suspense_id,
        item.gateway,
        item.account,
        item.out_trade_no,
        item.transaction_id,
        item.amount,
        item.currency,
        str(reason),
        context.charge_id,
        context.order_id,
        context.trace_id,
        item.at,
    )
    if not inserted:
        raise Raced
    through = accounts.clearing(item.gateway, item.account)
    postings = (
        Posting(accounts.payers(item.gateway), through, item.amount, item.currency),
        Posting(through, accounts.suspense(item.gateway, item.account), item.amount, item.currency),
    )
    await post(context.tx, f"suspend:{suspense_id}", postings, context.refs, now)
    return suspense_id


async def _record(context: _Context, result: Credited) -> None:
    item = context.item
    inserted = await context.tx.execute(
        _INBOX,
        item.gateway,
        item.account,
        item.notice_id,
        item.kind,
        item.digest,
        result.stored,
        result.charge_id,
        context.trace_id,
        item.at,
    )
    if not inserted:
        raise Raced
    context.tx.signal(work.ORDER_CHANNEL)


async def _surely(step: Awaitable[bool]) -> None:
    if not await step:
        raise Raced
