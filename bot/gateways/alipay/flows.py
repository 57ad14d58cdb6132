"""The fund-flow bill of one day (账务明细): every movement of the merchant's balance at Alipay."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import date
from typing import Final, Literal

from bot.gateways.alipay import bills
from bot.gateways.alipay.bills import BillFile, Row, compare, fen, moment, plain
from bot.gateways.alipay.merchants import Merchants
from bot.kernel.clock import Clock
from bot.payments.faculties import FlowLine

_TABLE: Final = "账务明细"
_SUMS: Final = re.compile(r"#(收入|支出)合计:\s*(\d+)笔,\s*共([+-]?[\d.]+)元")
Kind = Literal["payment", "refund", "fee", "fee_returned", "share", "share_returned", "withdrawal", "other"]
# The vendor's words; whatever else they say is "other", for money must not be left out.
_KINDS: Final[Mapping[str, Kind]] = {
    "在线支付": "payment",
    "交易付款": "payment",
    "交易": "payment",
    "交易退款": "refund",
    "退款": "refund",
    "退款(交易退款)": "refund",
    "收费": "fee",
    "服务费": "fee",
    "退费": "fee_returned",
    "退服务费": "fee_returned",
    "分账": "share",
    "交易分账": "share",
    "退分账": "share_returned",
    "交易退分账": "share_returned",
    "提现": "withdrawal",
}


class AlipayFlows:
    """See ``payments.faculties.Flows``."""

    def __init__(self, merchants: Merchants, clock: Clock) -> None:
        self._merchants = merchants
        self._clock = clock

    async def lines(self, account: str, day: date) -> AsyncIterator[FlowLine]:
        """Yield the movements of a Shanghai day, none where Alipay says that there is no bill."""
        file = await bills.fetch(self._merchants.of(account).client, "signcustomer", day, self._clock)
        if file is None:
            return
        async for line in bills.streamed(read(file)):
            yield line


def read(file: bytes) -> Iterator[FlowLine]:
    """Yield the lines of a downloaded file; raises GatewayTrouble where it does not add up to its own sums."""
    counts = {"收入": 0, "支出": 0}
    sums = {"收入": 0, "支出": 0}
    tail: list[str] = []
    for row in BillFile(file).rows(_TABLE, tail):
        line = _line(row)
        side = "收入" if line.amount >= 0 else "支出"
        counts[side] += 1
        sums[side] += line.amount
        yield line
    for match in filter(None, map(_SUMS.match, tail)):
        compare(f"{match[1]}合计", int(match[2]), counts[match[1]])
        compare(f"{match[1]}合计", abs(fen(match[3])), abs(sums[match[1]]))


def _line(row: Row) -> FlowLine:
    vendor_kind = plain(row["业务类型"])
    amount = abs(fen(row["收入金额"])) - abs(fen(row["支出金额"]))
    kind = _KINDS.get(vendor_kind, "other")
    if kind == "payment" and amount < 0:
        kind = "refund"
    balance = row.get("账户余额")
    return FlowLine(
        at=moment(row["发生时间"]),
        flow_no=row["账务流水号"],
        transaction_id=row["业务流水号"],
        kind=kind,
        amount=amount,
        balance=fen(balance) if balance else None,
        vendor_kind=vendor_kind,
        note=row.get("备注"),
        reference=row["商户订单号"],
    )
