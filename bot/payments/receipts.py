"""The receipt of an order: what was paid to whom, how its lines stand at their billers, and a code that proves it."""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.billers.proofs import Proof, read_proof
from bot.kernel.clock import SHANGHAI, to_micros
from bot.kernel.errors import NotFound
from bot.kernel.money import format_yuan
from bot.payments import orders, values
from bot.payments.values import Order
from bot.storage.port import Database, Row

_CHARGE: Final = "SELECT * FROM charges WHERE id = $1"
_MERCHANT: Final = "SELECT name FROM merchants WHERE id = $1"
_REFUNDS: Final = "SELECT * FROM refunds WHERE order_id = $1 AND suspense_id IS NULL ORDER BY created_at"
_NOTES: Final = """
SELECT DISTINCT i.definition FROM order_lines l JOIN bill_items i ON i.id = l.item_id WHERE l.order_id = $1
"""
_ORDER_OF: Final = "SELECT order_id FROM charges WHERE out_trade_no = $1"
_PURPOSE: Final = b"scenepay receipt v1"
_TAIL: Final = 8
_CODE_CHARACTERS: Final = 16


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """One line as it is printed; ``state`` is that of its 销账. Amounts in fen."""

    title: str
    account_mask: str
    period: str | None
    bill_no: str | None
    amount: int
    late_fee: int
    state: str
    biller_ref: str | None
    refusal: str | None
    discount: int = 0

    @property
    def proof(self) -> Proof | None:
        """What the biller gave to show with it: a voucher for the gate, a fiscal receipt."""
        return read_proof(self.biller_ref)


@dataclass(frozen=True, slots=True)
class ReceiptRefund:
    """Money that went or goes back, in fen."""

    amount: int
    state: str
    out_refund_no: str
    succeeded_at: datetime | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """Everything that a receipt shows, with nothing in it that its holder must not see. Amounts in fen."""

    number: str
    order_id: str
    token: str
    title: str
    payee: str
    lines: tuple[ReceiptLine, ...]
    amount: int
    payer_amount: int | None
    currency: str
    gateway: str
    out_trade_no: str
    transaction_tail: str
    paid_at: datetime
    refunded: int
    refunds: tuple[ReceiptRefund, ...]
    code: str
    trace_id: str
    notes: tuple[str, ...] = ()  # What the items want to be known once they are paid.

    @property
    def settled(self) -> bool:
        """Whether every biller has booked its line."""
        return all(line.state == "settled" for line in self.lines)

    @property
    def amount_yuan(self) -> str:
        return format_yuan(self.amount)


class Receipts:
    """Makes receipts of paid orders and tells whether one that somebody shows is ours."""

    def __init__(self, database: Database, secret: bytes) -> None:
        if len(secret) < 16:
            raise ValueError("receipts need a secret of at least 16 bytes")
        self._database = database
        self._key = hmac.digest(secret, _PURPOSE, hashlib.sha256)

    async def of_order(self, order_id: str) -> Receipt:
        """Return the receipt as it stands now; raises NotFound(``order_unknown``, ``order_unpaid``)."""
        order = await orders.load(self._database, order_id)
        charge_row = await self._database.row(_CHARGE, order.paid_charge_id)
        if not order.paid or charge_row is None or order.paid_at is None:
            raise NotFound("order_unpaid")
        charge = values.charge(charge_row)
        merchant = await self._database.row(_MERCHANT, order.merchant_id)
        refunds = [values.refund(row) for row in await self._database.rows(_REFUNDS, order_id)]
        return Receipt(
            number=number(order),
            order_id=order.id,
            token=order.token,
            title=order.title,
            payee=merchant["name"] if merchant is not None else "",
            lines=tuple(_line(line) for line in order.lines),
            amount=order.amount,
            payer_amount=charge_row["payer_amount"],
            currency=order.currency,
            gateway=charge.gateway,
            out_trade_no=charge.out_trade_no,
            transaction_tail=(charge.transaction_id or "")[-_TAIL:],
            paid_at=order.paid_at,
            refunded=sum(refund.amount for refund in refunds if refund.state == "succeeded"),
            refunds=tuple(
                ReceiptRefund(refund.amount, refund.state, refund.out_refund_no, refund.succeeded_at)
                for refund in refunds
                if refund.state not in ("rejected", "failed")
            ),
            code=self._code(order, charge.out_trade_no),
            trace_id=order.trace_id,
            notes=_notes(await self._database.rows(_NOTES, order_id)),
        )

    async def shown(self, out_trade_no: str, code: str) -> Receipt | None:
        """Return the receipt that somebody holds, by what is printed on it; None where number and code do not fit.

        An unknown number and a wrong code are one answer, so that nobody learns which numbers exist.
        """
        row = await self._database.row(_ORDER_OF, out_trade_no)
        if row is None or not await self.verify(row["order_id"], code):
            return None
        receipt = await self.of_order(row["order_id"])
        # An attempt that another one paid for is on no receipt.
        return receipt if receipt.out_trade_no == out_trade_no else None

    async def verify(self, order_id: str, code: str) -> bool:
        """Tell whether a code belongs to the receipt of this order; False, too, for an order that is not there."""
        try:
            receipt = await self.of_order(order_id)
        except NotFound:
            return False
        given = code.replace("-", "").replace(" ", "").upper()
        return hmac.compare_digest(receipt.code.encode(), given.encode("utf-8", "replace"))

    def _code(self, order: Order, out_trade_no: str) -> str:
        """Return 80 bits over what must not be altered on paper: who, how much, when, which payment."""
        assert order.paid_at is not None
        parts = (order.id, order.merchant_id, str(order.amount), order.currency, str(to_micros(order.paid_at)))
        text = "\x1f".join((*parts, out_trade_no)).encode()
        return base64.b32encode(hmac.digest(self._key, text, hashlib.sha256)[:10]).decode()[:_CODE_CHARACTERS]


def number(order: Order) -> str:
    """Return the receipt's number: the Shanghai day of the payment and the end of the order's id."""
    day = (order.paid_at or order.created_at).astimezone(SHANGHAI)
    return f"{day:%Y%m%d}{order.id[-12:]}"


def _line(line: values.OrderLine) -> ReceiptLine:
    return ReceiptLine(
        title=line.title,
        account_mask=line.account_mask,
        period=line.period,
        bill_no=line.bill_no,
        amount=line.amount,
        late_fee=line.late_fee,
        state=line.state,
        biller_ref=line.biller_ref,
        refusal=line.refusal,
        discount=line.discount,
    )


def _notes(rows: Sequence[Row]) -> tuple[str, ...]:
    told = (json.loads(row["definition"]).get("afterwards", "") for row in rows)
    return tuple(dict.fromkeys(filter(None, told)))
