"""Bills in Alipay's own format, made up for the tests (columns and comments: payments.md §4.2)."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date

TRADE_COLUMNS = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,"
    "商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,"
    "商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
)
FLOW_COLUMNS = (
    "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,"
    "交易渠道,业务类型,备注"
)
SUMMARY_COLUMNS = (
    "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,商家优惠（元）,"
    "卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）"
)


def yuan(fen: int) -> str:
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def payment(number: int, day: date, *, fen: int = 100, received: int | None = None, fee: str = "-0.01",
            goods: str = "物业费", share: str = "0.00") -> str:  # fmt: skip
    got = yuan(fen if received is None else received)
    return (
        f"20261122220014{number:014d}\t,T{number:027d}\t,交易,{goods},{day} 09:00:01,{day} 09:{number % 60:02d}:07,,,,,"
        f"*晓(pay***@x.com),{yuan(fen)},{got},0.00,0.00,0.00,0.00,0.00,,0.00,0.00,\t,{fee},{share},"
    )


def refund(number: int, day: date, *, fen: int = 50, fee: str = "0.00") -> str:
    return (
        f"20261122220014{number:014d}\t,T{number:027d}\t,退款,物业费,{day} 09:00:01,{day} 10:{number % 60:02d}:08,,,,,"
        f"*晓(pay***@x.com),-{yuan(fen)},-{yuan(fen)},0.00,0.00,0.00,0.00,0.00,,0.00,0.00,R{number:027d}\t,{fee},0.00,"
    )


def trade_text(lines: Sequence[str], paid: tuple[int, int], back: tuple[int, int], *, end: bool = True) -> bytes:
    """A whole table with its comments; sums are (number, fen) as the bill states them."""
    tail = ["#-----------------------------------------业务明细列表结束------------------------------------"] * end
    return _text(
        [
            "#支付宝业务明细查询",
            "#账号：[20880000000000010156]",
            "#起始日期：[2026年11月22日 00:00:00]   终止日期：[2026年11月23日 00:00:00]",
            "#-----------------------------------------业务明细列表----------------------------------------",
            TRADE_COLUMNS,
            *lines,
            *tail,
            f"#交易合计：{paid[0]}笔，商家实收共{yuan(paid[1])}元，商家优惠共0.00元",
            f"#退款合计：{back[0]}笔，商家实收退款共{yuan(-back[1])}元，商家优惠退款共0.00元",
            "#导出时间：[2026年11月23日 09:10:10]",
        ]
    )


def summary_text(payments: int, refunds: int, net: int) -> bytes:
    values = f"合计,,{payments},{refunds},{yuan(net)},{yuan(net)},0.00,0.00,0.00,0.00,0.00,{yuan(net)}"
    return _text(["#支付宝业务汇总查询", SUMMARY_COLUMNS, values, "#业务汇总列表结束"])


def flow(number: int, day: date, fen: int, kind: str, *, balance: int = 1_000) -> str:
    into, out = (yuan(fen), "") if fen >= 0 else ("", yuan(fen))
    return (
        f"{number:020d}\t,20261122220014{number:014d}\t,T{number:027d}\t,物业费,{day} 09:{number % 60:02d}:07,"
        f"pay***@x.com\t,{into},{out},{yuan(balance)},支付宝,{kind},备注"
    )


def flow_text(lines: Sequence[str], into: tuple[int, int], out: tuple[int, int]) -> bytes:
    return _text(
        [
            "#支付宝账务明细查询",
            FLOW_COLUMNS,
            *lines,
            "#-----------------------------------------账务明细列表结束------------------------------------",
            f"#支出合计：{out[0]}笔，共{yuan(out[1])}元",
            f"#收入合计：{into[0]}笔，共{yuan(into[1])}元",
        ]
    )


def _text(lines: Sequence[str]) -> bytes:
    return ("\r\n".join(lines) + "\r\n").encode("gbk")


class _GbkInfo(zipfile.ZipInfo):
    """Writes its name as GBK without the flag that would say UTF-8, as Alipay does."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - The name that zipfile calls.
        return self.filename.encode("gbk"), self.flag_bits & ~0x800


def zipped(files: Mapping[str, bytes]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(_GbkInfo(name), content, zipfile.ZIP_DEFLATED)
    return whole.getvalue()


def trade_file(*, payments: int, refunds: int, day: date, **changes: bytes) -> tuple[bytes, int]:
    """A zip with so many lines of each kind, and their number; ``table`` and ``summary`` replace its files."""
    lines = [payment(number, day) for number in range(payments)] + [refund(number, day) for number in range(refunds)]
    table = trade_text(lines, (payments, payments * 100), (refunds, refunds * 50))
    summary = summary_text(payments, refunds, payments * 100 - refunds * 50)
    files = {
        "20880000000000010156_20261122_业务明细.csv": changes.get("table", table),
        "20880000000000010156_20261122_业务明细(汇总).csv": changes.get("summary", summary),
    }
    return zipped(files), payments + refunds


def flow_file(lines: Sequence[tuple[int, str]], day: date, *, wrong: int = 0) -> bytes:
    """A zip of movements (fen and the vendor's word); ``wrong`` is added to the stated sum of money in."""
    rows = [flow(number, day, fen, kind) for number, (fen, kind) in enumerate(lines)]
    into, out = [fen for fen, _ in lines if fen >= 0], [fen for fen, _ in lines if fen < 0]
    text = flow_text(rows, (len(into), sum(into) + wrong), (len(out), sum(out)))
    return zipped({"20880000000000010156_20261122_账务明细.csv": text})
