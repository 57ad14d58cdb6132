"""Trade bills in WeChat Pay's own format, made up for the tests (columns and summary: payments.md §4.1)."""

import hashlib
from collections.abc import Iterator
from datetime import date

COLUMNS = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注"
)
SUMMARY = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"


def sha1(text: bytes) -> str:
    return hashlib.sha1(text, usedforsecurity=False).hexdigest()


def yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def payment(number: int, day: date, *, fen: int = 100, fee: str = "0.00600", goods: str = "物业费") -> str:
    values = (
        f"{day} 09:{number % 60:02d}:07,wx0000000000000001,1900000109,0,,42000019{number:020d},T{number:027d},oPayer,"
        f"JSAPI,SUCCESS,CMB_DEBIT,CNY,{yuan(fen)},0.00,0,0,0.00,0.00,,"
    ).split(",")
    return line(*values, goods, "chg_1", fee, "0.60%", yuan(fen), "0.00", "")


def refund(number: int, day: date, *, fen: int = 50, fee: str = "0.00000", state: str = "SUCCESS") -> str:
    values = (
        f"{day} 10:{number % 60:02d}:08,wx0000000000000001,1900000109,0,,42000019{number:020d},T{number:027d},oPayer,"
        f"JSAPI,REFUND,CMB_DEBIT,CNY,0.00,0.00,5000000{number:020d},R{number:027d},{yuan(fen)},0.00,ORIGINAL,{state}"
    ).split(",")
    return line(*values, "物业费", "", fee, "0.60%", "0.00", yuan(fen), "")


def line(*values: str) -> str:
    return ",".join(f"`{value}" for value in values)


def summary(count: int, paid: int, refunded: int) -> str:
    return line(f"{count}", yuan(paid), yuan(refunded), "0.00", "0.03", yuan(paid), yuan(refunded))


def text(lines: Iterator[str] | list[str], count: int, paid: int, refunded: int) -> bytes:
    """A whole file, with the byte order mark and the line ends that WeChat Pay writes."""
    whole = [COLUMNS, *lines, SUMMARY, summary(count, paid, refunded)]
    return "\r\n".join(["\ufeff" + whole[0], *whole[1:], ""]).encode()


def bill(*, payments: int, refunds: int, day: date) -> tuple[bytes, int]:
    """A bill of so many lines of each kind, and their number."""
    lines = [payment(number, day) for number in range(payments)] + [refund(number, day) for number in range(refunds)]
    return text(lines, payments + refunds, payments * 100, refunds * 50), payments + refunds


FLOW_COLUMNS = (
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),"
    "资金变更提交申请人,备注,业务凭证号"
)
FLOW_SUMMARY = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"
# 业务名称, 业务类型, fen with its sign, and our word for it.
MOVEMENTS = (
    ("交易", "交易", 10_000, "payment"),
    ("交易", "扣除交易手续费", -60, "fee"),
    ("退款", "退款", -500, "refund"),
    ("退款", "退回交易手续费", 3, "fee_returned"),
    ("分账", "分账", -2_000, "share"),
    ("分账回退", "分账回退", 700, "share_returned"),
    ("提现", "提现", -4_000, "withdrawal"),
    ("充值", "充值", 90, "other"),
    ("冻结", "司法冻结", -1, "other"),
)


def movement(number: int, day: date, name: str, kind: str, fen: int, *, note: str = "", balance: int = 0) -> str:
    """One line of a fund-flow bill; ``fen`` is negative for money out."""
    way = "收入" if fen > 0 else "支出"
    numbers = (f"42000019{number:020d}", f"1900000109{number:022d}")
    time = f"{day} 11:{number % 60:02d}:09"
    return line(time, *numbers, name, kind, way, yuan(abs(fen)), yuan(balance), "system", note, f"T{number:027d}")


SHARE_COLUMNS = (
    "分账时间,分账发起方,分账方,微信订单号,微信分账/回退单号,分账明细单号,商户分账/回退单号,订单金额,分账接收方,金额,业务类型,"
    "处理状态,备注"
)


def share(number: int, day: date, *, kind: str = "分账", fen: int = 100, to: str = "1900000777", by: str = "") -> str:
    """One line of a profit-sharing bill; ``by`` is who shared."""
    by = by or "1900000109"
    ids = (f"42000019{number:020d}", f"3008{number:024d}", f"3601{number:021d}", f"S{number:027d}")
    return line(f"{day} 12:{number % 60:02d}:10", "1900000109", by, *ids, "10.00", to, yuan(fen), kind, "处理成功", "")


def share_text(lines: list[str]) -> bytes:
    return "\r\n".join(["\ufeff" + SHARE_COLUMNS, *lines, "总笔数,总金额", line(str(len(lines)), "0"), ""]).encode()


def share_bill(day: date) -> tuple[bytes, int]:
    """A bill of a share, of what was left to the merchant itself, and of a return; how many of them are movements."""
    lines = [share(1, day), share(2, day, kind="解冻", to="1900000109"), share(3, day, kind="分账回退", fen=40)]
    return share_text(lines), 2


def flow_text(lines: list[str], amounts: list[int]) -> bytes:
    """A whole fund-flow file over these amounts, fen with their signs."""
    came, went = [fen for fen in amounts if fen > 0], [-fen for fen in amounts if fen < 0]
    sums = line(str(len(amounts)), str(len(came)), yuan(sum(came)), str(len(went)), yuan(sum(went)))
    return "\r\n".join(["\ufeff" + FLOW_COLUMNS, *lines, FLOW_SUMMARY, sums, ""]).encode()


def flow_bill(day: date) -> bytes:
    """A bill with one movement of each kind, and the balance after each."""
    amounts = [fen for _, _, fen, _ in MOVEMENTS]
    lines = [
        movement(
            number, day, name, kind, fen, balance=sum(amounts[: number + 1]), note="退款总金额5.00元;含手续费0.03元"
        )
        for number, (name, kind, fen, _) in enumerate(MOVEMENTS)
    ]
    return flow_text(lines, amounts)
