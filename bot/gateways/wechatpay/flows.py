"""资金账单: the movements of the basic account on one day, each with its sign."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from bot.gateways.wechatpay import billfile, sealedbill
from bot.gateways.wechatpay.billfile import Places, fen, moment
from bot.gateways.wechatpay.crypto import ALGORITHM
from bot.gateways.wechatpay.merchants import Merchants
from bot.kernel.errors import GatewayTrouble
from bot.payments.faculties import FlowLine

Kind = Literal["payment", "refund", "fee", "fee_returned", "share", "share_returned", "withdrawal", "other"]

# 业务类型 and 收支类型 → our word; whatever is not here is "other", so that a new word of theirs loses no movement.
# 交易, 退款 and 扣除交易手续费 are in payments.md §4.1 and in public fixtures; the other words are general knowledge.
KINDS: Final[Mapping[tuple[str, str], Kind]] = {
    ("交易", "收入"): "payment",
    ("退款", "支出"): "refund",
    ("扣除交易手续费", "支出"): "fee",
    ("退回交易手续费", "收入"): "fee_returned",
    ("退还交易手续费", "收入"): "fee_returned",
    ("分账", "支出"): "share",
    ("分账", "收入"): "share",
    ("分账回退", "收入"): "share_returned",
    ("分账回退", "支出"): "share_returned",
    ("提现", "支出"): "withdrawal",
}
_SUB: Final = "/v3/bill/sub-merchant-fundflowbill"
_SIGNS: Final[Mapping[str, int]] = {"收入": 1, "支出": -1}
_BALANCE: Final = re.compile(r"-?[0-9.]+", re.ASCII)


class WeChatPayFlows:
    """See ``payments.faculties.Flows``."""

    def __init__(self, merchants: Merchants) -> None:
        self._merchants = merchants

    async def lines(self, account: str, day: date) -> AsyncIterator[FlowLine]:
        """Yield the day's movements on the basic account (see ``billfile.fetch``).

        A sub-merchant's movements are in a bill of another kind, encrypted for the provider (see ``sealedbill``); the
        provider's own would tell another account's money.
        """
        seller = self._merchants.of(account)
        sub_mchid = seller.account.sub_mchid
        if seller.account.partner:
            path = f"{_SUB}?sub_mchid={sub_mchid}&bill_date={day.isoformat()}&account_type=BASIC&algorithm={ALGORITHM}"
            lines = sealedbill.fetch(seller.client, path, FlowBill())
        else:
            path = f"/v3/bill/fundflowbill?bill_date={day.isoformat()}&account_type=BASIC&tar_type=GZIP"
            lines = billfile.fetch(seller.client, path, FlowBill())
        async for line in lines:
            yield line


def read(file: bytes) -> Iterator[FlowLine]:
    """Yield the lines of a proven file; raises GatewayTrouble."""
    return billfile.rows(file, FlowBill())


@dataclass(frozen=True, slots=True)
class _Columns:
    at: int
    transaction_id: int
    flow_no: int
    name: int
    kind: int
    direction: int
    amount: int
    balance: int
    note: int
    reference: int


class FlowBill:
    """Reads one fund-flow bill and sums it up; columns and sums as in payments.md §4.1."""

    summary = "资金流水总笔数"

    def __init__(self) -> None:
        self._columns: _Columns | None = None
        self._sums = dict.fromkeys((self.summary, "收入笔数", "收入金额", "支出笔数", "支出金额"), 0)

    def open(self, names: list[str]) -> int:
        places = Places(names, ("备注",))
        self._columns = _Columns(
            at=places.need("记账时间"),
            transaction_id=places.need("微信支付业务单号"),
            flow_no=places.need("资金流水单号"),
            name=places.need("业务名称"),
            kind=places.need("业务类型"),
            direction=places.need("收支类型"),
            amount=places.need("收支金额(元)", "收支金额（元）"),
            balance=places.need("账户结余(元)", "账户结余（元）"),
            note=places.need("备注"),
            reference=places.need("业务凭证号"),
        )
        return len(names)

    def row(self, values: list[str]) -> FlowLine:
        columns = self._columns
        assert columns is not None, "the column names come first"
        direction, kind = values[columns.direction], values[columns.kind]
        if direction not in _SIGNS:
            raise GatewayTrouble("statement_malformed", "a direction that nobody knows")
        amount = fen(values[columns.amount])
        self._sums[self.summary] += 100
        self._sums[f"{direction}笔数"] += 100
        self._sums[f"{direction}金额"] += amount
        return FlowLine(
            at=moment(values[columns.at]),
            flow_no=values[columns.flow_no],
            transaction_id=values[columns.transaction_id],
            kind=KINDS.get((kind, direction), "other"),
            amount=amount * _SIGNS[direction],
            balance=_balance(values[columns.balance]),
            vendor_kind=f"{values[columns.name]}/{kind}" if values[columns.name] != kind else kind,
            note=values[columns.note],
            reference=values[columns.reference],
        )

    def check(self, names: list[str], values: list[str]) -> None:
        billfile.compare_sums(names, values, self._sums)


def _balance(text: str) -> int | None:
    """Return the balance, which may be overdrawn; None where the bill does not tell it."""
    if not _BALANCE.fullmatch(text):
        return None
    amount = fen(text.removeprefix("-"))
    return -amount if text.startswith("-") else amount
