"""Trade and fund-flow bills in the platform's CSV, and their download (payments.md §4.1)."""

import gzip
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from bot.simulators.wechatpay import crypto
from bot.simulators.wechatpay.book import CHINA, Order, Refund, RefundState
from bot.simulators.wechatpay.core import Simulator
from bot.simulators.wechatpay.discrepancies import Discrepancy, draw, spoil
from bot.simulators.wechatpay.fields import check_sub
from bot.simulators.wechatpay.flows import Flow, fee_of, flows, yuan
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
SUMMED = (
    *(("应结订单金额", 2), ("退款金额", 2), ("充值券退款金额", 2)),
    *(("手续费", 5), ("订单金额", 2), ("申请退款金额", 2)),
)
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
    reversal: bool = False

    @property
    def moment(self) -> datetime:
        paid = self.order.reversed_at if self.reversal else self.order.paid_at
        when = self.refund.created_at if self.refund else paid
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
    """GET /v3/bill/tradebill?bill_date=&bill_type=&tar_type=&sub_mchid=."""
    query = call.only_query(("bill_date",), ("bill_type", "tar_type", "sub_mchid"))
    sub = check_sub(call, query["sub_mchid"]).mchid if "sub_mchid" in query else None
    kind = query.get("bill_type", "ALL")
    if kind not in BILL_TYPES:
        raise bad_field("bill_type", kind, "枚举值不正确", "query")
    day = bill_day(sim, query["bill_date"])
    rows = [row for row in _rows(sim, call.merchant.mchid, day, sub) if kind == "ALL" or _is(row, kind)]
    content = trade_csv(rows, kind, lambda row: drawn(sim, row))
    return offer(sim, shelf, call, content, query.get("tar_type"), empty=not rows)


async def fund_flow_bill(sim: Simulator, shelf: Shelf, call: Call) -> Answer:
    """GET /v3/bill/fundflowbill?bill_date=&account_type=&tar_type=."""
    query = call.only_query(("bill_date",), ("account_type", "tar_type"))
    if (account := query.get("account_type", "BASIC")) not in ACCOUNT_TYPES:
        raise bad_field("account_type", account, "枚举值不正确", "query")
    day = bill_day(sim, query["bill_date"])
    every = flows(sim, call.merchant.mchid) if account == "BASIC" else []
    chosen = [flow for flow in every if flow.moment.date() == day]
    balance = sum(flow.fen for flow in every if flow.moment.date() < day)
    return offer(sim, shelf, call, flow_csv(chosen, balance), query.get("tar_type"), empty=not chosen)


async def sub_fund_flow_bill(sim: Simulator, shelf: Shelf, call: Call) -> Answer:
    """GET /v3/bill/sub-merchant-fundflowbill?sub_mchid=&bill_date=&account_type=&algorithm=: in encrypted parts."""
    query = call.only_query(("sub_mchid", "bill_date", "account_type", "algorithm"), ("tar_type",))
    sub = check_sub(call, query["sub_mchid"]).mchid
    if query["algorithm"] != "AEAD_AES_256_GCM":
        raise bad_field("algorithm", query["algorithm"], "枚举值不正确", "query")
    if query["account_type"] not in ACCOUNT_TYPES:
        raise bad_field("account_type", query["account_type"], "枚举值不正确", "query")
    day = bill_day(sim, query["bill_date"])
    every = flows(sim, call.merchant.mchid, sub) if query["account_type"] == "BASIC" else []
    chosen = [flow for flow in every if flow.moment.date() == day]
    if not chosen:
        raise ApiError(400, "NO_STATEMENT_EXIST", "账单文件不存在")
    content = flow_csv(chosen, sum(flow.fen for flow in every if flow.moment.date() < day))
    if query.get("tar_type") == "GZIP":
        content = gzip.compress(content, mtime=0)
    size = -(-len(content) // sim.plan.bill_parts)
    pieces = [content[at : at + size] for at in range(0, len(content), size)]
    parts = [_sealed_part(sim, shelf, call, number, piece) for number, piece in enumerate(pieces, 1)]
    return Answer(facts={"download_bill_count": len(parts), "download_bill_list": parts[::-1]})


def _sealed_part(sim: Simulator, shelf: Shelf, call: Call, number: int, piece: bytes) -> dict[str, object]:
    key, nonce = secrets.token_hex(16), secrets.token_hex(8)
    token = shelf.put(
        crypto.encrypt_file(key, nonce=nonce, plain=piece),
        sim.clock.now() + timedelta(seconds=sim.plan.download_seconds),
    )
    return {
        "bill_sequence": number,
        "download_url": f"{call.base_url}/v3/billdownload/file?token={token}",
        "encrypt_key": crypto.sealed(call.merchant.public_key_pem, key),
        "hash_type": "SHA1",
        "hash_value": hashlib.sha1(piece, usedforsecurity=False).hexdigest(),
        "nonce": nonce,
    }


async def download(sim: Simulator, shelf: Shelf, call: Call) -> Answer:
    """GET the download_url: the file, without a signature over it."""
    query = call.only_query(("token",), ("tartype",))
    content = shelf.get(query["token"], sim.clock.now())
    if content is None:
        raise ApiError(400, "INVALID_REQUEST", "下载链接无效或已过期")
    if query.get("tartype") == "gzip":
        content = gzip.compress(content, mtime=0)
    return Answer(raw=content, headers={"Content-Type": "application/octet-stream"}, signed=False)


def drawn(sim: Simulator, row: Row) -> str:
    """The discrepancy that the plan puts on this line."""
    number = row.refund.out_refund_no if row.refund else row.order.out_trade_no
    return draw(sim.plan.bill_discrepancies, sim.plan.seed, f"{number}|{row.reversal}")


def discrepancies(sim: Simulator, mchid: str, day: date) -> list[Discrepancy]:
    """Every line of that day's bill that was made to differ from the books."""
    found = ((row, drawn(sim, row)) for row in _rows(sim, mchid, day, None))
    return [
        Discrepancy(kind, row.order.out_trade_no, row.refund.out_refund_no if row.refund else "")
        for row, kind in found
        if kind
    ]


def trade_csv(rows: Sequence[Row], kind: str, wrong: Callable[[Row], str] = lambda row: "") -> bytes:
    """The trade bill as bytes: BOM, a backtick before each value, no quoting, two lines of sums.

    The sums are those of the lines as they are shown, so that a wrong line is not given away by them.
    """
    refunds = kind != "SUCCESS"
    head = HEAD + (REFUND_TIMES if kind == "REFUND" else []) + (REFUND_PART if refunds else []) + GOODS
    head = head + ([ASKED] if refunds else []) + [REMARK]
    lines = [line for row in rows for line in spoil(head, _cells(row, kind), wrong(row))]

    def total(name: str) -> Decimal:
        return sum((Decimal(line[head.index(name)]) for line in lines), Decimal()) if name in head else Decimal()

    sums = [str(len(lines)), *(f"{total(name):.{places}f}" for name, places in SUMMED)]
    return csv_bytes(head, lines, SUMS, sums)


def flow_csv(chosen: Iterable[Flow], balance: int) -> bytes:
    """The fund-flow bill: every movement with the account's balance (fen) after it."""
    cells: list[list[str]] = []
    income: list[int] = []
    spending: list[int] = []
    for flow in chosen:
        balance += flow.fen
        (income if flow.fen > 0 else spending).append(abs(flow.fen))
        cells.append(flow.cells(balance))
    sums = [
        str(len(cells)),
        str(len(income)),
        yuan(sum(income)),
        str(len(spending)),
        yuan(sum(spending)),
    ]
    return csv_bytes(FLOW_HEAD.split(","), cells, FLOW_SUMS, sums)


def _cells(row: Row, kind: str) -> list[str]:
    order, refund = row.order, row.refund
    back = refund is not None or row.reversal
    cells = [
        row.moment.strftime("%Y-%m-%d %H:%M:%S"),
        order.appid,
        order.mchid,
        order.sub_mchid or "0",
        order.device_id,
        order.transaction_id,
        order.out_trade_no,
        order.payer,
        order.trade_type,
        "REFUND" if refund else "REVOKED" if row.reversal else "SUCCESS",
        order.bank_type,
        "CNY",
        yuan(0 if back else order.settlement_total),
        yuan(order.coupon if order.coupon_prefunded and not back else 0),
    ]
    if kind == "REFUND" and refund:
        cells += [_stamp(refund.created_at), _stamp(refund.finished_at)]
    if kind != "SUCCESS":
        cells += _refund_cells(order, refund) if not row.reversal else _reversal_cells(order)
    goods = [order.description, order.attach, f"{row.fee:.5f}", row.rate, yuan(0 if back else order.total)]
    cells += goods
    if kind != "SUCCESS":
        cells.append(yuan(refund.amount if refund else order.total if row.reversal else 0))
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


def _reversal_cells(order: Order) -> list[str]:
    return [order.reversal_id, "0", yuan(order.settlement_total), "0.00", "ORIGINAL", "SUCCESS"]


def _stamp(moment: datetime | None) -> str:
    return moment.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def csv_bytes(head: Sequence[str], rows: Iterable[Sequence[str]], sum_head: str, sums: Sequence[str]) -> bytes:
    text = [",".join(head)]
    # Nothing is quoted: a comma in a value is what real files contain too, behind its backtick.
    text += [",".join("`" + cell.replace("\n", " ").replace("\r", " ") for cell in row) for row in rows]
    text += [sum_head, ",".join("`" + value for value in sums)]
    return "\ufeff".encode() + ("\r\n".join(text) + "\r\n").encode()


def _is(row: Row, kind: str) -> bool:
    return (row.refund is not None or row.reversal) == (kind == "REFUND")


def _rows(sim: Simulator, mchid: str, day: date, sub_mchid: str | None) -> list[Row]:
    """The day's lines, of one sub-merchant where it is named."""
    rows = (row for row in _all_rows(sim, mchid) if row.moment.date() == day)
    chosen = (row for row in rows if sub_mchid is None or row.order.sub_mchid == sub_mchid)
    return sorted(chosen, key=lambda row: (row.moment, row.refund is not None))


def _all_rows(sim: Simulator, mchid: str) -> Iterator[Row]:
    points = sim.plan.fee_basis_points
    rate = f"{points // 100}.{points % 100:02d}%"
    for order in sim.book.orders():
        if order.mchid != mchid or order.paid_at is None:
            continue
        yield Row(order, None, fee_of(order.settlement_total, points), rate)
        if order.reversed_at is not None:
            yield Row(order, None, Decimal(), rate, reversal=True)
        for refund in order.refunds:
            if refund.state is not RefundState.CLOSED:
                # The fixture of payments.md §4.1 shows no fee returned with a refund.
                yield Row(order, refund, Decimal(), rate)


def bill_day(sim: Simulator, text: str) -> date:
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


def offer(sim: Simulator, shelf: Shelf, call: Call, content: bytes, tar_type: str | None, *, empty: bool) -> Answer:
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
