"""The fixed-width columns of UnionPay's merchant file (ZM, 一般商户主档), as data."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Column:
    """One column: our name, its width in bytes of GBK, and UnionPay's words for it."""

    name: str
    width: int
    says: str


# In their order; one byte stands between two columns, and what follows the last one is reserved. Source: 文件接口规范,
# 商户对账文件, as public readers of the file repeat it; which of them a merchant gets is agreed upon with UnionPay.
COLUMNS: Final = (
    Column("trade_code", 3, "交易代码"),
    Column("acquirer", 11, "代理机构标识码"),
    Column("sender", 11, "发送机构标识码"),
    Column("trace_no", 6, "系统跟踪号"),
    Column("at", 10, "交易传输时间"),
    Column("account", 19, "帐号"),
    Column("amount", 12, "交易金额"),
    Column("category", 4, "商户类别"),
    Column("terminal_kind", 2, "终端类型"),
    Column("query_id", 21, "查询流水号"),
    Column("old_way", 2, "支付方式（旧）"),
    Column("order_id", 32, "商户订单号"),
    Column("card_kind", 2, "支付卡类型"),
    Column("original_trace_no", 6, "原始交易的系统跟踪号"),
    Column("original_at", 10, "原始交易日期时间"),
    Column("fee", 13, "商户手续费"),
    Column("settlement", 13, "结算金额"),
    Column("way", 4, "支付方式"),
    Column("group", 15, "集团商户代码"),
    Column("txn_type", 2, "交易类型"),
    Column("txn_sub_type", 2, "交易子类"),
    Column("biz_type", 6, "业务类型"),
    Column("account_kind", 2, "帐号类型"),
    Column("bill_kind", 4, "账单类型"),
    Column("bill_no", 32, "账单号码"),
    Column("interaction", 1, "交互方式"),
    Column("original_query_id", 21, "原交易查询流水号"),
    Column("mer_id", 15, "商户代码"),
    Column("sharing", 1, "分账入账方式"),
    Column("sub_mer_id", 15, "二级商户代码"),
    Column("sub_mer_name", 32, "二级商户简称"),
    Column("sub_mer_amount", 13, "二级商户分账入账金额"),
    Column("net", 13, "清算净额"),
    Column("term_id", 8, "终端号"),
    Column("reserved", 32, "商户自定义域"),
    Column("discount", 13, "优惠金额"),
    Column("invoice", 13, "发票金额"),
    Column("instalment_fee", 12, "分期付款附加手续费"),
    Column("instalments", 2, "分期付款期数"),
    Column("medium", 1, "交易介质"),
)


def _places() -> dict[str, tuple[int, int]]:
    """Return where each column begins and ends in a line, in bytes."""
    found, start = {}, 0
    for column in COLUMNS:
        found[column.name] = (start, start + column.width)
        start += column.width + 1
    return found


PLACES: Final = _places()
# A line must reach to the end of the last column that is needed; blank ends may be cut off.
NEEDED: Final = PLACES["mer_id"][1]
