"""The cashier in every wallet's browser, at the widths of phones: what it shows, and that its button works."""

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from bot.payments.values import Order
from tests.browser.driving import Eyes, alipay, base, eyes
from tests.web.rig import ALIPAY, ANDROID, BANK, CLOUD_PAY, DESKTOP, IPHONE, SAFARI, WECHAT, Shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

# A folder for pictures of every page, for somebody to look at.
PICTURES = "SCENEPAY_WALLET_PICTURES"
WIDTHS = (320, 375)
AGENTS = {
    "wechat": WECHAT,
    "wecom": f"{ANDROID} wxwork/4.1.22 MicroMessenger/7.0.1",
    "mini-program": f"{IPHONE} MicroMessenger/8.0.50 miniProgram/wx0123456789abcdef",
    "alipay": ALIPAY,
    "cloudpay": CLOUD_PAY,
    "ccb": f"{ANDROID} UnionPay/1.0 CCBLoongPay",
    "psbc": f"{ANDROID} Nebula mPaaSClient AlipayClient/10 UnionPay/1.0 PSBC",
    "bankapp": BANK,
    "phone": SAFARI,
    "unknown": "SomeBrowser/1.0",
    "desktop": DESKTOP,
}


async def picture(page: Page, name: str) -> None:
    folder = os.environ.get(PICTURES)
    if folder:
        await page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


async def opened(seen: Eyes, shop: Shop, amount: int = 2_550) -> tuple[Page, Order]:
    order = await shop.order(amount)
    page = await seen.page()
    await page.goto(f"{base(shop)}/cashier/{order.token}")
    return page, order


async def invoked(page: Page) -> Any:
    return await page.evaluate("window.invoked")


@pytest.mark.parametrize("name", AGENTS)
async def test_every_wallets_pages(browser: Browser, bazaar: Shop, name: str) -> None:
    order = await bazaar.order(1_234_567)
    async with eyes(browser, user_agent=AGENTS[name]) as seen:
        page = await seen.page()
        for where, path in (("till", f"/q/{bazaar.code}"), ("cashier", f"/cashier/{order.token}")):
            answer = await page.goto(base(bazaar) + path)
            assert answer is not None and answer.status == 200
            for width in WIDTHS:
                await page.set_viewport_size({"width": width, "height": 640})
                await seen.accessible(page)
                await picture(page, f"{name}-{where}-{width}")


@pytest.mark.parametrize("name", ["alipay", "phone"])
async def test_a_merchant_without_that_wallet_says_what_to_do(browser: Browser, shop: Shop, name: str) -> None:
    order = await shop.order()
    async with eyes(browser, width=320, user_agent=AGENTS[name]) as seen:
        page = await seen.page()
        await page.goto(f"{base(shop)}/cashier/{order.token}")
        await expect(page.get_by_role("heading", level=2)).to_contain_text(
            "没有开通支付宝" if name == "alipay" else "请在微信里付款"
        )
        await seen.accessible(page)
        await picture(page, f"{name}-closed-320")


# --- Alipay ---------------------------------------------------------------------------------------------------------


async def test_alipay_pays_by_its_bridge(browser: Browser, bazaar: Shop) -> None:
    async with alipay(browser) as seen:
        page, order = await opened(seen, bazaar)
        await page.get_by_role("button", name="立即支付").click()
        await expect(page.get_by_role("status")).to_have_text("正在确认付款结果…")
        [number] = bazaar.second.charges
        assert await invoked(page) == [["tradePay", {"tradeNO": f"2026{number}"}]]
        assert page.url.endswith(f"/cashier/{order.token}"), "the wallet's word alone changes nothing"
        await bazaar.pay(order, bazaar.second)
        await page.wait_for_url(f"**/receipts/{order.token}")


@pytest.mark.parametrize(
    ("code", "words"),
    [("6001", "已取消"), ("99", "已取消"), ("4000", "付款没有完成"), ("8000", "正在确认"), ("", "没有完成")],
)
async def test_what_alipays_bridge_says(browser: Browser, bazaar: Shop, code: str, words: str) -> None:
    async with alipay(browser, width=320) as seen:
        page, _ = await opened(seen, bazaar)
        await page.evaluate("code => window.answer = code", code)
        await page.get_by_role("button", name="立即支付").click()
        await expect(page.get_by_role("status")).to_contain_text(words)


async def test_an_alipay_without_the_bridge_goes_to_its_page(browser: Browser, bazaar: Shop) -> None:
    async with alipay(browser, bridge=False) as seen:
        page, _ = await opened(seen, bazaar)
        await page.get_by_role("button", name="立即支付").click()
        await page.wait_for_url("**/pay?no=*")
        assert [str(each.way) for each in bazaar.second.requests] == ["h5"]


async def test_from_the_amount_one_tap_pays_in_alipay(browser: Browser, bazaar: Shop) -> None:
    async with alipay(browser, width=320) as seen:
        page = await seen.page()
        await page.goto(f"{base(bazaar)}/q/{bazaar.code}")
        await page.get_by_label("付款金额").fill("8.8")
        await page.get_by_role("button", name="付款 ¥8.80").click()
        await expect(page.get_by_role("status")).to_have_text("正在确认付款结果…")
        assert [each.amount for each in bazaar.second.requests] == [880]


# --- those that go to a page of their own -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cloudpay", "ccb", "psbc", "bankapp"])
async def test_unionpay_and_banks_go_to_their_own_page_and_come_back(browser: Browser, bazaar: Shop, name: str) -> None:
    async with eyes(browser, user_agent=AGENTS[name]) as seen:
        page, order = await opened(seen, bazaar)
        await page.get_by_role("button", name="立即支付").click()
        await page.wait_for_url("**/pay?no=*")
        await page.go_back()
        await expect(page.get_by_role("button", name="立即支付")).to_be_enabled()
        await bazaar.pay(order, bazaar.second)
        await page.goto(f"{base(bazaar)}/cashier/{order.token}")
        await page.wait_for_url("**/receipts/*")


async def test_a_phones_own_browser_chooses_and_comes_back(browser: Browser, bazaar: Shop) -> None:
    async with eyes(browser, width=320, user_agent=SAFARI) as seen:
        page, order = await opened(seen, bazaar)
        await page.get_by_role("button", name="支付宝").click()
        await page.wait_for_url("**/pay?no=*")
        await page.go_back()
        choice = page.get_by_role("button", name="手机银行")
        await expect(choice).to_be_enabled()
        await choice.click()
        await page.wait_for_url("**/pay?no=*")
        assert [each.state for each in bazaar.second.charges.values()] == ["closed", "waiting"]
        await page.goto(f"{base(bazaar)}/cashier/{order.token}")
        await bazaar.pay(order, bazaar.second)
        await page.wait_for_url("**/receipts/*")


async def test_a_phones_own_browser_at_a_store(browser: Browser, bazaar: Shop) -> None:
    async with eyes(browser, width=320, user_agent=SAFARI) as seen:
        page = await seen.page()
        await page.goto(f"{base(bazaar)}/q/{bazaar.code}")
        await page.get_by_label("付款金额").fill("12")
        await page.get_by_role("button", name="付款 ¥12.00").click()
        await page.wait_for_url("**/cashier/*")
        await expect(page.get_by_role("heading", name="选择付款方式")).to_be_visible()


# --- a desk ---------------------------------------------------------------------------------------------------------


async def test_a_desk_switches_to_a_wallets_own_code(browser: Browser, bazaar: Shop) -> None:
    async with eyes(browser, width=1280, user_agent=DESKTOP) as seen:
        page, order = await opened(seen, bazaar)
        choice = page.get_by_role("button", name="支付宝专用码")
        await choice.click()
        await expect(choice).to_have_attribute("aria-pressed", "true")
        await expect(page.locator("#hint")).to_have_text("打开手机支付宝“扫一扫”付款")
        assert "with=alipay" in str(await page.locator("#code").get_attribute("src"))
        await page.wait_for_function("document.images[0].complete && document.images[0].naturalWidth > 0")
        await seen.accessible(page)
        await picture(page, "desktop-own-code")
        await bazaar.pay(order, bazaar.second)
        await page.wait_for_url("**/receipts/*")
