"""The profit-sharing bill (分账账单) of one day: a line for each part that a receiver was given, or gave back.

Sources: GET /v3/profitsharing/bills, pay.weixin.qq.com/doc/v3/merchant/4012529628 (address, hash, form of the file;
only what succeeded is listed, amounts in yuan). The names of the columns are known from public code that reads such a
file; the names of its sums are not, so nothing is held against them: the file is proven by its hash.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from bot.gateways.wechatpay import billfile
from bot.gateways.wechatpay.account import WeChatPayAccount
from bot.gateways.wechatpay.billfile import Places, fen, moment
from bot.gateways.wechatpay.client import Client
from bot.gateways.wechatpay.errors import NO_STATEMENT
from bot.kernel.errors import GatewayTrouble
from bot.kernel.money import CNY
from bot.payments.facts import StatementLine

# A merchant to whom the product is not open has shared nothing; should it be open after all, our own shares are
# found missing at the gateway.
_NONE: Final = (NO_STATEMENT, "NO_AUTH")
_FREE_TEXT: Final = ("分账描述", "备注")
_BACK: Final = ("回退", "退回")
# What was given free to the sharing merchant itself has never left its account.
_FREED: Final = ("解冻", "完结")
_NO_NUMBER: Final = "0"


def fetch(client: Client, account: WeChatPayAccount, day: date) -> AsyncIterator[StatementLine]:
    """Return every line of that day's bill as a stream, none where nothing was shared; see ``billfile.fetch``."""
    whose = f"&sub_mchid={account.sub_mchid}" if account.partner else ""
    path = f"/v3/profitsharing/bills?bill_date={day.isoformat()}&tar_type=GZIP{whose}"
    return _given(billfile.fetch(client, path, ShareBill(account.sub_mchid), _NONE))


def read(file: bytes, sub_mchid: str = "") -> Iterator[StatementLine]:
    """Yield the lines of a proven file; raises GatewayTrouble."""
    return (line for line in billfile.rows(file, ShareBill(sub_mchid)) if line is not None)


async def _given(lines: AsyncIterator[StatementLine | None]) -> AsyncIterator[StatementLine]:
    async for line in lines:
        if line is not None:
            yield line


@dataclass(frozen=True, slots=True)
class _Columns:
    at: int
    sharer: int
    transaction_id: int
    share_id: int
    detail_id: int
    out_order_no: int
    receiver: int
    amount: int
    kind: int
    state: int


class ShareBill:
    """Reads one profit-sharing bill."""

    summary = ""

    def __init__(self, sub_mchid: str = "") -> None:
        self._sub_mchid = sub_mchid
        self._columns: _Columns | None = None

    def open(self, names: list[str]) -> int:
        places = Places(names, _FREE_TEXT)
        self._columns = _Columns(
            at=places.need("分账时间"),
            sharer=places.need("分账方"),
            transaction_id=places.need("微信订单号", "微信支付订单号"),
            share_id=places.need("微信分账/回退单号"),
            detail_id=places.need("分账明细单号"),
            out_order_no=places.need("商户分账/回退单号"),
            receiver=places.need("分账接收方"),
            amount=places.need("金额", "分账金额", "金额(元)"),
            kind=places.need("业务类型"),
            state=places.need("处理状态"),
        )
        return len(names)

    def row(self, values: list[str]) -> StatementLine | None:
        """Return a line, None for what the sharing merchant kept."""
        columns = self._columns
        assert columns is not None, "the column names come first"
        word, sharer = values[columns.kind], values[columns.sharer]
        if self._sub_mchid and sharer not in ("", self._sub_mchid):
            raise GatewayTrouble("statement_malformed", "a line of another sub-merchant")
        back = any(each in word for each in _BACK)
        if any(each in word for each in _FREED) or (not back and values[columns.receiver] == sharer):
            return None
        if not back and "分账" not in word:
            raise GatewayTrouble("statement_malformed", "a kind of share that nobody knows")
        detail = values[columns.detail_id]
        return StatementLine(
            kind="share_returned" if back else "share",
            out_trade_no="",
            transaction_id=values[columns.transaction_id],
            amount=fen(values[columns.amount]),
            currency=CNY,
            state=values[columns.state],
            at=moment(values[columns.at]),
            refund_id=values[columns.share_id] if back or detail in ("", _NO_NUMBER) else detail,
            vendor_state=word,
            out_order_no=values[columns.out_order_no],
        )

    def check(self, names: list[str], values: list[str]) -> None:
        """See that a line of sums is there at all, as it is in every whole file."""
        if not names or not values:
            raise GatewayTrouble("statement_malformed", "the bill ends within its summary")
