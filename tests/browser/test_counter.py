"""The cashier's counter in a real browser: by scanning gun, at every width, through every outcome."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.driving import WIDTHS, Eyes, base, eyes
from tests.payments.scripted_codes import BROKE, PAYS, TYPES
from tests.web.device.rig import at_counter
from tests.web.rig import Shop

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def signed_in(seen: Eyes, shop: Shop, page_id: str, pin: str) -> Page:
    page = await seen.page()
    await page.goto(f"{base(shop)}/till/{page_id}")
    await seen.accessible(page)
    await page.get_by_label("登录码").fill(pin)
    await page.get_by_role("button", name="登录").click()
    await expect(page.get_by_label("收款金额")).to_be_focused()
    return page


async def scanned(page: Page, amount: str, code: str) -> None:
    """Type an amount, and a code as a gun does: digits and Enter."""
    await page.get_by_label("收款金额").fill(amount)
    await page.get_by_label("收款金额").press("Enter")
    await page.get_by_label("顾客付款码").fill(code)
    await page.get_by_label("顾客付款码").press("Enter")


async def test_a_day_at_the_counter(browser: Browser, shop: Shop, tmp_path: Path) -> None:
    async with at_counter(shop) as (_, page_id, pin), eyes(browser, user_agent="Till Chrome/130") as seen:
        page = await signed_in(seen, shop, page_id, pin)
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 700})
            await seen.accessible(page)
        await page.set_viewport_size({"width": 375, "height": 700})

        await scanned(page, "25.50", PAYS)
        await expect(page.get_by_text("收款成功")).to_be_visible()
        await expect(page.get_by_text("¥25.50")).to_be_visible()
        await page.screenshot(path=tmp_path / "counter-paid.png")
        await page.get_by_role("button", name="下一笔").click()

        await scanned(page, "8", BROKE)
        await expect(page.get_by_text("收款没有成功")).to_be_visible()
        await expect(page.get_by_text("顾客余额不足")).to_be_visible()
        await page.get_by_role("button", name="下一笔").click()

        await scanned(page, "12", TYPES)
        await expect(page.get_by_text("顾客正在输入密码")).to_be_visible()
        await seen.accessible(page)
        await page.get_by_role("button", name="取消收款").click()
        await expect(page.get_by_text("正在取消")).to_be_visible()
        await page.screenshot(path=tmp_path / "counter-cancelling.png")

        assert await page.get_by_label("顾客付款码").input_value() == ""
        assert PAYS not in await page.content()


async def test_what_is_wrong_is_said_before_anything_is_sent(browser: Browser, shop: Shop) -> None:
    async with at_counter(shop) as (_, page_id, pin), eyes(browser, user_agent="Till Chrome/130") as seen:
        page = await signed_in(seen, shop, page_id, pin)
        await scanned(page, "0.5", PAYS)
        await expect(page.get_by_text("请输入可收的金额")).to_be_visible()
        await page.get_by_label("收款金额").fill("25")
        await page.get_by_label("顾客付款码").fill("12345")
        await page.get_by_label("顾客付款码").press("Enter")
        await expect(page.get_by_text("请扫描顾客的付款码")).to_be_visible()

        assert shop.gateway.codes.seen == []  # type: ignore[union-attr]
