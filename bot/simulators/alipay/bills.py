"""Trade and fund-flow bills in the platform's zip of GBK tables, with what is planted wrong in them on request."""

import hashlib
import io
import random
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from bot.simulators.alipay.book import CHINA, Refund, Trade, wire_time, yuan
from bot.simulators.alipay.core import Simulator
from bot.simulators.alipay.wire import Answer, ApiError, Call, bad

KEPT_DAYS = 92
READY_HOUR = 10
COLUMNS = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,"
    "商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,"
    "商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
)
FLOW_COLUMNS = (
    "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,"
    "交易渠道,业务类型,备注"
)
SUMMARY = (
    "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,商家优惠（元）,"
    "卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）"
)
RULE = "-" * 41
# What can be wrong in a trade bill, and with shares in the other one; each strikes one line of a day, chosen by the
# plan's seed.
DISCREPANCIES = ("missing", "extra", "amount", "fee", "duplicate", "refund_missing")
SHARE_DISCREPANCIES = ("share_missing", "share_extra", "share_amount", "share_duplicate", "share_return_missing")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the trade bill; amounts in fen as the bill writes them, a refund's below zero."""

    trade_no: str
    out_trade_no: str
    kind: str
    subject: str
    created_at: datetime
    at: datetime
    amount: int
    receipt: int
    alipay: int = 0
    merchant: int = 0
    number: str = ""
    fee: int = 0

    def cells(self) -> list[str]:
        sums = [yuan(fen) for fen in (self.amount, self.receipt, 0, 0, self.alipay, self.merchant, 0)]
        return [
            f"{self.trade_no}\t",
            f"{self.out_trade_no}\t",
            self.kind,
            self.subject.replace("\n", " "),
            wire_time(self.created_at),
            wire_time(self.at),
            *("", "", "", ""),
            "*晓晓(pay***@sandbox.com)",
            *sums,
            *("", "0.00", "0.00"),
            f"{self.number}\t",
            yuan(self.fee),
            "0.00",
            "",
        ]


async def address(sim: Simulator, call: Call) -> Answer:
    """alipay.data.dataservice.bill.downloadurl.query: an address that serves for half a minute."""
    kind, day = call.text("bill_type", 32), _day(sim, call.text("bill_date", 10))
    if kind not in ("trade", "signcustomer"):
        raise bad("bill_type")
    file = _trade_bill(sim, call.seller_id, day) if kind == "trade" else _flow_bill(sim, call.seller_id, day)
    if file is None:
        raise ApiError("isp.bill_not_exist", "账单不存在")
    token = sim.shelf.put(file, sim.clock.now() + timedelta(seconds=sim.plan.download_seconds))
    return Answer({"bill_download_url": f"{call.base}/downloadBillFile.resource?bizType={kind}&fileId={token}"})


def _trade_bill(sim: Simulator, seller_id: str, day: date) -> bytes | None:
    rows, _ = trade_rows(sim, seller_id, day)
    return trade_file(rows, seller_id, day) if rows else None


def trade_rows(sim: Simulator, seller_id: str, day: date) -> tuple[list[Row], list[dict[str, str | int]]]:
    """The lines of a day's bill, and what is wrong with them where the plan wants that."""
    rows = sorted((row for row in _true(sim, seller_id) if row.at.astimezone(CHINA).date() == day), key=_order)
    planted: list[dict[str, str | int]] = []
    chance = random.Random(f"{sim.plan.seed}|{day}")  # noqa: S311 - Repeats with the seed.
    spoilt: set[str] = set()
    for name in (name for name in sim.plan.discrepancies if name not in SHARE_DISCREPANCIES):
        kind = "退款" if name == "refund_missing" else "交易"
        places = [at for at, row in enumerate(rows) if row.kind == kind and row.out_trade_no not in spoilt]
        if places:
            at = chance.choice(places)
            planted.append({"kind": name, "out_trade_no": rows[at].out_trade_no, "amount": rows[at].amount})
            spoilt.add(rows[at].out_trade_no)
            rows[at : at + 1] = _planted(name, rows[at])
    return rows, planted


def trade_file(rows: Sequence[Row], seller_id: str, day: date) -> bytes:
    """The zip of a day's trade bill; its sums are those of its lines, wrong or not."""
    paid = [row for row in rows if row.kind == "交易"]
    back = [row for row in rows if row.kind == "退款"]
    table = [
        *_head("业务明细", seller_id, day),
        COLUMNS,
        *(",".join(row.cells()) for row in rows),
        f"#{RULE}业务明细列表结束{RULE}",
        f"#交易合计：{len(paid)}笔，商家实收共{_sum(paid)}元，商家优惠共{yuan(sum(row.merchant for row in paid))}元",
        f"#退款合计：{len(back)}笔，商家实收退款共{_sum(back)}元，商家优惠退款共0.00元",
    ]
    whole, fees = sum(row.receipt for row in rows), sum(row.fee for row in rows)
    sums = [
        *("合计", "", str(len(paid)), str(len(back))),
        yuan(sum(row.amount for row in rows)),
        yuan(whole),
        *(yuan(sum(row.alipay for row in rows)), yuan(sum(row.merchant for row in rows)), "0.00"),
        *(yuan(fees), "0.00", yuan(whole + fees)),
    ]
    summary = [*_head("业务汇总", seller_id, day), SUMMARY, ",".join(sums), f"#{RULE}业务汇总列表结束{RULE}"]
    name = f"{seller_id}0156_{day:%Y%m%d}_业务明细"
    return zipped({f"{name}.csv": _text(table), f"{name}(汇总).csv": _text(summary)})


@dataclass(frozen=True, slots=True)
class Move:
    """One movement of the merchant's balance; fen, below zero for money out."""

    at: datetime
    row: Row
    fen: int
    kind: str
    again: int = 0

    @property
    def number(self) -> str:
        """The platform's number of the movement: the same one in every file."""
        told = f"{self.row.trade_no}|{self.row.number}|{self.kind}|{self.again}".encode()
        stamp = self.at.astimezone(CHINA).strftime("%Y%m%d")
        return stamp + f"{int.from_bytes(hashlib.sha256(told).digest()[:8], 'big') % 10**12:012}"


def _flow_bill(sim: Simulator, seller_id: str, day: date) -> bytes | None:
    """The movements of a day with the balance after each; a wrong one changes no balance that follows."""
    balance = sum(move.fen for move in _moves(sim, seller_id) if move.at.astimezone(CHINA).date() < day)
    moves, _ = day_moves(sim, seller_id, day)
    if not moves:
        return None
    lines: list[str] = []
    for move in moves:
        balance += move.fen
        lines.append(_flow_line(move, balance))
    out, into = [move.fen for move in moves if move.fen < 0], [move.fen for move in moves if move.fen >= 0]
    text = [
        *_head("账务明细", seller_id, day),
        FLOW_COLUMNS,
        *lines,
        f"#{RULE}账务明细列表结束{RULE}",
        f"#支出合计：{len(out)}笔，共{yuan(sum(out))}元",
        f"#收入合计：{len(into)}笔，共{yuan(sum(into))}元",
    ]
    return zipped({f"{seller_id}0156_{day:%Y%m%d}_账务明细.csv": _text(text)})


def day_moves(sim: Simulator, seller_id: str, day: date) -> tuple[list[Move], list[dict[str, str | int]]]:
    """The movements of a day, and what is wrong with those of shares where the plan wants that."""
    moves = [move for move in _moves(sim, seller_id) if move.at.astimezone(CHINA).date() == day]
    planted: list[dict[str, str | int]] = []
    chance = random.Random(f"{sim.plan.seed}|shares|{day}")  # noqa: S311 - Repeats with the seed.
    spoilt: set[str] = set()
    for name in (name for name in sim.plan.discrepancies if name in SHARE_DISCREPANCIES):
        kind = "退分账" if name == "share_return_missing" else "分账"
        places = [at for at, move in enumerate(moves) if move.kind == kind and move.row.out_trade_no not in spoilt]
        if places:
            at = chance.choice(places)
            move = moves[at]
            planted.append({"kind": name, "out_trade_no": move.row.out_trade_no, "amount": -move.fen})
            spoilt.add(move.row.out_trade_no)
            moves[at : at + 1] = _planted_share(name, move)
    return moves, planted


def _planted_share(name: str, move: Move) -> list[Move]:
    row = move.row
    match name:
        case "share_extra":
            stranger = replace(row, trade_no=f"{row.trade_no[:-1]}X", out_trade_no=f"X{row.out_trade_no[1:]}")
            return [move, replace(move, row=stranger)]
        case "share_duplicate":
            return [move, move]
        case "share_amount":
            return [replace(move, fen=move.fen - 1)]
        case _:
            return []


def _moves(sim: Simulator, seller_id: str) -> list[Move]:
    """Every movement of the merchant's balance: payments, their fees, refunds and shares."""
    found: list[Move] = []
    for row in _true(sim, seller_id):
        found.append(Move(row.at, row, row.receipt, "在线支付" if row.kind == "交易" else "交易退款"))
        if row.fee:
            found.append(Move(row.at, row, row.fee, "收费"))
    for trade in sim.book.trades():
        if trade.seller_id == seller_id and trade.paid_at is not None:
            paid = _payment(sim, trade, trade.paid_at)
            moved = [(split, part) for split in trade.splits for part in split.parts if not part.error]
            for again, (split, part) in enumerate(moved):
                given = part.payer == seller_id
                fen = -part.amount if given else part.amount
                if split.done_at <= sim.clock.now():
                    found.append(Move(split.done_at, paid, fen, "分账" if given else "退分账", again))
    return sorted(found, key=lambda move: move.at)


def _flow_line(move: Move, balance: int) -> str:
    row = move.row
    cells = [
        f"{move.number}\t",
        f"{row.trade_no}\t",
        f"{row.number or row.out_trade_no}\t",
        row.subject,
        wire_time(move.at),
        "pay***@sandbox.com\t",
        yuan(move.fen) if move.fen >= 0 else "",
        yuan(move.fen) if move.fen < 0 else "",
        yuan(balance),
        "支付宝",
        move.kind,
        "",
    ]
    return ",".join(cells)


def _planted(name: str, row: Row) -> list[Row]:
    if name in ("missing", "refund_missing"):
        return []
    if name == "extra":
        stranger = replace(row, trade_no=f"{row.trade_no[:-1]}X", out_trade_no=f"X{row.out_trade_no[1:]}")
        return [row, stranger]
    if name == "duplicate":
        return [row, row]
    if name == "amount":
        return [replace(row, amount=row.amount + 1, receipt=row.receipt + 1)]
    return [replace(row, fee=row.fee - 1)]


def _true(sim: Simulator, seller_id: str) -> Iterator[Row]:
    for trade in sim.book.trades():
        if trade.seller_id != seller_id or trade.paid_at is None:
            continue
        yield _payment(sim, trade, trade.paid_at)
        for refund in trade.refunds:
            yield _refund(trade, refund)


def _payment(sim: Simulator, trade: Trade, paid_at: datetime) -> Row:
    # Half up to the fen, in whole numbers (payments.md, trap 20).
    fee = (trade.receipt * sim.plan.fee_basis_points + 5_000) // 10_000
    return Row(
        trade_no=trade.trade_no,
        out_trade_no=trade.out_trade_no,
        kind="交易",
        subject=trade.subject,
        created_at=trade.created_at,
        at=paid_at,
        amount=trade.amount,
        receipt=trade.receipt,
        alipay=trade.alipay_coupon,
        merchant=trade.merchant_coupon,
        fee=-fee,
    )


def _refund(trade: Trade, refund: Refund) -> Row:
    return Row(
        trade_no=trade.trade_no,
        out_trade_no=trade.out_trade_no,
        kind="退款",
        subject=trade.subject,
        created_at=trade.created_at,
        at=refund.at,
        amount=-refund.amount,
        receipt=-refund.amount,
        number=refund.number,
    )


def _order(row: Row) -> tuple[datetime, bool]:
    return row.at.replace(microsecond=0), row.kind == "退款"


def _sum(rows: Sequence[Row]) -> str:
    return yuan(sum(row.receipt for row in rows))


def _head(table: str, seller_id: str, day: date) -> list[str]:
    first, last = f"{day:%Y年%m月%d日} 00:00:00", f"{day + timedelta(days=1):%Y年%m月%d日} 00:00:00"
    return [
        f"#支付宝{table}查询",
        f"#账号：[{seller_id}0156]",
        f"#起始日期：[{first}]   终止日期：[{last}]",
        f"#{RULE}{table}列表{RULE}",
    ]


def _text(lines: Sequence[str]) -> bytes:
    return ("\r\n".join(lines) + "\r\n").encode("gbk", "replace")


class _GbkInfo(zipfile.ZipInfo):
    """Writes its name as GBK and sets no flag that would say so, as Alipay does (trap 21)."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - The name that zipfile calls.
        return self.filename.encode("gbk"), self.flag_bits & ~0x800


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip of these files."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(_GbkInfo(name), content, zipfile.ZIP_DEFLATED)
    return whole.getvalue()


def _day(sim: Simulator, text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise bad("bill_date") from None
    now = sim.clock.now().astimezone(CHINA)
    if day > now.date() or day < now.date() - timedelta(days=KEPT_DAYS):
        raise bad("bill_date")
    ready = datetime(day.year, day.month, day.day, READY_HOUR, tzinfo=CHINA) + timedelta(days=1)
    if now < ready and not sim.plan.bills_at_once:
        raise ApiError("isp.bill_not_exist", "账单不存在")
    return day
