"""The trade bill of one day (业务明细): payments and refunds, held against the sums that it states, then shares.

Shares (分账) are no business of the trade bill's: they are movements in the other one (账务明细), which names them by
the trade that they were taken from.
"""

import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from bot.gateways.alipay import bills, flows
from bot.gateways.alipay.bills import BillFile, Row, compare, fen, moment, rounded
from bot.gateways.alipay.client import Client
from bot.kernel.clock import Clock
from bot.kernel.errors import GatewayTrouble
from bot.kernel.money import CNY
from bot.payments.facts import StatementLine
from bot.payments.faculties import FlowLine

_TABLE: Final = "业务明细"
_TYPES: Final[Mapping[str, str]] = {"交易": "payment", "退款": "refund"}
_SUMS: Final = re.compile(r"#(交易|退款)合计:\s*(\d+)笔,\s*商家实收(?:退款)?共([+-]?[\d.]+)元")


async def fetch(client: Client, day: date, clock: Clock) -> AsyncIterator[StatementLine]:
    """Yield every line of that day's bill, none where Alipay says that there is no bill.

    Raises GatewayTrouble when there is no usable bill now, or when what is in it does not add up.
    """
    file = await bills.fetch(client, "trade", day, clock)
    if file is not None:
        async for line in bills.streamed(read(file)):
            yield line
    file = await bills.fetch(client, "signcustomer", day, clock, optional=True)
    if file is not None:
        async for line in bills.streamed(shares(flows.read(file))):
            yield line


def shares(moved: Iterable[FlowLine]) -> Iterator[StatementLine]:
    """Yield what the merchant gave to others or got back; a share of somebody else's trade is none of its own."""
    for flow in moved:
        out = flow.amount < 0
        if (flow.kind, out) in (("share", True), ("share_returned", False)):
            yield StatementLine(
                kind=flow.kind,
                out_trade_no=flow.reference,
                transaction_id=flow.transaction_id,
                amount=abs(flow.amount),
                currency=CNY,
                state=flow.vendor_kind,
                at=flow.at,
                refund_id=flow.flow_no,
                vendor_state=flow.vendor_kind,
            )


@dataclass(slots=True)
class _Sums:
    """What the rows of one kind add up to, in fen as the bill writes them: refunds below zero."""

    count: int = 0
    ordered: int = 0
    received: int = 0

    def add(self, row: Row) -> None:
        self.count += 1
        self.ordered += fen(row["订单金额"])
        self.received += fen(row["商家实收"])


def read(file: bytes) -> Iterator[StatementLine]:
    """Yield the lines of a downloaded file, in constant memory beside the file itself; raises GatewayTrouble."""
    bill = BillFile(file)
    sums = {"交易": _Sums(), "退款": _Sums()}
    tail: list[str] = []
    for row in bill.rows(_TABLE, tail):
        kind = row["业务类型"]
        if kind not in sums:
            raise GatewayTrouble("statement_malformed", "a kind of business that nobody knows")
        sums[kind].add(row)
        yield _line(row, kind)
    for match in filter(None, map(_SUMS.match, tail)):
        compare(f"{match[1]}合计", int(match[2]), sums[match[1]].count)
        compare(f"{match[1]}合计", abs(fen(match[3])), abs(sums[match[1]].received))
    _compare_summary(bill.summary(_TABLE), sums)


def _compare_summary(row: Row | None, sums: Mapping[str, _Sums]) -> None:
    if row is None:
        return
    paid, back = sums["交易"], sums["退款"]
    found = {
        "交易订单总笔数": paid.count * 100,
        "退款订单总笔数": back.count * 100,
        "订单金额": paid.ordered + back.ordered,
        "商家实收": paid.received + back.received,
    }
    for name, value in found.items():
        if told := row.get(name):
            compare(name, fen(told), value)


def _line(row: Row, vendor_kind: str) -> StatementLine:
    """Return one line. Fee and share are told with either sign, so the kind of the row decides it."""
    kind = _TYPES[vendor_kind]
    back = kind == "refund"
    amount, fee = abs(fen(row["订单金额"])), abs(rounded(row.get("服务费")))
    number = row.get("退款批次号/请求号") if back else ""
    return StatementLine(
        kind=kind,
        out_trade_no=row["商户订单号"],
        transaction_id=row["支付宝交易号"],
        amount=amount,
        currency=CNY,
        state="REFUND" if back else "TRADE_SUCCESS",
        at=moment(row["完成时间"]),
        fee=-fee if back else fee,
        out_refund_no=number,
        refund_id=number,
        settlement_amount=None if back else fen(row["商家实收"]),
        shared=abs(fen(row.get("分润"))),
        vendor_state=vendor_kind,
    )
