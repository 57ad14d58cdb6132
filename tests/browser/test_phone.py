"""The demonstration as a visitor meets it: the phone, the web view in it, the pay sheet, and the strip beside it."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from bot.demo.run import Demo, open_demo
from bot.kernel.clock import SystemClock
from tests import engines
from tests.browser.driving import WIDTHS, Eyes, eyes
from tests.e2e.driver import visiting

pytestmark = pytest.mark.asyncio(loop_scope="module")

# The picture of the README is taken only when somebody wants a new one, so that a run leaves the tree as it was.
SCREENSHOTS = "SCENEPAY_SCREENSHOTS"
PICTURE = Path(__file__).parents[2] / "docs" / "images" / "demo.png"
PICTURE_BYTES_MAX = 300 * 1024


@pytest_asyncio.fixture(loop_scope="module")
async def demo(tmp_path: Path, sqlite_url: str, usage: engines.Usage) -> AsyncIterator[Demo]:
    usage.add("memory")
    async with open_demo(SystemClock(), port=0, folder=tmp_path, database_url=sqlite_url, factor=5) as opened:
        yield opened


async def phone_page(seen: Eyes, demo: Demo) -> Page:
    page = await seen.page()
    await page.goto(f"{demo.public_url}/demo/")
    await expect(page.get_by_role("heading", level=1)).to_have_text("城市缴费中心")
    return page


async def say(page: Page, text: str, answer: str | re.Pattern[str]) -> None:
    """Type a message on the keyboard and wait for the answer."""
    box = page.get_by_label("输入消息")
    await box.click()
    await page.keyboard.type(text)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("log", name="聊天记录")).to_contain_text(answer)


async def property_bill(page: Page) -> None:
    """Ask for the property bill until the payment link stands in the chat."""
    await say(page, "交物业费", "房号")
    await say(page, "3栋2单元501", "姓名")
    await say(page, "陈晓明", "239.36")
    await say(page, "1", "请核对")
    await say(page, "1", "点这里付款")


@pytest.mark.parametrize("width", WIDTHS)
async def test_the_whole_purchase(browser: Browser, demo: Demo, width: int) -> None:
    """From 交物业费 to the receipt in the chat, on screens from the smallest phone to a desktop."""
    height = 800 if width == 1280 else 720
    async with eyes(browser, width=width, height=height, timezone_id="Asia/Shanghai") as seen:
        page = await phone_page(seen, demo)
        assert await page.evaluate("document.documentElement.scrollWidth") == width
        await property_bill(page)
        await page.get_by_role("link", name="点这里付款").click()
        view = page.frame_locator("[data-testid=webview]")
        await expect(view.get_by_role("heading", level=1)).to_have_text("阳光花园物业服务有限公司")
        await expect(view.locator(".total")).to_have_text("¥239.36")
        await view.get_by_role("button", name="立即支付").click()
        sheet = page.get_by_test_id("pay-sheet")
        await expect(sheet).to_contain_text("239.36")
        await expect(sheet).to_contain_text("城市缴费中心")
        await page.keyboard.type("123456")
        await page.get_by_test_id("pay-done").click()
        await expect(view.get_by_role("heading", level=1)).to_have_text("付款成功")
        await expect(view.get_by_text("已销账")).to_be_visible()
        if width == 1280:
            await the_strip(page)
            await picture(page)
        await view.get_by_role("button", name="完成").click()
        await expect(page.get_by_test_id("webview")).to_have_count(0)
        await expect(page.get_by_role("log", name="聊天记录")).to_contain_text("付款成功")
    async with visiting(demo) as town:
        assert await town.audit() == []


async def the_strip(page: Page) -> None:
    """Beside the phone one card tells the whole story of the payment."""
    card = page.locator(".trace", has_text="订单已付清")
    await expect(card).to_contain_text("客服消息已送出")
    await expect(card.locator("[data-kind=posting]")).to_have_count(2)
    for kind in ("webhook", "reply", "order", "charge", "call", "notice", "biller", "message"):
        assert await card.locator(f"[data-kind={kind}]").count() > 0, kind
    text = "\n".join(await page.locator("#strip-body .event.product").all_inner_texts())
    assert not re.search(r"陈晓明|oDemoCustomer0|ord_\w{26}|[0-9A-Za-z]{32}", text)


async def picture(page: Page) -> None:
    """Take the picture of the README when asked for."""
    if os.environ.get(SCREENSHOTS):
        await asyncio.sleep(0.5)
        await page.locator("#banner").evaluate("node => { node.hidden = true; }")
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=PICTURE)
        assert PICTURE.stat().st_size <= PICTURE_BYTES_MAX


async def test_scanning_a_store_code(browser: Browser, demo: Demo) -> None:
    """扫一扫 → amount → one tap: the pay sheet; a change of mind about the amount pays the later one."""
    async with eyes(browser, width=1280, height=800) as seen:
        page = await phone_page(seen, demo)
        await page.get_by_role("button", name="扫一扫").click()
        await page.get_by_role("button", name="老街面馆 中山路店").click()
        view = page.frame_locator("[data-testid=webview]")
        await expect(view.get_by_role("heading", level=1)).to_have_text("老街面馆 · 中山路店")
        await view.get_by_label("付款金额").fill("18.8")
        await view.get_by_role("button", name="付款 ¥18.80").click()
        sheet = page.get_by_test_id("pay-sheet")
        await expect(sheet).to_contain_text("18.80")
        await sheet.get_by_role("button", name="关闭").click()
        await expect(view.get_by_role("status")).to_have_text("已取消，可以再次付款。")
        await view.get_by_label("付款金额").fill("28.8")
        await view.get_by_role("button", name="付款 ¥28.80").click()
        await expect(sheet).to_contain_text("28.80")
        await page.get_by_test_id("pay-confirm").click()
        await page.get_by_test_id("pay-done").click()
        await expect(view.get_by_role("heading", level=1)).to_have_text("付款成功")
        await expect(view.locator(".total")).to_have_text("¥28.80")
    rows = await demo.house.database.rows("SELECT amount, state FROM orders ORDER BY created_at")
    assert [(row["amount"], row["state"]) for row in rows] == [(1_880, "created"), (2_880, "paid")]


async def test_the_strip_after_a_reload(browser: Browser, demo: Demo) -> None:
    """A visitor who loads the page again sees what happened before."""
    async with eyes(browser, width=1280, height=800) as seen:
        page = await phone_page(seen, demo)
        await say(page, "交物业费", "房号")
        await expect(page.locator("#strip-body [data-kind=webhook]").first).to_be_visible()
        await page.reload()
        await expect(page.locator("#strip-body [data-kind=webhook]").first).to_be_visible()
        await expect(page.get_by_role("log", name="聊天记录")).to_contain_text("房号")
