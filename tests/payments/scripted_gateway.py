"""A gateway that keeps its own books of charges and refunds, and loses or falsifies answers where a test says so."""

import asyncio
import dataclasses
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, TypeVar

from bot.kernel.clock import Clock
from bot.payments.facts import (
    ChargeFact,
    ChargeRef,
    Closed,
    Created,
    Declined,
    Missing,
    NewCharge,
    NewRefund,
    Notice,
    Paid,
    PaidFact,
    RawNotice,
    RefundFact,
    RefundRef,
    RefundState,
    StatementLine,
    Unknown,
    Unverified,
    Waiting,
    Way,
)
from bot.payments.faculties import Codes, Contracts, Flows, Sharing

MCHID = "1900000001"
APP = "wxapp"
Call = Literal["create", "query", "close", "refund", "refund_query", "pay", "reverse"]
Answer = TypeVar("Answer")

# What a script may say instead of a literal answer.
LOST_BEFORE = "lost_before"  # The call never arrives; no answer.
LOST_AFTER = "lost_after"  # The call is carried out; its answer is lost.

_NO_ANSWER: Any = Unknown("timeout")


@dataclass(slots=True)
class UpstreamCharge:
    """A charge as this gateway knows it."""

    request: NewCharge
    state: Literal["waiting", "paid", "closed"] = "waiting"
    fact: PaidFact | None = None


@dataclass(slots=True)
class UpstreamRefund:
    request: NewRefund
    fact: RefundFact


@dataclass(slots=True)
class ScriptedGateway:
    """Implements ``Gateway``. ``script`` queues what the next calls of a kind answer; without one they succeed."""

    clock: Clock
    name: str = "scripted"
    can: frozenset[Way] = frozenset({Way.JSAPI, Way.NATIVE, Way.CLOSE, Way.REFUND, Way.CODE})
    charges: dict[str, UpstreamCharge] = field(default_factory=dict)
    refunds: dict[str, UpstreamRefund] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    requests: list[NewCharge] = field(default_factory=list)
    scripts: dict[str, deque[Any]] = field(default_factory=lambda: defaultdict(deque))
    # A test that wants to look, or to cancel, in the middle of a call waits for ``reached`` and sets ``go``.
    gate: tuple[asyncio.Event, asyncio.Event] | None = None
    refund_outcome: RefundState = RefundState.SUCCEEDED
    # Faculties, where a test gives it some.
    codes: Codes | None = None
    flows: Flows | None = None
    sharing: Sharing | None = None
    contracts: Contracts | None = None

    def script(self, call: Call, *answers: Any) -> None:
        self.scripts[call].extend(answers)

    def count(self, call: Call) -> int:
        return sum(1 for made, _ in self.calls if made == call)

    # --- what a payer, a merchant in its console and a test do ---------------------------------------------------

    def pay(self, out_trade_no: str, *, amount: int | None = None) -> PaidFact:
        """The payer pays; raises KeyError or ValueError where no payer could."""
        charge = self.charges[out_trade_no]
        if charge.state == "closed":
            raise ValueError("closed")
        if charge.fact is None:
            charge.state = "paid"
            charge.fact = self.fact(out_trade_no, amount or charge.request.amount)
        return charge.fact

    def fact(self, out_trade_no: str, amount: int, **changes: Any) -> PaidFact:
        fact = PaidFact(
            out_trade_no=out_trade_no,
            transaction_id=f"4200{out_trade_no}",
            amount=amount,
            currency="CNY",
            merchant_id=MCHID,
            app_id=APP,
            paid_at=self.clock.now(),
            payer_id="openid-1",
            payer_amount=amount,
            settlement_amount=amount,
        )
        return dataclasses.replace(fact, **changes)

    def notice(self, fact: PaidFact | RefundFact | None, *, id_: str | None = None, account: str = "main") -> Notice:
        number = id_ or f"evt-{getattr(fact, 'transaction_id', '') or getattr(fact, 'out_refund_no', 'none')}"
        kind = "TRANSACTION.SUCCESS" if isinstance(fact, PaidFact) else "REFUND"
        return Notice(id=number, account=account, fact=fact, kind=kind, body_digest="digest")

    def console_refund(self, out_trade_no: str, number: str, amount: int) -> RefundFact | Declined:
        """The merchant refunds in the gateway's own console."""
        charge = self.charges[out_trade_no].request
        request = NewRefund(number, out_trade_no, charge.account, amount, charge.amount, "CNY", "console", "")
        return self._refunded(request, RefundState.SUCCEEDED)

    # --- the port ------------------------------------------------------------------------------------------------

    async def create(self, charge: NewCharge) -> Created | Paid | Declined | Unknown:
        self.requests.append(charge)
        return await self._call("create", charge.out_trade_no, lambda: self._create(charge))

    def renew(self, charge: ChargeRef, handover: Mapping[str, str]) -> Mapping[str, str]:
        return handover

    async def query(self, charge: ChargeRef) -> ChargeFact:
        return await self._call("query", charge.out_trade_no, lambda: self._state(charge.out_trade_no))

    async def close(self, charge: ChargeRef) -> ChargeFact:
        return await self._call("close", charge.out_trade_no, lambda: self._close(charge.out_trade_no))

    async def refund(self, refund: NewRefund) -> RefundFact | Declined | Unknown:
        return await self._call("refund", refund.out_refund_no, lambda: self._refunded(refund, self.refund_outcome))

    async def refund_query(self, refund: RefundRef) -> RefundFact | Missing | Unknown:
        return await self._call("refund_query", refund.out_refund_no, lambda: self._refund_state(refund.out_refund_no))

    def read_notice(self, raw: RawNotice, now: datetime) -> Notice | Unverified:
        return Unverified("scripted")

    def acknowledge(self, accepted: bool) -> tuple[int, str, bytes]:
        return (200 if accepted else 500), "application/json", b"{}"

    def owner(self, account: str) -> tuple[str, frozenset[str]]:
        return MCHID, frozenset({APP, "wxmini"})

    async def statement(self, account: str, day: date) -> AsyncIterator[StatementLine]:
        for _ in ():
            yield StatementLine("payment", "", "", 0, "CNY", "", self.clock.now())

    async def refresh(self) -> None:
        return None

    async def _call(self, call: Call, number: str, carry_out: Callable[[], Answer]) -> Answer:
        self.calls.append((call, number))
        if self.gate is not None:
            reached, go = self.gate
            reached.set()
            await go.wait()
        await asyncio.sleep(0)
        told = self.scripts[call].popleft() if self.scripts[call] else None
        nothing: Answer = _NO_ANSWER
        if told == LOST_BEFORE:
            return nothing
        if told is None or told == LOST_AFTER:
            answer = carry_out()
            return nothing if told == LOST_AFTER else answer
        scripted: Answer = told() if callable(told) else told
        return scripted

    def _create(self, request: NewCharge) -> Created | Paid | Declined:
        known = self.charges.setdefault(request.out_trade_no, UpstreamCharge(request))
        if known.request != request:
            return Declined("other_inputs", "OUT_TRADE_NO_USED")
        if known.state == "closed":
            return Declined("closed", "ORDER_CLOSED")
        if known.fact is not None:
            return Paid(known.fact)
        return Created({"prepay_id": f"wx{request.out_trade_no}"})

    def _state(self, number: str) -> ChargeFact:
        known = self.charges.get(number)
        if known is None:
            return Missing()
        if known.fact is not None:
            return Paid(known.fact)
        return Closed("CLOSED") if known.state == "closed" else Waiting("NOTPAY")

    def _close(self, number: str) -> ChargeFact:
        known = self.charges.get(number)
        if known is not None and known.state == "waiting":
            known.state = "closed"
        return self._state(number)

    def _refunded(self, request: NewRefund, state: RefundState) -> RefundFact | Declined:
        if request.out_refund_no in self.refunds:
            return self.refunds[request.out_refund_no].fact
        if request.amount > self._refundable(request.out_trade_no):
            return Declined("over_refund", "INVALID_REQUEST")
        fact = RefundFact(
            out_refund_no=request.out_refund_no,
            out_trade_no=request.out_trade_no,
            refund_id=f"5030{request.out_refund_no}",
            state=state,
            amount=request.amount,
            total=request.total,
            currency=request.currency,
            merchant_id=MCHID,
            succeeded_at=self.clock.now() if state is RefundState.SUCCEEDED else None,
        )
        self.refunds[request.out_refund_no] = UpstreamRefund(request, fact)
        return fact

    def _refundable(self, out_trade_no: str) -> int:
        """What was paid and not given back or being given back; a charge that only a test's notice paid has it all."""
        charge = self.charges[out_trade_no]
        paid = charge.fact.amount if charge.fact is not None else charge.request.amount
        given = [entry.fact for entry in self.refunds.values() if entry.request.out_trade_no == out_trade_no]
        return paid - sum(fact.amount for fact in given if fact.state is not RefundState.FAILED)

    def _refund_state(self, number: str) -> RefundFact | Missing:
        known = self.refunds.get(number)
        return known.fact if known is not None else Missing()

    def settle_refund(self, number: str, state: RefundState) -> RefundFact:
        """The refund that was under way at the gateway comes to an end."""
        known = self.refunds[number]
        at = self.clock.now() if state is RefundState.SUCCEEDED else None
        known.fact = dataclasses.replace(known.fact, state=state, succeeded_at=at)
        return known.fact

    @property
    def handed_over(self) -> Mapping[str, UpstreamCharge]:
        return self.charges
