"""Trade and fund-flow bills in the platform's CSV, and their download (payments.md §4.1)."""

import gzip
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from bot.simulators.wechatpay.book import CHINA, Order, Refund, RefundState
from bot.simulators.wechatpay.core import Simulator
from bot.simulators.wechatpay.wire import Answer, ApiError, Call, bad_field

BILL_TYPES = ("ALL", "SUCCESS", "REFUND")
ACCOUNT_TYPES = ("BASIC", "OPERATION", "FEES")
KEPT_DAYS = 92
KEPT_FILES = 64
READY_HOUR = 10
HEAD = [
    *("交易时间", "公众账号ID", "商户号", "特约商户号", "设备号", "微信订单号", "商户订单号", "用户标识"),
    *("交易类型", "交易状态", "付款银行", "货币种类", "应结订单金额", "代金券金额"),
]
REFUND_TIMES = ["退款申请时间", "退款成功时间"]
REFUND_PART = ["微信退款单号", "商户退款单号", "退款金额", "充值券退款金额", "退款类型", "退款状态"]
GOODS = ["商品名称", "商户数据包", "手续费", "费率", "订单金额"]
ASKED, REMARK = "申请退款金额", "费率备注"
SUMS = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
FLOW_HEAD = (
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,"
    "备注,业务凭证号"
)
FLOW_SUMS = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the trade bill before formatting; amounts in fen, the fee in yuan."""

    order: Order
    refund: Refund | None
    fee: Decimal
    rate: str

    @property
    def moment(self) -> datetime:
        when = self.refund.created_at if self.refund else self.order.paid_at
        assert when is not None, "only paid orders are billed"
        return when.astimezone(CHINA)


class Shelf:
    """Files that wait for their download, each behind a token for some minutes."""

    def __init__(self) -> None:
        self._files: OrderedDict[str, tuple[datetime, bytes]] = OrderedDict()

    def put(self, content: bytes, until: datetime) -> str:
        """Keep a file and return its token."""
        token = secrets.token_urlsafe(48)
        self._files[token] = (until, content)
        if len(self._files) > KEPT_FILES:
            self._files.popitem(last=False)
        return token

    def get(self, token: str, now: datetime) -> bytes | None:
        """The file, or None when the token is unknown or over."""
        until, content = self._files.get(token, (now, b""))
        return content if now < until else None


async def trade_bill(sim: Simulator, shelf: Shelf, call: Call) -> Answer:
    """GET /v3/bill/tradebill?bill_date=&bill_type=&tar_type=."""
    query = call.only_query(("bill_date",), ("bill_type", "tar_type"))
    kind = query.get("bill_type", "ALL")
    if kind not in BILL_TYPES:
        raise bad_field("bill_type", kind, "枚举值不正确", "query")
    day = _day(sim, query["bill_date"])
    rows = [row for row in _rows(sim, call.merchant.mchid, day) if kind == "ALL" or _is(row, kind)]
    return _offer(sim, shelf, call, trade_csv(rows, kind), query.get("tar_type"), empty=not rows)


async def fund_flow_bill(sim: Simulator, shelf: Shelf, call: Call) -> Answer:
    """GET /v3/bill/fundflowbill?bill_date=&account_type=&tar_type=."""
    query = call.only_query(("bill_date",), ("account_type", "tar_type"))
    if (account := query.get("account_type", "BASIC")) not in ACCOUNT_TYPES:
        raise bad_field("account_type", account, "枚举值不正确", "query")
    day = _day(sim, query["bill_date"])
    rows = _rows(sim, call.merchant.mchid, day) if account == "BASIC" else []
    balance = _balance_before(sim, call.merchant.mchid, day)
    return _offer(sim, shelf, call, flow_csv(rows, balance), query.get("tar_type"), empty=not rows)


async def download(sim: Simulator, shelf: Shelf, call: Call) -> Answer:
    """GET the download_url: the file, without a signature over it."""
    query = call.only_query(("token",), ("tartype",))
    content = shelf.get(query["token"], sim.clock.now())
    if content is None:
        raise ApiError(400, "INVALID_REQUEST", "下载链接无效或已过期")
    if query.get("tartype") == "gzip":
        content = gzip.compress(content, mtime=0)
    return Answer(raw=content, headers={"Content-Type": "application/octet-stream"}, signed=False)


def trade_csv(rows: Sequence[Row], kind: str) -> bytes:
    """The trade bill as bytes: BOM, a backtick before each value, no quoting, two lines of sums."""
    refunds = kind != "SUCCESS"
    head = HEAD + (REFUND_TIMES if kind == "REFUND" else []) + (REFUND_PART if refunds else []) + GOODS
    head = head + ([ASKED] if refunds else []) + [REMARK]
    paid = [row.order for row in rows if row.refund is None]
    backs = [row.refund for row in rows if row.refund is not None]
    cash_backs = [r.coupon_share for row in rows if (r := row.refund) and row.order.coupon_prefunded]
    sums = [
        str(len(rows)),
        yuan(sum(order.settlement_total for order in paid)),
        yuan(sum(refund.amount for refund in backs)),
        yuan(sum(cash_backs)),
        f"{sum((row.fee for row in rows), Decimal()):.5f}",
        yuan(sum(order.total for order in paid)),
        yuan(sum(refund.amount for refund in backs)),
    ]
    return _csv(head, (_cells(row, kind) for row in rows), SUMS, sums)


def flow_csv(rows: Iterable[Row], balance: int) -> bytes:
    """The fund-flow bill: each payment, its fee and each refund with the account's balance (fen) after it."""
    cells: list[list[str]] = []
    income: list[int] = []
    spending: list[int] = []
    for row in rows:
        for name, fen in _flows(row):
            balance += fen
            (income if fen > 0 else spending).append(abs(fen))
            cells.append(_flow_cells(row, name, fen, balance))
    sums = [
        str(len(cells)),
        str(len(income)),
        yuan(sum(income)),
        str(len(spending)),
        yuan(sum(spending)),
    ]
    return _csv(FLOW_HEAD.split(","), cells, FLOW_SUMS, sums)


def yuan(fen: int) -> str:
    """Fen as yuan with two decimals."""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def fee_of(fen: int, basis_points: int) -> Decimal:
    """The fee in yuan, rounded half up to the fen (payments.md trap 20) and shown with five decimals."""
    return (Decimal(fen) * basis_points / 1_000_000).quantize(Decimal("0.01"), ROUND_HALF_UP)


def _flows(row: Row) -> list[tuple[str, int]]:
    if row.refund is not None:
        return [("退款", -(row.refund.amount - _merchant_part(row)))]
    fee = int(row.fee * 100)
    flows = [("交易", row.order.settlement_total)]
    return [*flows, ("扣除交易手续费", -fee)] if fee else flows


def _merchant_part(row: Row) -> int:
    """What of a refund the merchant's own coupon covers, fen."""
    return row.refund.coupon_share if row.refund and not row.order.coupon_prefunded else 0


def _flow_cells(row: Row, name: str, fen: int, balance: int) -> list[str]:
    number = row.refund.refund_id if row.refund else row.order.transaction_id
    proof = row.refund.out_refund_no if row.refund else row.order.out_trade_no
    return [
        row.moment.strftime("%Y-%m-%d %H:%M:%S"),
        row.order.transaction_id,
        number + ("1" if fen > 0 else "2"),
        name,
        name,
        "收入" if fen > 0 else "支出",
        yuan(abs(fen)),
        yuan(balance),
        "system",
        "",
        proof,
    ]


def _cells(row: Row, kind: str) -> list[str]:
    order, refund = row.order, row.refund
    cells = [
        row.moment.strftime("%Y-%m-%d %H:%M:%S"),
        order.appid,
        order.mchid,
        "0",
        order.device_id,
        order.transaction_id,
        order.out_trade_no,
        order.payer,
        order.trade_type,
        "REFUND" if refund else "SUCCESS",
        order.bank_type,
        "CNY",
        yuan(0 if refund else order.settlement_total),
        yuan(order.coupon if order.coupon_prefunded and not refund else 0),
    ]
    if kind == "REFUND" and refund:
        cells += [_stamp(refund.created_at), _stamp(refund.finished_at)]
    if kind != "SUCCESS":
        cells += _refund_cells(order, refund)
    goods = [order.description, order.attach, f"{row.fee:.5f}", row.rate, yuan(0 if refund else order.total)]
    cells += goods
    if kind != "SUCCESS":
        cells.append(yuan(refund.amount if refund else 0))
    return [*cells, ""]


def _refund_cells(order: Order, refund: Refund | None) -> list[str]:
    if refund is None:
        return ["0", "0", "0.00", "0.00", "", ""]
    prefunded = refund.coupon_share if order.coupon_prefunded else 0
    return [
        refund.refund_id,
        refund.out_refund_no,
        yuan(refund.amount),
        yuan(prefunded),
        "ORIGINAL",
        str(refund.state),
    ]


def _stamp(moment: datetime | None) -> str:
    return moment.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def _csv(head: Sequence[str], rows: Iterable[Sequence[str]], sum_head: str, sums: Sequence[str]) -> bytes:
    text = [",".join(head)]
    # Nothing is quoted: a comma in a value is what real files contain too, behind its backtick.
    text += [",".join("`" + cell.replace("\n", " ").replace("\r", " ") for cell in row) for row in rows]
    text += [sum_head, ",".join("`" + value for value in sums)]
    return "\ufeff".encode() + ("\r\n".join(text) + "\r\n").encode()


def _is(row: Row, kind: str) -> bool:
    return (row.refund is not None) == (kind == "REFUND")


def _rows(sim: Simulator, mchid: str, day: date) -> list[Row]:
    rows = (row for row in _all_rows(sim, mchid) if row.moment.date() == day)
    return sorted(rows, key=lambda row: (row.moment, row.refund is not None))


def _all_rows(sim: Simulator, mchid: str) -> Iterator[Row]:
    points = sim.plan.fee_basis_points
    rate = f"{points // 100}.{points % 100:02d}%"
    for order in sim.book.orders():
        if order.mchid != mchid or order.paid_at is None:
            continue
        yield Row(order, None, fee_of(order.settlement_total, points), rate)
        for refund in order.refunds:
            if refund.state is not RefundState.CLOSED:
                # The fixture of payments.md §4.1 shows no fee returned with a refund.
                yield Row(order, refund, Decimal(), rate)


def _balance_before(sim: Simulator, mchid: str, day: date) -> int:
    """The balance when the day begins, fen: all that earlier days brought."""
    earlier = (row for row in _all_rows(sim, mchid) if row.moment.date() < day)
    return sum(fen for row in earlier for _, fen in _flows(row))


def _day(sim: Simulator, text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise bad_field("bill_date", text, "格式应为YYYY-MM-DD", "query") from None
    now = sim.clock.now().astimezone(CHINA)
    if day > now.date() or day < now.date() - timedelta(days=KEPT_DAYS):
        raise ApiError(400, "INVALID_REQUEST", "仅支持三个月内的账单")
    ready = datetime(day.year, day.month, day.day, READY_HOUR, tzinfo=CHINA) + timedelta(days=1)
    if now < ready and not sim.plan.bills_at_once:
        raise ApiError(400, "STATEMENT_CREATING", "账单生成中")
    return day


def _offer(sim: Simulator, shelf: Shelf, call: Call, content: bytes, tar_type: str | None, *, empty: bool) -> Answer:
    if tar_type not in (None, "GZIP"):
        raise bad_field("tar_type", tar_type, "枚举值不正确", "query")
    if empty:
        raise ApiError(400, "NO_STATEMENT_EXIST", "账单文件不存在")
    token = shelf.put(content, sim.clock.now() + timedelta(seconds=sim.plan.download_seconds))
    suffix = "&tartype=gzip" if tar_type else ""
    return Answer(
        facts={
            "hash_type": "SHA1",
            "hash_value": hashlib.sha1(content, usedforsecurity=False).hexdigest(),
            "download_url": f"{call.base_url}/v3/billdownload/file?token={token}{suffix}",
        }
    )
