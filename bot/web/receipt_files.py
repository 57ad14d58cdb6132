"""The receipt as a file to keep: the facts of the page, drawn as a PDF or as a picture."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from bot.billers.proofs import FiscalReceipt, Voucher
from bot.kernel.errors import Busy, NotFound
from bot.kernel.money import format_yuan
from bot.payments.receipts import Receipt, ReceiptLine
from bot.words.filters import moment
from bot.words.sheets import Row, Section, Sheet, TooLong, draw_pdf, draw_png

# Drawing takes some hundredths of a second of a core, and the cores are needed for payments.
_DRAWING_MAX: Final = 2
_WAITING_MAX: Final = 32
# The words of templates/receipt/receipt.html, which tests hold against these.
_STATES: Final = {
    "settled": "已销账",
    "none": "等待入账",
    "sent": "入账处理中",
    "unknown": "入账处理中",
    "refused": "未入账，正在处理",
    "reversing": "正在撤销",
    "reversed": "已撤销",
    "reversal_refused": "已销账",
}
_REFUND_STATES: Final = {
    "succeeded": "已到账",
    "requested": "待审核",
    "approved": "处理中",
    "pending": "处理中",
    "unknown": "处理中",
    "abnormal": "人工处理中",
}
_NO_INVOICE: Final = "本凭证是付款凭证，不作为税务发票。税务发票由收费单位开具。"
_HOW_TO_VERIFY: Final = "在核验地址填写商户单号和验证码，可以核对本凭证。各项状态为取得本文件时的状态。"


class ReceiptFiles:
    """Draws receipts in threads, a few at a time; ``font`` is a file with Chinese characters, None for no pictures."""

    def __init__(self, public_url: str, font: Path | None = None) -> None:
        self._verify_url = f"{public_url}/receipts/verify"
        self._font = font
        self._places = asyncio.Semaphore(_DRAWING_MAX)
        self._asked = 0

    @property
    def pictures(self) -> bool:
        """Whether there is a font to draw pictures with."""
        return self._font is not None

    async def pdf(self, receipt: Receipt) -> bytes:
        """Return the receipt as a PDF; raises Busy while too many wait."""
        paper = sheet(receipt, self._verify_url)
        return await self._drawn(lambda: draw_pdf(paper))

    async def png(self, receipt: Receipt) -> bytes:
        """Return the receipt as a picture; raises NotFound where there is no font or no room for it, Busy as above."""
        font, paper = self._font, sheet(receipt, self._verify_url)
        if font is None:
            raise NotFound("receipt_picture_off", 'the operator has to set [receipts] font = "/path/to.ttc"')
        try:
            return await self._drawn(lambda: draw_png(paper, font))
        except TooLong as fault:
            raise NotFound("receipt_picture_long", "take the receipt as a PDF") from fault

    async def _drawn(self, draw: Callable[[], bytes]) -> bytes:
        if self._asked >= _WAITING_MAX:
            raise Busy("receipt_files", "try again in a minute")
        self._asked += 1
        try:
            async with self._places:
                return await asyncio.to_thread(draw)
        finally:
            self._asked -= 1


def sheet(receipt: Receipt, verify_url: str) -> Sheet:
    """Return the receipt as it is drawn, with the address where its number and code are checked."""
    return Sheet(
        name=f"receipt {receipt.number}",
        heading="付款凭证",
        sections=(
            Section("付款信息", tuple(_payment(receipt))),
            Section("缴费内容", tuple(row for line in receipt.lines for row in _bill(line))),
            Section("核验", (Row("验证码", receipt.code), Row("核验地址", verify_url))),
        ),
        notes=(*receipt.notes, _HOW_TO_VERIFY, _NO_INVOICE),
    )


def _payment(receipt: Receipt) -> Iterator[Row]:
    yield Row("状态", _state(receipt))
    yield Row("金额", _yuan(receipt.amount))
    yield Row("收款方", receipt.payee)
    yield Row("付款时间", moment(receipt.paid_at))
    yield Row("凭证号", receipt.number)
    yield Row("商户单号", receipt.out_trade_no)
    yield Row("交易号尾号", receipt.transaction_tail)
    if receipt.payer_amount is not None and receipt.payer_amount != receipt.amount:
        yield Row("实付", _yuan(receipt.payer_amount))
    for refund in receipt.refunds:
        yield Row(f"退款（{_REFUND_STATES[refund.state]}）", _yuan(refund.amount))


def _bill(line: ReceiptLine) -> Iterator[Row]:
    yield Row(f"{line.title}（{line.account_mask}）" if line.account_mask else line.title, _yuan(line.amount))
    if line.late_fee:
        yield Row("其中滞纳金", _yuan(line.late_fee))
    if line.discount:
        yield Row("已减免", _yuan(line.discount))
    yield Row("收费单位", _STATES[line.state])
    yield from _proof(line)


def _proof(line: ReceiptLine) -> Iterator[Row]:
    """Yield what the biller gave; a voucher is shown from the moment on in which it is good, as on the page."""
    proof = line.proof
    if isinstance(proof, FiscalReceipt):
        yield Row("电子票据代码", proof.code)
        yield Row("票据号码", proof.number)
        yield Row("校验码", proof.check)
    elif isinstance(proof, Voucher):
        if line.state == "settled":
            yield Row("核销码", proof.shown)
    elif line.biller_ref and line.biller_ref.partition(":")[0] not in (Voucher.kind, FiscalReceipt.kind):
        yield Row("收费单位流水号", line.biller_ref)


def _state(receipt: Receipt) -> str:
    if not receipt.refunded:
        return "付款成功"
    return "已退款" if receipt.refunded == receipt.amount else "已部分退款"


def _yuan(fen: int) -> str:
    return f"¥{format_yuan(fen)}"
