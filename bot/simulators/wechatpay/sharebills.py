"""The profit-sharing bill: a line for each part and each return of a day, wrong where the plan wants it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from bot.simulators.wechatpay.bills import Shelf, bill_day, csv_bytes, offer
from bot.simulators.wechatpay.book import CHINA
from bot.simulators.wechatpay.core import Simulator
from bot.simulators.wechatpay.discrepancies import Discrepancy, draw, number_of_nobody
from bot.simulators.wechatpay.fields import check_sub
from bot.simulators.wechatpay.flows import yuan
from bot.simulators.wechatpay.shares import PartState, Share
from bot.simulators.wechatpay.wire import Answer, Call

HEAD = (
    "分账时间,分账发起方,分账方,微信订单号,微信分账/回退单号,分账明细单号,商户分账/回退单号,订单金额,分账接收方,金额,业务类型,"
    "处理状态,分账描述,备注"
)
SUMS = "总笔数,总金额"
# What can be wrong with a line of this bill; the plan's other kinds strike trades alone.
KINDS = ("missing", "extra", "amount", "duplicate")


@dataclass(frozen=True, slots=True)
class Row:
    """One line before formatting; the amount in fen."""

    at: datetime
    share: Share
    number: str
    order_id: str
    detail_id: str
    receiver: str
    amount: int
    kind: str
    description: str

    def cells(self) -> list[str]:
        order = self.share.order
        return [
            self.at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S"),
            order.mchid,
            order.sub_mchid or order.mchid,
            order.transaction_id,
            self.order_id,
            self.detail_id,
            self.number,
            yuan(order.settlement_total),
            self.receiver,
            yuan(self.amount),
            self.kind,
            "处理成功",
            self.description,
            "",
        ]


async def share_bill(sim: Simulator, shelf: Shelf, call: Call) -> Answer:
    """GET /v3/profitsharing/bills?bill_date=&tar_type=&sub_mchid=."""
    query = call.only_query(("bill_date",), ("tar_type", "sub_mchid"))
    sub = check_sub(call, query["sub_mchid"]).mchid if "sub_mchid" in query else None
    rows = _rows(sim, call.merchant.mchid, bill_day(sim, query["bill_date"]), sub)
    lines = [line for row in rows for line in _spoilt(row, drawn(sim, row))]
    sums = [str(len(lines)), yuan(sum(row.amount for row in rows))]
    content = csv_bytes(HEAD.split(","), lines, SUMS, sums)
    return offer(sim, shelf, call, content, query.get("tar_type"), empty=not rows)


def drawn(sim: Simulator, row: Row) -> str:
    """The discrepancy that the plan puts on this line; what was given free is left alone."""
    found = draw(sim.plan.bill_discrepancies, sim.plan.seed, f"{row.number}|{row.detail_id}")
    return found if found in KINDS and row.kind != "解冻" else ""


def discrepancies(sim: Simulator, mchid: str, day: date) -> list[Discrepancy]:
    """Every line of that day's bill that was made to differ from the books."""
    found = ((row, drawn(sim, row)) for row in _rows(sim, mchid, day, None))
    return [Discrepancy(kind, row.share.order.out_trade_no, out_order_no=row.number) for row, kind in found if kind]


def _spoilt(row: Row, kind: str) -> Sequence[list[str]]:
    names, cells = HEAD.split(","), row.cells()

    def changed(**values: str) -> list[str]:
        return list((dict(zip(names, cells, strict=True)) | values).values())

    match kind:
        case "missing":
            return []
        case "duplicate":
            return [cells, cells]
        case "amount":
            return [changed(金额=yuan(row.amount + 1))]
        case "extra":
            stranger = {"商户分账/回退单号": number_of_nobody(row.number), "分账明细单号": "3601" + "9" * 21}
            return [cells, changed(**stranger, **{"微信分账/回退单号": "3008" + "9" * 24})]
        case _:
            return [cells]


def _rows(sim: Simulator, mchid: str, day: date, sub_mchid: str | None) -> list[Row]:
    """The day's lines in their order: only what succeeded is listed."""
    mine = [share for share in sim.shares.every() if share.order.mchid == mchid]
    whose = [share for share in mine if sub_mchid is None or share.order.sub_mchid == sub_mchid]
    rows = [row for share in whose for row in _of(share) if row.at.astimezone(CHINA).date() == day]
    return sorted(rows, key=lambda row: (row.at, row.detail_id))


def _of(share: Share) -> Iterator[Row]:
    own = share.order.sub_mchid or share.order.mchid
    for part in share.parts:
        if part.state is PartState.SUCCESS and part.finished_at is not None:
            kind = "解冻" if part.account == own else "分账"
            told = (share.out_order_no, share.order_id, part.detail_id, part.account, part.amount)
            yield Row(part.finished_at, share, *told, kind, part.description)
    for back in share.returns:
        if back.result == "SUCCESS":
            told = (back.out_return_no, back.return_id, "0", back.mchid, back.amount)
            yield Row(back.created_at, share, *told, "分账回退", back.description)
