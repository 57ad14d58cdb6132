"""Makes the value of a refund from what it gives back: a paid charge, or money in suspense."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.kernel.ids import new_id, new_out_number
from bot.payments.values import Charge, Refund, Suspended


@dataclass(frozen=True, slots=True)
class Terms:
    """Who wants a refund, why, and how far it is when it is made; ``number`` is the gateway's where it made it."""

    source: Literal["order", "surplus", "console"]
    reason: str
    state: Literal["requested", "approved", "pending"]
    requested_by: str
    approved_by: str | None
    now: datetime
    number: str | None = None

    @property
    def out_refund_no(self) -> str:
        return self.number or new_out_number("R", self.now)


def of_charge(charge: Charge, terms: Terms, amount: int, line_id: str | None = None) -> Refund:
    """Return a refund of ``amount`` (fen) of a charge that paid its order."""
    return Refund(
        id=new_id("rfd", terms.now),
        order_id=charge.order_id,
        charge_id=charge.id,
        line_id=line_id,
        suspense_id=None,
        out_refund_no=terms.out_refund_no,
        gateway=charge.gateway,
        gateway_account=charge.gateway_account,
        out_trade_no=charge.out_trade_no,
        transaction_id=charge.transaction_id,
        total=charge.amount,
        source=terms.source,
        amount=amount,
        currency=charge.currency,
        reason=terms.reason,
        state=terms.state,
        refund_id=None,
        failure=None,
        requested_by=terms.requested_by,
        approved_by=terms.approved_by,
        trace_id=charge.trace_id,
        created_at=terms.now,
        succeeded_at=None,
        next_query_at=None,
        queries=0,
    )


def of_suspense(held: Suspended, terms: Terms) -> Refund:
    """Return a refund of everything that one receipt put into suspense."""
    return Refund(
        id=new_id("rfd", terms.now),
        order_id=held.order_id,
        charge_id=held.charge_id,
        line_id=None,
        suspense_id=held.id,
        out_refund_no=terms.out_refund_no,
        gateway=held.gateway,
        gateway_account=held.gateway_account,
        out_trade_no=held.out_trade_no,
        transaction_id=held.transaction_id,
        total=held.amount,
        source=terms.source,
        amount=held.amount,
        currency=held.currency,
        reason=terms.reason,
        state=terms.state,
        refund_id=None,
        failure=None,
        requested_by=terms.requested_by,
        approved_by=terms.approved_by,
        trace_id=held.trace_id,
        created_at=terms.now,
        succeeded_at=None,
        next_query_at=None,
        queries=0,
    )
