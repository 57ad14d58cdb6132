"""The calls about one order at UnionPay in the name of one account, which the gateway and its codes share."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.gateways.unionpay.account import UnionPayAccount
from bot.gateways.unionpay.answers import Call, Verdict, verdict_of, word_of
from bot.gateways.unionpay.certificates import Trust
from bot.gateways.unionpay.client import Client, Good, Silent
from bot.gateways.unionpay.mapping import (
    BACK_PATH,
    QUERY,
    QUERY_PATH,
    REVERSAL,
    Malformed,
    charge_fact,
    trade_form,
)
from bot.kernel.clock import SHANGHAI, Clock
from bot.payments.facts import ChargeFact, ChargeRef, Closed, Declined, Missing, NewCharge, Paid, Unknown, Waiting

# The day by which UnionPay settles ends at 23:00, and what is reversed must not be settled yet.
CUT_HOUR: Final = 23
MESSAGE_MAX: Final = 120
_REVERSED: Final = "REVERSED"


@dataclass(frozen=True, slots=True)
class Merchant:
    """One account with what speaks for it."""

    account: UnionPayAccount
    trust: Trust
    client: Client
    clock: Clock

    async def query(self, charge: ChargeRef) -> ChargeFact:
        reply = await self.client.post(QUERY_PATH, trade_form(charge, self.account, QUERY))
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        match verdict_of(Call.QUERY, reply.code):
            case Verdict.MISSING:
                return Missing()
            case Verdict.DONE:
                try:
                    return charge_fact(reply.data, charge, self.clock.now())
                except Malformed as fault:
                    return Unknown(f"malformed_{fault}")
        return Unknown(refusal(reply))

    async def close(self, charge: ChargeRef) -> ChargeFact:
        """End an order that nobody pays.

        UnionPay has no close, only expiry and reversal, and a reversal gives back what was paid (payments.md, trap
        25 says the same of Alipay's cancel). So the order is asked about first and reversed only while it is unpaid;
        a payment that comes in between is given back by UnionPay itself and told as ``Closed`` with ``was_paid``.
        After the day's cut no reversal is possible, and the charge stays Unknown until its ``payTimeout`` is over.
        """
        before = await self.query(charge)
        if not isinstance(before, Waiting):
            return before
        fact = await self.reverse(charge)
        return fact if isinstance(fact, Paid | Closed) else Unknown(_reason(fact))

    async def reverse(self, charge: ChargeRef) -> ChargeFact:
        """Ask for a reversal and tell what it came to; Paid where it was refused because the order is paid."""
        if self.clock.now() >= reversible_until(charge.created_at):
            return Declined("reverse_expired")
        reply = await self.client.post(BACK_PATH, trade_form(charge, self.account, REVERSAL))
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        match verdict_of(Call.REVERSE, reply.code):
            case Verdict.EXPIRED:
                return Declined("reverse_expired", reply.code)
            case Verdict.ASK:
                return await self.query(charge)
            case Verdict.DONE:
                return _after_reversal(await self.query(charge))
        return Unknown(refusal(reply))


def reversible_until(created_at: datetime) -> datetime:
    """Return the end of the settlement day in which a charge was made: the next 23:00 in Shanghai."""
    local = created_at.astimezone(SHANGHAI)
    cut = local.replace(hour=CUT_HOUR, minute=0, second=0, microsecond=0)
    return cut if local < cut else cut + timedelta(days=1)


def reference(charge: NewCharge) -> ChargeRef:
    return ChargeRef(
        out_trade_no=charge.out_trade_no,
        account=charge.account,
        way=charge.way,
        amount=charge.amount,
        currency=charge.currency,
        created_at=charge.created_at,
        expires_at=charge.expires_at,
        payer_app=charge.payer_app,
    )


def declined(reply: Good) -> Declined:
    return Declined(word_of(reply.code), reply.code, reply.data.get("respMsg", "")[:MESSAGE_MAX])


def refusal(reply: Good) -> str:
    return f"resp_{reply.code}"


def _after_reversal(fact: ChargeFact) -> ChargeFact:
    """Read the query that follows a reversal which UnionPay confirmed.

    The original may still be told as successful, since the reversal is a transaction of its own: then the money went
    back. One that is still told as waiting has not ended for certain, so it is asked about again.
    """
    match fact:
        case Paid():
            return Closed(_REVERSED, was_paid=True)
        case Missing() | Declined():
            return Closed(_REVERSED)
        case Waiting(state):
            return Unknown(f"reversing_{state}")
    return fact


def _reason(fact: ChargeFact) -> str:
    match fact:
        case Unknown(reason):
            return reason
        case Declined(code):
            return code
        case Waiting(state):
            return f"waiting_{state}"
    return "not_closed"
