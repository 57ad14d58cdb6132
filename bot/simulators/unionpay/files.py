"""The merchant's file of a settlement day: fixed widths in GBK, zipped, deflated and in base64."""

import base64
import io
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from bot.simulators.unionpay.book import CHINA, SETTLED, Order, Refund
from bot.simulators.unionpay.core import Simulator
from bot.simulators.unionpay.wire import Answer, ApiError, Call

# One blank stands between two columns, and 131 bytes are reserved at the end.
WIDTHS = (
    *(3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2),
    *(2, 6, 2, 4, 32, 1, 21, 15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1),
)
RESERVED = 131
CUT_HOUR = 23


async def transfer(sim: Simulator, call: Call) -> Answer:
    """76/01: the file of settleDate MMDD; 98 where there is none."""
    day = _day(sim, call.text("settleDate", 4))
    lines = list(_lines(sim, call.merchant.mer_id, day))
    if not lines or (not sim.plan.files_at_once and day >= sim.clock.now().astimezone(CHINA).date()):
        raise ApiError("98", "文件不存在")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"INN{day:%y%m%d}88ZM_{call.merchant.mer_id}", b"".join(lines))
        archive.writestr(f"INN{day:%y%m%d}88ZME_{call.merchant.mer_id}", b"")
    content = base64.b64encode(zlib.compress(packed.getvalue())).decode()
    return Answer({"settleDate": f"{day:%m%d}", "fileName": f"{call.merchant.mer_id}_{day:%Y%m%d}.zip",
                   "fileContent": content})  # fmt: skip


def settlement_day(moment: datetime) -> date:
    """The day that a moment is settled with: it ends at 23:00 in China."""
    local = moment.astimezone(CHINA)
    return (local + timedelta(days=1)).date() if local.hour >= CUT_HOUR else local.date()


def _lines(sim: Simulator, mer_id: str, day: date) -> Iterator[bytes]:
    for order in sim.book.orders():
        if order.mer_id != mer_id or order.paid_at is None:
            continue
        if settlement_day(order.paid_at) == day:
            fault = sim.faults.draw("bill", order.order_id, order.amount)
            copies = {"bill_missing": 0, "bill_double": 2}.get(fault, 1)
            yield from [_payment(sim, order, fault)] * copies
        for refund in order.refunds:
            if refund.code == SETTLED and refund.finished_at and settlement_day(refund.finished_at) == day:
                yield _refund(sim, order, refund)


def _payment(sim: Simulator, order: Order, fault: str) -> bytes:
    assert order.paid_at is not None, "only paid orders are listed"
    amount = order.amount + (1 if fault == "bill_amount" else 0)
    fee = _fee(sim, amount) + (1 if fault == "bill_fee" else 0)
    cells = _cells(order, order.paid_at, order.order_id, order.query_id, amount)
    cells |= {0: "S22", 15: f"D{fee:012d}", 16: f"C{amount - fee:012d}", 19: "01", 20: order.sub_type}
    return _line(cells)


def _refund(sim: Simulator, order: Order, refund: Refund) -> bytes:
    assert refund.finished_at is not None, "only finished refunds are listed"
    fee = _fee(sim, refund.amount)
    cells = _cells(order, refund.finished_at, refund.order_id, refund.query_id, refund.amount)
    cells |= {0: "S30", 15: f"C{fee:012d}", 16: f"D{refund.amount - fee:012d}", 19: "04", 20: "00", 26: order.query_id}
    cells[34] = refund.reserved[:32]
    return _line(cells)


def _cells(order: Order, at: datetime, number: str, query_id: str, amount: int) -> dict[int, str]:
    return {
        1: "00049992",
        3: query_id[-6:],
        4: at.astimezone(CHINA).strftime("%m%d%H%M%S"),
        5: "621234*********0048",
        6: f"{amount:012d}",
        7: "4900",
        9: query_id,
        11: number,
        21: "000000",
        27: order.mer_id,
        30: "示例商户",
    }


def _line(cells: dict[int, str]) -> bytes:
    parts = [cells.get(at, "").encode("gbk").ljust(width) for at, width in enumerate(WIDTHS)]
    return b" ".join(parts) + b" " * RESERVED + b"\r\n"


def _fee(sim: Simulator, amount: int) -> int:
    """The fee in fen, rounded half up (payments.md trap 20)."""
    return (amount * sim.plan.fee_basis_points + 5000) // 10000


def _day(sim: Simulator, text: str) -> date:
    """The latest day with this month and day that is not beyond tomorrow."""
    limit = sim.clock.now().astimezone(CHINA).date() + timedelta(days=1)
    for year in (limit.year, limit.year - 1):
        try:
            day = date(year, int(text[:2]), int(text[2:]))
        except ValueError:
            continue
        if day <= limit:
            return day
    raise ApiError("10", "报文格式错误[settleDate]")
