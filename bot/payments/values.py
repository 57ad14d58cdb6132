"""Orders, lines, charges, refunds and suspense as frozen values, and how a row becomes one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.kernel.clock import from_micros
from bot.payments.facts import Way
from bot.storage.port import Row


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A bill or item of an order; ``amount`` (fen) includes ``late_fee``. The account itself stays sealed."""

    id: str
    order_id: str
    position: int
    item_id: str
    biller: str
    bill_id: str | None
    bill_no: str | None
    account_mask: str
    period: str | None
    title: str
    amount: int
    late_fee: int
    claim: str | None
    state: str
    biller_ref: str | None
    refusal: str | None
    changed_at: datetime
    account_sealed: bytes | None = field(default=None, repr=False)
    discount: int = 0

    @property
    def principal(self) -> int:
        """What the payment takes off a bill, in fen: a late fee pays no part of it, what was let off does."""
        return self.amount - self.late_fee + self.discount


@dataclass(frozen=True, slots=True)
class Order:
    """What a customer was asked to pay; amounts in fen. ``refunded`` counts what refunds took or still reserve."""

    id: str
    quote_id: str
    token: str
    merchant_id: str
    store_id: str | None
    scene: str
    origin: str
    channel: str | None
    account: str | None
    customer_id: str | None
    title: str
    amount: int
    currency: str
    state: str
    paid_charge_id: str | None
    trace_id: str
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None
    closed_at: datetime | None
    refunded: int
    lines: tuple[OrderLine, ...] = ()

    @property
    def paid(self) -> bool:
        return self.state == "paid"


@dataclass(frozen=True, slots=True)
class Charge:
    """One attempt to take an order's money at one gateway; the sealed parts hold the payer's identity."""

    id: str
    order_id: str
    gateway: str
    gateway_account: str
    way: Way
    out_trade_no: str
    amount: int
    currency: str
    state: str
    payer_hash: str | None
    transaction_id: str | None
    failure: str | None
    trace_id: str
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None
    next_query_at: datetime | None
    queries: int
    request_sealed: bytes = field(repr=False)
    handover_sealed: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Refund:
    """Money on its way back to a payer, in fen; ``total`` is what the payment it comes from received."""

    id: str
    order_id: str | None
    charge_id: str | None
    line_id: str | None
    suspense_id: str | None
    out_refund_no: str
    gateway: str
    gateway_account: str
    out_trade_no: str
    transaction_id: str | None
    total: int
    source: str
    amount: int
    currency: str
    reason: str
    state: str
    refund_id: str | None
    failure: str | None
    requested_by: str
    approved_by: str | None
    trace_id: str
    created_at: datetime
    succeeded_at: datetime | None
    next_query_at: datetime | None
    queries: int


@dataclass(frozen=True, slots=True)
class Suspended:
    """A genuine receipt that no order could take, in fen."""

    id: str
    gateway: str
    gateway_account: str
    out_trade_no: str
    transaction_id: str
    amount: int
    currency: str
    reason: str
    state: str
    charge_id: str | None
    order_id: str | None
    trace_id: str


def order(row: Row, lines: Sequence[Row] = ()) -> Order:
    return Order(
        id=row["id"],
        quote_id=row["quote_id"],
        token=row["token"],
        merchant_id=row["merchant_id"],
        store_id=row["store_id"],
        scene=row["scene"],
        origin=row["origin"],
        channel=row["channel"],
        account=row["account"],
        customer_id=row["customer_id"],
        title=row["title"],
        amount=row["amount"],
        currency=row["currency"],
        state=row["state"],
        paid_charge_id=row["paid_charge_id"],
        trace_id=row["trace_id"],
        created_at=from_micros(row["created_at"]),
        expires_at=from_micros(row["expires_at"]),
        paid_at=_moment(row["paid_at"]),
        closed_at=_moment(row["closed_at"]),
        refunded=row["refunded"],
        lines=tuple(line(entry) for entry in lines),
    )


def line(row: Row) -> OrderLine:
    return OrderLine(
        id=row["id"],
        order_id=row["order_id"],
        position=row["position"],
        item_id=row["item_id"],
        biller=row["biller"],
        bill_id=row["bill_id"],
        bill_no=row["bill_no"],
        account_mask=row["account_mask"],
        period=row["period"],
        title=row["title"],
        amount=row["amount"],
        late_fee=row["late_fee"],
        discount=row["discount"],
        claim=row["claim"],
        state=row["state"],
        biller_ref=row["biller_ref"],
        refusal=row["refusal"],
        changed_at=from_micros(row["changed_at"]),
        account_sealed=row["account_sealed"],
    )


def charge(row: Row) -> Charge:
    return Charge(
        id=row["id"],
        order_id=row["order_id"],
        gateway=row["gateway"],
        gateway_account=row["gateway_account"],
        way=Way(row["way"]),
        out_trade_no=row["out_trade_no"],
        amount=row["amount"],
        currency=row["currency"],
        state=row["state"],
        payer_hash=row["payer_hash"],
        transaction_id=row["transaction_id"],
        failure=row["failure"],
        trace_id=row["trace_id"],
        created_at=from_micros(row["created_at"]),
        expires_at=from_micros(row["expires_at"]),
        paid_at=_moment(row["paid_at"]),
        next_query_at=_moment(row["next_query_at"]),
        queries=row["queries"],
        request_sealed=row["request_sealed"],
        handover_sealed=row["handover_sealed"],
    )


def refund(row: Row) -> Refund:
    return Refund(
        id=row["id"],
        order_id=row["order_id"],
        charge_id=row["charge_id"],
        line_id=row["line_id"],
        suspense_id=row["suspense_id"],
        out_refund_no=row["out_refund_no"],
        gateway=row["gateway"],
        gateway_account=row["gateway_account"],
        out_trade_no=row["out_trade_no"],
        transaction_id=row["transaction_id"],
        total=row["total"],
        source=row["source"],
        amount=row["amount"],
        currency=row["currency"],
        reason=row["reason"],
        state=row["state"],
        refund_id=row["refund_id"],
        failure=row["failure"],
        requested_by=row["requested_by"],
        approved_by=row["approved_by"],
        trace_id=row["trace_id"],
        created_at=from_micros(row["created_at"]),
        succeeded_at=_moment(row["succeeded_at"]),
        next_query_at=_moment(row["next_query_at"]),
        queries=row["queries"],
    )


def suspended(row: Row) -> Suspended:
    return Suspended(
        id=row["id"],
        gateway=row["gateway"],
        gateway_account=row["gateway_account"],
        out_trade_no=row["out_trade_no"],
        transaction_id=row["transaction_id"],
        amount=row["amount"],
        currency=row["currency"],
        reason=row["reason"],
        state=row["state"],
        charge_id=row["charge_id"],
        order_id=row["order_id"],
        trace_id=row["trace_id"],
    )


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
