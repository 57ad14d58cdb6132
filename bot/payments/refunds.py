"""Gives money back: requested, approved by a second name where it is much, undone at the biller, then submitted."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from bot.billers.port import Refusal
from bot.jobs.outbox import enqueue
from bot.kernel.clock import Clock, to_micros
from bot.kernel.errors import Conflict, Forbidden, NotFound
from bot.payments import idempotency, locks, refund_facts, refund_new, refund_part, refund_rows, values, work
from bot.payments.credit_item import Credited, Outcome
from bot.payments.facts import Declined, Missing, NewRefund, Notice, RefundFact, RefundRef, Unknown
from bot.payments.policy import REFUND_PAUSES, Policy, pause
from bot.payments.refund_new import Terms
from bot.payments.registry import Gateways
from bot.payments.sharing import returning
from bot.payments.states import LINE
from bot.payments.values import Order, OrderLine, Refund
from bot.storage.port import Database, Tx
from bot.trail import audit

SCOPE: Final = "refund"
# Who approved a refund that is small enough to need no second person.
BY_POLICY: Final = "policy"
SYSTEM: Final = "system"

REVERSING: Final = LINE.move("settled", to="reversing", sets="attempts = 0")
# While a line is in one of these, nobody knows or may change what the biller has; no refund call is made (DESIGN §4).
_BUSY: Final = frozenset({"sent", "unknown", "reversing"})
_WAIT_SECONDS: Final = 5.0

_CHARGE: Final = "SELECT * FROM charges WHERE id = $1"
_INBOX: Final = """
INSERT INTO inbox (gateway, account, notice_id, kind, body_digest, outcome, charge_id, trace_id, received_at)
VALUES ($1, $2, $3, $4, $5, $6, NULL, $7, $8)
ON CONFLICT (gateway, account, notice_id) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class RefundAsk:
    """Asks for a refund of a whole order, of one of its lines, or of an ``amount`` (fen) that is no sum of lines.

    ``key`` makes a repeat safe. ``requested_by`` is a person's name, or ``system:`` and a reason.
    """

    order_id: str
    key: str
    requested_by: str
    reason: str
    line_id: str | None = None
    amount: int | None = None

    def __post_init__(self) -> None:
        if self.amount is not None and (self.amount <= 0 or self.line_id is not None):
            raise ValueError("a part of an order is an amount above zero and names no line")


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not yet; try again in so many seconds."""

    reason: str
    after: float = _WAIT_SECONDS


@dataclass(frozen=True, slots=True)
class Over:
    """Nothing is left to submit: the refund is in this state, and the sweeper or a notice moves it on."""

    state: str


async def request_in(
    tx: Tx, ask: RefundAsk, policy: Policy, now: datetime, *, agreed: bool = False
) -> Refund | Refusal:
    """Make a refund inside the caller's transaction; the same key gives the same refund.

    One above the policy's limit asks for a second name by a case, unless the caller brings it (``agreed``).

    Refusals: ``order_unknown``, ``order_unpaid``, ``line_unknown``, ``nothing_left``, ``partial_refund``. Raises
    Conflict(``idempotency_conflict``) for a key that was used with other inputs.
    """
    row = await locks.order(tx, ask.order_id)
    if row is None:
        return Refusal("order_unknown")
    order = values.order(row)
    refusal: Refusal | None = None

    async def first() -> str | None:
        nonlocal refusal
        made = await _make(tx, ask, order, policy, now, agreed)
        if isinstance(made, Refusal):
            refusal = made
            return None
        return made.id

    inputs: dict[str, idempotency.Input] = {
        "order_id": ask.order_id,
        "line_id": ask.line_id,
        "reason": ask.reason,
        "requested_by": ask.requested_by,
        **({} if ask.amount is None else {"amount": ask.amount}),
    }
    refund_id = await idempotency.once(tx, scope=SCOPE, key=ask.key, inputs=inputs, now=now, work=first)
    refund = await refund_rows.by_id(tx, refund_id) if refund_id is not None else None
    return refund or refusal or Refusal("order_unknown")


async def _make(tx: Tx, ask: RefundAsk, order: Order, policy: Policy, now: datetime, agreed: bool) -> Refund | Refusal:
    amount = await _chosen(tx, ask, order)
    if isinstance(amount, Refusal):
        return amount
    if not amount or not await refund_rows.reserve(tx, order.id, amount):
        return Refusal("nothing_left", {"refunded": order.refunded})
    charge = await tx.row(_CHARGE, order.paid_charge_id)
    assert charge is not None
    terms = Terms("order", ask.reason, "requested", ask.requested_by, None, now)
    line_id = ask.line_id if ask.amount is None else refund_rows.PART
    refund = refund_new.of_charge(values.charge(charge), terms, amount, line_id)
    await refund_rows.insert(tx, refund, to_micros(now))
    await _audited(tx, refund, ask.requested_by, "refund.requested", now)
    # A person's refunds of an order count together, else a large one would be many small ones of one name. Lines that
    # billers refuse one by one are nobody's choice, and each is measured by itself.
    before = 0 if ask.requested_by.startswith(f"{SYSTEM}:") else order.refunded
    if before + amount <= policy.refund_alone_max:
        await _approve(tx, refund, BY_POLICY, now)
    elif not agreed:
        facts = {"amount": amount, "requested_by": ask.requested_by, "reason": ask.reason}
        await enqueue(tx, [work.case("refund_approval", refund.id, order.id, facts, refund.trace_id)], now)
    tx.signal(work.ORDER_CHANNEL)
    return refund


async def _chosen(tx: Tx, ask: RefundAsk, order: Order) -> int | Refusal:
    """Return what to give back, in fen. Lines go back whole, for no part of one could be undone at a biller."""
    if order.state != "paid":
        return Refusal("order_unpaid")
    if ask.amount is not None:
        return await refund_part.refusal(tx, order, ask.amount) or ask.amount
    rest = await refund_rows.rest(tx, order.id)
    if ask.line_id is not None:
        chosen = next((line for line in rest if line.id == ask.line_id), None)
        if chosen is not None:
            return await refund_part.line_refusal(tx, order, chosen) or chosen.amount
        known = await refund_rows.line(tx, order.id, ask.line_id) is not None
        return 0 if known else Refusal("line_unknown")
    left = order.amount - order.refunded
    if left and sum(line.amount for line in rest) != left:
        return Refusal("partial_refund", {"left": left})
    return left


async def _approve(tx: Tx, refund: Refund, by: str, now: datetime) -> bool:
    if not await refund_rows.APPROVED(tx, refund.id, to_micros(now), by):
        return False
    await refund_rows.take_back(tx, refund, now)
    job = work.refund_submit(refund.id, refund.gateway, refund.gateway_account, refund.trace_id)
    await enqueue(tx, [job], now)
    return True


async def approve_in(tx: Tx, refund_id: str, by: str, now: datetime) -> Refund:
    """Approve inside the caller's transaction. Raises Forbidden(``same_person``), Conflict, NotFound."""
    refund = await _decidable(tx, refund_id)
    if refund.requested_by == by:
        raise Forbidden("same_person", "another person than the one who asked has to approve")
    if not await _approve(tx, refund, by, now):
        raise Conflict("refund_state", state=refund.state)
    await _audited(tx, refund, by, "refund.approved", now)
    return await _decidable(tx, refund_id)


async def reject_in(tx: Tx, refund_id: str, by: str, why: str, now: datetime) -> Refund:
    """Refuse inside the caller's transaction. Raises Conflict(``refund_state``), NotFound."""
    refund = await _decidable(tx, refund_id)
    if refund.state != "requested" or not await refund_rows.reject(tx, refund, why, by, now):
        raise Conflict("refund_state", state=refund.state)
    await _audited(tx, refund, by, "refund.rejected", now)
    return await _decidable(tx, refund_id)


async def request_approved_in(tx: Tx, ask: RefundAsk, policy: Policy, *, approved_by: str, now: datetime) -> Refund:
    """Make a refund that two people have agreed on already. Raises Conflict with the refusal's code."""
    refund = await request_in(tx, ask, policy, now, agreed=True)
    if isinstance(refund, Refusal):
        raise Conflict(refund.code, "look at the order's refunds")
    return await approve_in(tx, refund.id, approved_by, now) if refund.state == "requested" else refund


async def _decidable(tx: Tx, refund_id: str) -> Refund:
    refund = await refund_rows.by_id(tx, refund_id)
    if refund is None:
        raise NotFound("refund_unknown")
    if refund.order_id is not None:
        await locks.order(tx, refund.order_id)
    return await refund_rows.by_id(tx, refund_id) or refund


async def _audited(tx: Tx, refund: Refund, actor: str, action: str, now: datetime) -> None:
    detail = {"amount": refund.amount, "order_id": refund.order_id, "line_id": refund.line_id}
    await audit.record(
        tx, actor=actor, action=action, subject=refund.id, detail=detail, trace_id=refund.trace_id, now=now
    )


class Refunds:
    """Requests, approves, submits and follows refunds."""

    def __init__(self, database: Database, clock: Clock, gateways: Gateways, policy: Policy) -> None:
        self._database = database
        self._clock = clock
        self._gateways = gateways
        self._policy = policy

    async def request(self, ask: RefundAsk) -> Refund | Refusal:
        """Make a refund, once for each key; see ``request_in``. Above the policy's limit it waits for approval."""
        now = self._clock.now()
        return await self._database.effect(lambda tx: request_in(tx, ask, self._policy, now))

    async def approve(self, refund_id: str, by: str) -> Refund:
        """Approve as a second person. Raises Forbidden(``same_person``), Conflict(``refund_state``), NotFound."""
        now = self._clock.now()
        return await self._database.effect(lambda tx: approve_in(tx, refund_id, by, now))

    async def reject(self, refund_id: str, by: str, why: str) -> Refund:
        """Refuse a refund that was not sent; its amount is free again. Raises Conflict(``refund_state``), NotFound."""
        now = self._clock.now()
        return await self._database.effect(lambda tx: reject_in(tx, refund_id, by, why, now))

    async def surplus(self, suspense_id: str, by: str = SYSTEM) -> Refund:
        """Give back money that lies in suspense; repeated, it returns the refund that is under way or done.

        Raises NotFound(``suspense_unknown``), Conflict(``suspense_state``) when the money was applied after all.
        """
        now = self._clock.now()

        async def give_back(tx: Tx) -> Refund:
            held = await refund_rows.suspended(tx, suspense_id)
            if held is None:
                raise NotFound("suspense_unknown")
            if not await refund_rows.SUSPENSE_REFUNDING(tx, suspense_id, to_micros(now)):
                standing = await refund_rows.of_suspense(tx, suspense_id)
                if standing is None:
                    raise Conflict("suspense_state", state=held.state)
                return standing
            terms = Terms("surplus", f"surplus:{held.reason}", "approved", by, BY_POLICY, now)
            refund = refund_new.of_suspense(held, terms)
            await refund_rows.insert(tx, refund, to_micros(now))
            await refund_rows.take_back(tx, refund, now)
            await _audited(tx, refund, by, "refund.surplus", now)
            job = work.refund_submit(refund.id, refund.gateway, refund.gateway_account, refund.trace_id)
            await enqueue(tx, [job], now)
            return refund

        return await self._database.effect(give_back)

    async def get(self, refund_id: str) -> Refund:
        """Return a refund; raises NotFound(``refund_unknown``)."""
        return await self._database.effect(lambda tx: _decidable(tx, refund_id))

    async def submit(self, refund_id: str) -> Waiting | Over:
        """Bring an approved refund to its gateway, when nothing at the billers stands against it any more."""
        now = self._clock.now()
        ready = await self._database.effect(lambda tx: self._ready(tx, refund_id, now))
        if not isinstance(ready, Refund):
            return ready
        return Over(await self._send(ready))

    async def ask(self, refund_id: str) -> str:
        """Ask how a refund stands that is under way; return its state. Never ended by a timer (payments.md, trap 8)."""
        refund = await self.get(refund_id)
        if refund.state not in ("pending", "unknown", "abnormal"):
            return refund.state
        reference = RefundRef(refund.out_refund_no, refund.out_trade_no, refund.gateway_account, refund.amount)
        answer = await self._gateways.get(refund.gateway).refund_query(reference)
        if isinstance(answer, RefundFact):
            return await self._record(refund, answer)
        if isinstance(answer, Missing) and refund.state != "abnormal" and refund.source != refund_facts.CONSOLE:
            # Our intent is committed and the gateway has not heard of it: the identical call, with the same number.
            await self._later(refund)
            return await self._send(refund)
        await self._later(refund)
        return refund.state

    async def of_notice(self, gateway: str, notice: Notice, fact: RefundFact, trace_id: str) -> Credited:
        """Bring a verified notice about a refund into the books; one that is not ours is adopted."""
        now = self._clock.now()
        merchant_id, _ = self._gateways.get(gateway).owner(notice.account)

        async def take(tx: Tx) -> Credited:
            refund = await refund_rows.by_number(tx, fact.out_refund_no)
            trace = refund.trace_id if refund is not None else trace_id
            stored = [gateway, notice.account, notice.id, notice.kind, notice.body_digest, str(Outcome.REFUND), trace]
            if not await tx.execute(_INBOX, *stored, to_micros(now)):
                return Credited(Outcome.REFUND, order_id=refund.order_id if refund else None, repeated=True)
            ours = (refund.gateway, refund.gateway_account) == (gateway, notice.account) if refund else True
            if fact.merchant_id != merchant_id or not ours:
                facts = {"out_refund_no": fact.out_refund_no, "gateway": gateway, "amount": fact.amount}
                await enqueue(tx, [work.case("refund_foreign", notice.id, notice.id, facts, trace)], now)
                return Credited(Outcome.RECORDED)
            if refund is None:
                refund = await refund_facts.adopt(
                    tx, gateway=gateway, account=notice.account, fact=fact, trace_id=trace_id, now=now
                )
            if refund is None:
                return Credited(Outcome.RECORDED)
            await refund_facts.record(tx, refund, fact, now)
            return Credited(Outcome.REFUND, None, refund.charge_id, refund.order_id)

        return await self._database.effect(take)

    async def _ready(self, tx: Tx, refund_id: str, now: datetime) -> Refund | Waiting | Over:
        """Commit the intent to send, or start what has to come before, or tell why it is not time."""
        refund = await _decidable(tx, refund_id)
        if refund.state == "requested":
            return Waiting("awaiting_approval", 60.0)
        if refund.state in ("pending", "unknown"):
            return refund
        if refund.state != "approved":
            return Over(refund.state)
        lines = await refund_rows.lines(tx, refund)
        refused = next((line for line in lines if line.state == "reversal_refused"), None)
        if refused is not None:
            return await self._impossible(tx, refund, refused, now)
        undoing = [line for line in lines if line.state == "settled" and await REVERSING(tx, line.id, to_micros(now))]
        jobs = [work.undo(line.id, line.order_id, line.biller, refund.trace_id) for line in undoing]
        await enqueue(tx, jobs, now)
        if undoing or any(line.state in _BUSY for line in lines):
            return Waiting("biller_first")
        kept = await returning.before_refund(tx, refund, now)
        if kept:
            return Waiting(kept, 30.0)
        again = now + timedelta(seconds=REFUND_PAUSES[0])
        await refund_rows.SUBMITTED(tx, refund.id, to_micros(now), to_micros(again))
        return replace(refund, state="pending")

    async def _impossible(self, tx: Tx, refund: Refund, line: OrderLine, now: datetime) -> Over:
        """The biller keeps the payment, so the money stays; a person has to find another way."""
        await refund_rows.reject(tx, refund, "reversal_refused", None, now)
        facts = {"refund_id": refund.id, "amount": refund.amount, "code": line.refusal or ""}
        case = work.case("reversal_refused", line.id, line.order_id, facts, refund.trace_id)
        await enqueue(tx, [case], now)
        return Over("rejected")

    async def _send(self, refund: Refund) -> str:
        answer = await self._gateways.get(refund.gateway).refund(
            NewRefund(
                out_refund_no=refund.out_refund_no,
                out_trade_no=refund.out_trade_no,
                account=refund.gateway_account,
                amount=refund.amount,
                total=refund.total,
                currency=refund.currency,
                reason=refund.reason,
                notify_url=self._gateways.notify_url(refund.gateway, refund.gateway_account),
                transaction_id=refund.transaction_id,
            )
        )
        match answer:
            case RefundFact():
                return await self._record(refund, answer)
            case Declined():
                return await self._declined(refund, answer)
            case Unknown():
                return await self._unknown(refund)

    async def _record(self, refund: Refund, fact: RefundFact) -> str:
        now = self._clock.now()

        async def record(tx: Tx) -> str:
            state = await refund_facts.record(tx, refund, fact, now)
            if state in ("pending", "unknown", "abnormal"):
                await refund_rows.ask_later(
                    tx, refund.id, now + timedelta(seconds=pause(REFUND_PAUSES, refund.queries))
                )
            return state

        return await self._database.effect(record)

    async def _declined(self, refund: Refund, answer: Declined) -> str:
        now = self._clock.now()

        async def record(tx: Tx) -> str:
            await refund_facts.failed(tx, await _decidable(tx, refund.id), answer.code, now)
            return (await _decidable(tx, refund.id)).state

        return await self._database.effect(record)

    async def _unknown(self, refund: Refund) -> str:
        now = self._clock.now()
        again = now + timedelta(seconds=pause(REFUND_PAUSES, refund.queries))

        async def record(tx: Tx) -> str:
            await refund_rows.UNKNOWN(tx, refund.id, to_micros(now), to_micros(again))
            return (await _decidable(tx, refund.id)).state

        return await self._database.effect(record)

    async def _later(self, refund: Refund) -> None:
        again = self._clock.now() + timedelta(seconds=pause(REFUND_PAUSES, refund.queries))
        await self._database.effect(lambda tx: refund_rows.ask_later(tx, refund.id, again))
