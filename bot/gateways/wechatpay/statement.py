"""The trade bill (交易账单) of one day, line by line, and after it what the profit-sharing bill has."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from bot.gateways.wechatpay import billfile, sharebill
from bot.gateways.wechatpay.account import WeChatPayAccount
from bot.gateways.wechatpay.billfile import Places, fen, moment, optional
from bot.gateways.wechatpay.client import Client
from bot.kernel.errors import GatewayTrouble
from bot.payments.facts import StatementLine

_FEE: Final = re.compile(r"-?\d{1,8}(?:\.\d{1,5})?", re.ASCII)
_FREE_TEXT: Final = ("商品名称", "商户数据包")
# A trade that was reversed after its payment (REVOKED, 付款码) is listed beside the payment, with what went back
# where a refund has it.
_TYPES: Final[Mapping[str, str]] = {"SUCCESS": "payment", "REFUND": "refund", "REVOKED": "reversal"}
_NO_NUMBER: Final = "0"  # Stands where a line has no number of a refund.


async def fetch(client: Client, account: WeChatPayAccount, day: date) -> AsyncIterator[StatementLine]:
    """Yield every line of that day's trades, then of its shares; see ``billfile.fetch``.

    A service provider asks for one sub-merchant's lines, and a line of another is refused with the bill.
    """
    whose = f"&sub_mchid={account.sub_mchid}" if account.partner else ""
    path = f"/v3/bill/tradebill?bill_date={day.isoformat()}&bill_type=ALL&tar_type=GZIP{whose}"
    # The first file is let go before the second one comes.
    async for trade in billfile.fetch(client, path, TradeBill(account.sub_mchid)):
        yield trade
    async for share in sharebill.fetch(client, account, day):
        yield share


def read(file: bytes, sub_mchid: str = "") -> Iterator[StatementLine]:
    """Yield the lines of a proven file; raises GatewayTrouble."""
    return billfile.rows(file, TradeBill(sub_mchid))


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where the values that we read stand in a line; None where this kind of bill does not have them."""

    at: int
    transaction_id: int
    out_trade_no: int
    trade_state: int
    currency: int
    fee: int
    paid: int
    settled: int | None
    refunded: int | None
    refund_settled: int | None
    refund_state: int | None
    refund_id: int | None
    out_refund_no: int | None
    sub_mchid: int | None


class TradeBill:
    """Reads one trade bill and sums it up; columns and sums as in payments.md §4.1."""

    # The count is written as 45 or as 45.0, so it is read like an amount, in hundredths.
    summary = "总交易单数"

    def __init__(self, sub_mchid: str = "") -> None:
        self._sub_mchid = sub_mchid
        self._columns: _Columns | None = None
        self._sums = {self.summary: 0, "订单总金额": 0, "申请退款总金额": 0}

    def open(self, names: list[str]) -> int:
        places = Places(names, _FREE_TEXT)
        self._columns = _Columns(
            at=places.need("交易时间"),
            transaction_id=places.need("微信订单号"),
            out_trade_no=places.need("商户订单号"),
            trade_state=places.need("交易状态"),
            currency=places.need("货币种类"),
            fee=places.need("手续费"),
            # The amounts that order and refund were made with; those of the settlement are lowered by coupons.
            paid=places.need("订单金额", "应结订单金额"),
            settled=places.find("应结订单金额"),
            refunded=places.find("申请退款金额", "退款金额"),
            refund_settled=places.find("退款金额"),
            refund_state=places.find("退款状态"),
            refund_id=places.find("微信退款单号"),
            out_refund_no=places.find("商户退款单号"),
            sub_mchid=places.find("特约商户号"),
        )
        return len(names)

    def row(self, values: list[str]) -> StatementLine:
        columns = self._columns
        assert columns is not None, "the column names come first"
        if self._sub_mchid and optional(values, columns.sub_mchid) not in ("", self._sub_mchid):
            raise GatewayTrouble("statement_malformed", "a line of another sub-merchant")
        paid = fen(values[columns.paid])
        refunded = 0 if columns.refunded is None else fen(values[columns.refunded])
        self._sums[self.summary] += 100
        self._sums["订单总金额"] += paid
        self._sums["申请退款总金额"] += refunded
        return _trade(columns, values, paid, refunded)

    def check(self, names: list[str], values: list[str]) -> None:
        billfile.compare_sums(names, values, self._sums)


def _trade(columns: _Columns, values: list[str], paid: int, refunded: int) -> StatementLine:
    state = values[columns.trade_state]
    kind = _TYPES.get(state)
    if kind is None:
        raise GatewayTrouble("statement_malformed", "a trade state that nobody knows")
    went_back = kind != "payment"
    settled = columns.refund_settled if kind == "refund" else columns.settled if kind == "payment" else None
    return StatementLine(
        kind=kind,
        out_trade_no=values[columns.out_trade_no],
        transaction_id=values[columns.transaction_id],
        amount=(refunded or paid if kind == "reversal" else refunded) if went_back else paid,
        currency=values[columns.currency],
        state=(optional(values, columns.refund_state) if kind == "refund" else "") or state,
        at=moment(values[columns.at]),
        fee=_rounded(values[columns.fee]),
        out_refund_no=_number(values, columns.out_refund_no) if went_back else "",
        refund_id=_number(values, columns.refund_id) if went_back else "",
        settlement_amount=None if settled is None else fen(values[settled]),
        vendor_state=state,
    )


def _number(values: list[str], place: int | None) -> str:
    told = optional(values, place)
    return "" if told == _NO_NUMBER else told


def _rounded(text: str) -> int:
    """Return fen of a fee, which has five decimals and may be negative, rounded half up (payments.md, trap 20)."""
    if not _FEE.fullmatch(text):
        raise GatewayTrouble("statement_malformed", "a fee that is none")
    return int((Decimal(text) * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))
