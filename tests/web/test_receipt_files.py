"""A receipt as a file says what its page says, in characters that are read back out of it."""

import asyncio
import base64
import io
import re
import threading
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from bot.billers.proofs import Voucher, check_digit
from bot.kernel.errors import Busy, NotFound
from bot.payments.receipts import Receipt, ReceiptLine, ReceiptRefund
from bot.payments.values import Order
from bot.settings import ConfigFile, ReceiptsSection
from bot.web import receipt_files
from bot.web.receipt_files import ReceiptFiles, sheet
from bot.wiring import application
from bot.words.render import render_page
from bot.words.scripts import Script
from bot.words.sheets import Row, Section, Sheet, TooLong, draw_pdf, draw_png, drawable
from tests.web.rig import DESKTOP, URL, Browser, Shop

VERIFY = f"{URL}/receipts/verify"
# Where Debian's packages of Chinese fonts put their files.
FONTS = (
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/opentype/noto/NotoSerifCJK-Regular.ttc",
    "/usr/share/fonts/truetype/arphic/uming.ttc",
    "/usr/share/fonts/truetype/arphic/ukai.ttc",
)
FONT = next((Path(name) for name in FONTS if Path(name).is_file()), None)

_STREAM = re.compile(rb"/FlateDecode[^>]*>>\s*stream\r?\n(.*?)endstream", re.DOTALL)
_SHOWN = re.compile(rb"\(((?:\\.|[^\\()])*)\) Tj", re.DOTALL)
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_PAIR = re.compile(r"<dt[^>]*>(.*?)</dt><dd[^>]*>(.*?)</dd>", re.DOTALL)
_PLAIN = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def pdf_text(body: bytes) -> str:
    """Read the words of a PDF back: its streams are inflated, and what they show is UCS-2 (UniGB-UCS2-H)."""
    return "".join(_shown(body))


def _shown(body: bytes) -> Iterator[str]:
    streams = [zlib.decompress(base64.a85decode(b"<~" + raw.strip(), adobe=True)) for raw in _STREAM.findall(body)]
    assert streams, body[:200]
    for words in _SHOWN.findall(b"\n".join(streams)):
        yield _ESCAPE.sub(lambda found: _byte(found[1]), words).decode("utf-16-be")


def _byte(escaped: bytes) -> bytes:
    return bytes([int(escaped, 8)]) if len(escaped) == 3 else _PLAIN.get(escaped, escaped)


def receipt(*lines: ReceiptLine, refunds: Sequence[ReceiptRefund] = (), payee: str = "阳光物业服务有限公司") -> Receipt:
    return Receipt(
        number="20261124abcdefghijkl",
        order_id="ord_1",
        token="t" * 32,
        title="房租",
        payee=payee,
        lines=lines or (line(),),
        amount=12_850,
        payer_amount=12_350,
        currency="CNY",
        gateway="scripted",
        out_trade_no="20261124T0001",
        transaction_tail="87654321",
        paid_at=datetime(2026, 11, 24, 1, 5, tzinfo=UTC),
        refunded=sum(refund.amount for refund in refunds if refund.state == "succeeded"),
        refunds=tuple(refunds),
        code="ABCDEFGH23456789",
        trace_id="trc_1",
        notes=("请携带证件到窗口办理。",),
    )


def line(title: str = "房租", state: str = "settled", ref: str | None = None) -> ReceiptLine:
    return ReceiptLine(title, "****0101", None, None, 12_850, 50, state, ref, None, 30)


def rows(paper: Sheet) -> list[tuple[str, str]]:
    return [(row.label, row.value) for section in paper.sections for row in section.rows]


async def paid(shop: Shop) -> tuple[Order, Receipt]:
    order, phone = await shop.order(), await shop.browser()
    await phone.sign_in(f"/cashier/{order.token}")
    await phone.charge(order)
    await shop.pay(order)
    return order, await shop.house.payments.receipts.of_order(order.id)


async def body(browser: Browser, path: str) -> bytes:
    async with browser.client.get(path) as answer:
        assert answer.status == 200
        return await answer.read()


@asynccontextmanager
async def with_font(shop: Shop, font: Path) -> AsyncIterator[Shop]:
    """The same shop, whose operator has set a font."""
    house = shop.house
    file = house.settings.file.model_copy(update={"receipts": ReceiptsSection(font=font)})
    fitted = replace(house, settings=house.settings.model_copy(update={"file": file}))
    async with TestServer(application(fitted)) as server:
        yield replace(shop, server=server, house=fitted)


async def test_the_pdf_says_what_was_paid(shop: Shop) -> None:
    order, known = await paid(shop)
    browser = await shop.browser(DESKTOP)
    answer = await browser.get(f"/receipts/{order.token}.pdf")
    file = await body(browser, f"/receipts/{order.token}.pdf")
    text = pdf_text(file)

    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/pdf")
    assert answer.headers["Content-Disposition"] == f'inline; filename="receipt-{known.number}.pdf"'
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert file.startswith(b"%PDF-") and file.rstrip().endswith(b"%%EOF")
    for fact in ("25.50", known.out_trade_no, known.number, known.code, known.payee, VERIFY, "不作为税务发票"):
        assert fact in text
    assert order.id not in text and order.token not in text


async def test_the_page_leads_to_the_pdf_and_to_no_picture_without_a_font(shop: Shop) -> None:
    order, _ = await paid(shop)
    browser = await shop.browser(DESKTOP)
    shown = (await browser.get(f"/receipts/{order.token}")).text

    assert f'href="/receipts/{order.token}.pdf"' in shown and ".png" not in shown


async def test_without_a_font_the_picture_is_off_and_the_error_names_the_setting(shop: Shop) -> None:
    order, _ = await paid(shop)
    browser = await shop.browser(DESKTOP)
    answer = await browser.get(f"/receipts/{order.token}.png", Accept="application/json")

    assert (answer.status, answer.json["code"]) == (404, "receipt_picture_off")
    assert '[receipts] font = "' in answer.json["message"]


async def test_with_a_font_there_is_a_picture(shop: Shop) -> None:
    """Where the machine has no Chinese font the setting cannot be made, and the picture stays off."""
    if FONT is None:
        with pytest.raises(NotFound, match="receipt_picture_off"):
            await ReceiptFiles(URL).png(receipt())
        return
    order, known = await paid(shop)
    async with with_font(shop, FONT) as fitted:
        browser = await fitted.browser(DESKTOP)
        path = f"/receipts/{order.token}.png"
        answer, page = await browser.get(path), await browser.get(f"/receipts/{order.token}")
        with Image.open(io.BytesIO(await body(browser, path))) as picture:
            picture.load()

            assert picture.format == "PNG" and picture.width == 800 and picture.height > 800
            assert picture.getextrema() == (0, 255)
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.headers["Content-Disposition"] == f'inline; filename="receipt-{known.number}.png"'
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert f'href="{path}"' in page.text


@pytest.mark.parametrize("ending", ["pdf", "png"])
async def test_what_is_not_paid_is_202_and_what_is_not_there_is_404(shop: Shop, ending: str) -> None:
    order = await shop.order()
    browser = await shop.browser(DESKTOP)
    waiting = await browser.get(f"/receipts/{order.token}.{ending}")

    assert waiting.status == 202 and "还没有收到付款" in waiting.text
    for token in ("x" * 32, order.token[:-1], "unknown", f"{order.token}.{ending}", "%22%0d%0a" + "x" * 29):
        assert (await browser.get(f"/receipts/{token}.{ending}")).status == 404


VOUCHER = Voucher("12345678901" + check_digit("12345678901"))
_PROOFS = (None, VOUCHER.ref, "voucher:000000000000", "fiscal:12345678:1234567890:abc123", "ref-7")


@pytest.mark.parametrize("state", receipt_files._STATES)
@pytest.mark.parametrize("ref", _PROOFS)
def test_whatever_the_page_shows_is_in_the_file(state: str, ref: str | None) -> None:
    known = receipt(line(state=state, ref=ref), line("水费", "settled"))
    page = render_page("receipt/receipt.html", Script.ZH_HANS, receipt=known, pictures=False)
    shown = {(unescape(label), unescape(value)) for label, value in _PAIR.findall(page)}

    assert len(shown) >= 8 and shown <= set(rows(sheet(known, VERIFY)))


@pytest.mark.parametrize("state", receipt_files._REFUND_STATES)
@pytest.mark.parametrize("amount", [100, 12_850])
def test_refunds_are_told_as_the_page_tells_them(state: str, amount: int) -> None:
    known = receipt(refunds=[ReceiptRefund(amount, state, "R1", None)])
    page = render_page("receipt/receipt.html", Script.ZH_HANS, receipt=known, pictures=False)
    told = dict(rows(sheet(known, VERIFY)))

    assert {(unescape(label), value) for label, value in _PAIR.findall(page)} <= set(told.items())
    assert f'<h1 class="msg-title">{told["状态"]}</h1>' in page


def test_the_file_tells_late_fee_discount_and_what_the_biller_gave() -> None:
    told = rows(sheet(receipt(line(ref="ref-7")), VERIFY))

    assert ("其中滞纳金", "¥0.50") in told and ("已减免", "¥0.30") in told
    assert ("收费单位流水号", "ref-7") in told and ("房租（****0101）", "¥128.50") in told
    assert ("付款时间", "2026-11-24 09:05") in told and ("实付", "¥123.50") in told


@pytest.mark.parametrize("ref", [VOUCHER.ref, "voucher:000000000000", "fiscal:bad"])
def test_a_voucher_that_is_not_good_is_not_shown(ref: str) -> None:
    """Not before the biller has booked the line, and never as a bare reference."""
    text = pdf_text(draw_pdf(sheet(receipt(line(state="sent", ref=ref)), VERIFY)))

    assert ref not in text and VOUCHER.shown not in text and "核销码" not in text


def test_a_good_voucher_and_a_fiscal_receipt_are_shown() -> None:
    known = receipt(line(ref=VOUCHER.ref), line(ref="fiscal:12345678:1234567890:abc123"))
    text = pdf_text(draw_pdf(sheet(known, VERIFY)))

    assert f"核销码{VOUCHER.shown}" in text and "票据号码1234567890" in text and "校验码abc123" in text


HOSTILE = (
    ") Tj ET Q (",
    "\\",
    "\\051\\",
    "<script>alert(1)</script>&amp;",
    "a\x00b\nc\r\td",
    "\u202e\u2066gnp.exe\u200b",
    "𠮷野家 🧾 é ¥ العربية",
    "\ud800",
    "超" * 2_000,
    "W" * 2_000,
    "",
    " ",
)


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_are_only_words(name: str) -> None:
    known = receipt(line(name), payee=name)
    text = pdf_text(draw_pdf(sheet(known, VERIFY)))

    assert drawable(name) in text and known.out_trade_no in text and known.code in text
    assert not re.search("[\x00-\x1f\u200b\u202e\u2066\ud800-\udfff]", text)
    if FONT is not None:
        assert draw_png(sheet(known, VERIFY), FONT).startswith(b"\x89PNG")


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400), st.text(max_size=400))
def test_any_names_come_back_out_of_the_pdf(payee: str, title: str) -> None:
    known = receipt(line(title), payee=payee)
    file = draw_pdf(sheet(known, VERIFY))
    shown = pdf_text(file)

    assert drawable(payee) in shown and "￥128.50" in shown
    assert file == draw_pdf(sheet(known, VERIFY))


@given(st.text(max_size=400))
def test_what_is_drawn_is_in_the_font(text: str) -> None:
    drawn = drawable(text)

    assert len(drawn) <= 300 and drawn.encode("gbk").decode("gbk") == drawn
    assert drawable(drawn) == drawn.strip()


def test_signs_that_the_font_lacks_are_marked() -> None:
    assert drawable("𠮷野家¥1 é") == "〓野家￥1 é"


def test_a_long_receipt_goes_on_on_further_pages() -> None:
    known = receipt(*(line(f"第{number}项" + "长" * 90) for number in range(50)))
    file = draw_pdf(sheet(known, VERIFY))
    text = pdf_text(file)

    assert file.count(b"/Type /Page\n") > 3
    assert all(f"第{number}项" in text for number in range(50)) and VERIFY in text


def test_nothing_is_drawn_beyond_the_paper() -> None:
    """The baselines of all words lie within the sheet, and so do their ends."""
    known = receipt(*(line("W超" * 100) for _ in range(20)), payee="M" * 300)
    file = draw_pdf(sheet(known, VERIFY))
    raw = b"\n".join(
        zlib.decompress(base64.a85decode(b"<~" + part.strip(), adobe=True)) for part in _STREAM.findall(file)
    )
    places = [(float(x), float(y)) for x, y in re.findall(rb"1 0 0 1 ([\d.]+) ([\d.]+) Tm", raw)]

    assert len(places) > 100 and all(40 <= x < 555 and 40 <= y <= 802 for x, y in places)
    assert max(len(words) for words in _shown(file)) < 60


async def test_a_picture_that_would_be_too_long_is_refused() -> None:
    if FONT is None:
        return
    endless = Sheet("x", "x", (Section("x", tuple(Row("长" * 300, "x") for _ in range(100))),), ())
    with pytest.raises(TooLong):
        draw_png(endless, FONT)
    with pytest.raises(NotFound, match="receipt_picture_long"):
        await ReceiptFiles(URL, FONT).png(receipt(*(line("长" * 300) for _ in range(50))))


async def test_few_are_drawn_at_once_and_few_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    go, lock = threading.Event(), threading.Lock()
    running, most = 0, 0

    def slow(_: Sheet) -> bytes:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        assert go.wait(10)
        with lock:
            running -= 1
        return b"%PDF-"

    monkeypatch.setattr(receipt_files, "draw_pdf", slow)
    files = ReceiptFiles(URL)
    waiting = [asyncio.create_task(files.pdf(receipt())) for _ in range(receipt_files._WAITING_MAX)]
    await asyncio.sleep(0)
    try:
        with pytest.raises(Busy, match="receipt_files"):
            await asyncio.wait_for(files.pdf(receipt()), 1)
    finally:
        go.set()
    assert set(await asyncio.gather(*waiting)) == {b"%PDF-"} and most <= receipt_files._DRAWING_MAX
    assert await files.pdf(receipt()) == b"%PDF-"


def test_a_font_that_is_not_there_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="receipts"):
        ConfigFile.model_validate({"receipts": {"font": str(tmp_path / "none.ttc")}})
    assert ConfigFile().receipts.font is None
