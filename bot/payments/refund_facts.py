"""Brings what a gateway says about refunds into the books, ours and those made in the merchant's console alike."""

from datetime import datetime, timedelta
from typing import Final, Literal

from bot.jobs.outbox import enqueue
from bot.jobs.port import NewJob
from bot.kernel.clock import to_micros
from bot.kernel.errors import Conflict
from bot.payments import locks, refund_new, refund_rows, values, work
from bot.payments.facts import RefundFact, RefundState
from bot.payments.policy import REFUND_PAUSES
from bot.payments.refund_new import Terms
from bot.payments.sharing import returning
from bot.payments.values import Charge, Order, Refund
from bot.storage.port import Tx

CONSOLE: Final[Literal["console"]] = "console"

_CHARGE: Final = "SELECT * FROM charges WHERE out_trade_no = $1 AND gateway = $2 AND gateway_account = $3"
_HELD: Final = """
SELECT * FROM suspense WHERE out_trade_no = $1 AND gateway = $2 AND gateway_account = $3 AND state = 'held'
  AND amount = $4 AND currency = $5
ORDER BY at LIMIT 1
"""


async def record(tx: Tx, refund: Refund, fact: RefundFact, now: datetime) -> str:
    """Move a refund as a verified fact says and post what follows; return the state it is in afterwards.

    A fact that contradicts the refund, or its final state, changes nothing and becomes a case.
    """
    if refund.order_id is not None:
        await locks.order(tx, refund.order_id)
    refund = await refund_rows.by_id(tx, refund.id) or refund
    if (fact.amount, fact.currency, fact.out_trade_no) != (refund.amount, refund.currency, refund.out_trade_no):
        await _case(tx, "refund_mismatch", refund, {"told": fact.amount}, now)
        return refund.state
    match fact.state:
        case RefundState.SUCCEEDED:
            moved = await _succeeded(tx, refund, fact, now)
        case RefundState.FAILED:
            moved = await failed(tx, refund, "refused_by_gateway", now)
        case RefundState.ABNORMAL:
            moved = await _abnormal(tx, refund, fact, now)
        case RefundState.PENDING:
            await refund_rows.PENDING(tx, refund.id, to_micros(now), fact.refund_id)
            moved = True
    if not moved and refund.state in ("succeeded", "failed") and refund.state != fact.state:
        await _case(tx, "refund_contradiction", refund, {"told": str(fact.state)}, now)
    tx.signal(work.ORDER_CHANNEL)
    after = await refund_rows.by_id(tx, refund.id)
    return after.state if after is not None else refund.state


async def failed(tx: Tx, refund: Refund, why: str, now: datetime) -> bool:
    """End a refund of which it is certain that no money moved; what it reserved is free again."""
    if not await refund_rows.FAILED(tx, refund.id, to_micros(now), why):
        return False
    await refund_rows.put_back(tx, refund, now)
    if refund.suspense_id is not None:
        await refund_rows.SUSPENSE_HELD(tx, refund.suspense_id, to_micros(now))
    else:
        await refund_rows.stands_again(tx, refund, now)
    await _case(tx, "refund_failed", refund, {"why": why}, now)
    return True


async def _succeeded(tx: Tx, refund: Refund, fact: RefundFact, now: datetime) -> bool:
    at = to_micros(now)
    moment = to_micros(fact.succeeded_at or now)
    if not await refund_rows.SUCCEEDED(tx, refund.id, at, fact.refund_id, moment):
        return False
    await refund_rows.pay_out(tx, refund, now)
    if refund.suspense_id is not None:
        await refund_rows.SUSPENSE_REFUNDED(tx, refund.suspense_id, at)
    await refund_rows.undo_payment(tx, await refund_rows.lines(tx, refund), now)
    await _tell(tx, refund, now)
    return True


async def _abnormal(tx: Tx, refund: Refund, fact: RefundFact, now: datetime) -> bool:
    again = to_micros(now + timedelta(seconds=REFUND_PAUSES[-1]))
    if not await refund_rows.ABNORMAL(tx, refund.id, to_micros(now), fact.refund_id, again):
        return False
    await _case(tx, "refund_abnormal", refund, {}, now)
    return True


async def decided(tx: Tx, refund_id: str, state: RefundState, now: datetime) -> None:
    """End an abnormal refund as two people have found that it ended; the gateway may still contradict them.

    Raises Conflict(``refund_not_abnormal``) for any other refund.
    """
    refund = await refund_rows.by_id(tx, refund_id)
    if refund is None or refund.state != "abnormal":
        raise Conflict("refund_not_abnormal", "it has come to its end meanwhile")
    fact = RefundFact(
        out_refund_no=refund.out_refund_no,
        out_trade_no=refund.out_trade_no,
        refund_id=refund.refund_id or "",
        state=state,
        amount=refund.amount,
        total=refund.total,
        currency=refund.currency,
        merchant_id="",
    )
    await record(tx, refund, fact, now)


async def _tell(tx: Tx, refund: Refund, now: datetime) -> None:
    order = await _order(tx, refund.order_id)
    if order is None or order.channel is None or order.customer_id is None:
        return
    job = work.refund_receipt(order.id, refund.id, order.channel, order.account or "", refund.trace_id)
    await enqueue(tx, [job], now)


async def adopt(tx: Tx, *, gateway: str, account: str, fact: RefundFact, trace_id: str, now: datetime) -> Refund | None:
    """Take over a refund that we did not make (DESIGN §4); None when it is of no money that we know.

    The biller has not been asked to take anything back, so a person is told in any case.
    """
    row = await tx.row(_CHARGE, fact.out_trade_no, gateway, account)
    charge = values.charge(row) if row is not None else None
    order = await _locked(tx, charge)
    terms = Terms(CONSOLE, CONSOLE, "pending", CONSOLE, CONSOLE, now, fact.out_refund_no)
    held = await tx.row(_HELD, fact.out_trade_no, gateway, account, fact.amount, fact.currency)
    if charge is not None and order is not None and order.paid_charge_id == charge.id:
        await _make_room(tx, order, fact, now)
        whole = sum(line.amount for line in await refund_rows.rest(tx, order.id)) == fact.amount
        refund = refund_new.of_charge(charge, terms, fact.amount, None if whole else refund_rows.PART)
    elif held is not None:
        refund = refund_new.of_suspense(values.suspended(held), terms)
        await refund_rows.SUSPENSE_REFUNDING(tx, refund.suspense_id or "", to_micros(now))
    else:
        facts = {"out_trade_no": fact.out_trade_no, "amount": fact.amount, "gateway": gateway, "account": account}
        key = f"{gateway}:{fact.out_refund_no}"
        await enqueue(tx, [work.case("refund_unknown", key, key, facts, trace_id)], now)
        return None
    await refund_rows.insert(tx, refund, to_micros(now))
    await refund_rows.take_back(tx, refund, now)
    await refund_rows.recount(tx, refund.order_id)
    await refund_rows.ask_later(tx, refund.id, now + timedelta(seconds=REFUND_PAUSES[2]))
    await returning.after_console(tx, refund, now)
    await _case(tx, "console_refund", refund, {}, now)
    return refund


async def _make_room(tx: Tx, order: Order, fact: RefundFact, now: datetime) -> None:
    """Give up refunds of ours that no gateway has heard of and that this one leaves no money for."""
    over = order.refunded + fact.amount - order.amount
    for refund in await refund_rows.undecided(tx, order.id):
        if over > 0 and await refund_rows.reject(tx, refund, "refunded_in_console", None, now):
            over -= refund.amount


async def _locked(tx: Tx, charge: Charge | None) -> Order | None:
    if charge is None:
        return None
    row = await locks.order(tx, charge.order_id)
    return values.order(row) if row is not None else None


async def _order(tx: Tx, order_id: str | None) -> Order | None:
    row = await locks.order(tx, order_id) if order_id is not None else None
    return values.order(row) if row is not None else None


async def _case(tx: Tx, kind: str, refund: Refund, more: dict[str, str | int], now: datetime) -> None:
    facts = {
        "refund_id": refund.id,
        "out_refund_no": refund.out_refund_no,
        "amount": refund.amount,
        "gateway": refund.gateway,
        **more,
    }
    await enqueue(tx, [_job(kind, refund, facts)], now)


def _job(kind: str, refund: Refund, facts: dict[str, str | int]) -> NewJob:
    return work.case(kind, refund.id, refund.order_id or refund.id, facts, refund.trace_id)
