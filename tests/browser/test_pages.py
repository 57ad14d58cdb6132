"""The cashier's pages in a real browser: every width, light and dark, by finger, by keyboard and without a script."""

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, Page, Route, expect

from bot.billers.items import AmountKind, AmountRule, Flow, ItemDefinition
from bot.payments.facts import Declined
from tests.browser.driving import WIDTHS, Eyes, base, eyes, wechat
from tests.payments.scripted_gateway import LOST_AFTER
from tests.web.rig import DESKTOP, Shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
ALIPAY = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Mobile AliApp(AP/10.5.96) AlipayClient/10.5.96"


async def paid_order(shop: Shop) -> str:
    """An order that is paid, for its receipt; the charge is made as the cashier would."""
    order = await shop.order(123_456)
    phone = await shop.browser()
    await phone.sign_in(f"/cashier/{order.token}", "openid-of-another")
    await phone.charge(order)
    await shop.pay(order)
    await shop.execute("UPDATE order_lines SET state = 'settled', title = $1", "物业服务费与公共能耗分摊 2026-09")
    return order.token


async def test_every_page_fits_and_can_be_used_by_everybody(browser: Browser, shop: Shop) -> None:
    """Four widths, light and dark, each page of each kind of visitor."""
    receipt, order = await paid_order(shop), await shop.order(49_999_99)
    closed = await shop.order()
    await shop.execute("UPDATE orders SET state = 'closed' WHERE id = $1", closed.id)
    till, cashier = f"/q/{shop.code}", f"/cashier/{order.token}"
    pages = {
        till: 200,
        cashier: 200,
        f"/receipts/{receipt}": 200,
        f"/receipts/{order.token}": 202,
        f"/cashier/{closed.token}": 410,
        "/q/forged": 404,
    }
    async with wechat(browser) as seen:
        seen.expected = ("the server responded with a status of 4",)
        page = await seen.page()
        for path, status in pages.items():
            answer = await page.goto(base(shop) + path)
            assert answer is not None and answer.status == status
            await at_every_size(seen, page)
    for agent in (DESKTOP, ALIPAY):
        async with eyes(browser, user_agent=agent) as seen:
            page = await seen.page()
            for path in (till, cashier):
                await page.goto(base(shop) + path)
                await at_every_size(seen, page)
                assert await page.evaluate("document.images[0].naturalWidth") > 0, "the code is drawn"


async def at_every_size(seen: Eyes, page: Page) -> None:
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 700})
        await seen.accessible(page)
    grounds = []
    for scheme in SCHEMES:
        await page.emulate_media(color_scheme=scheme)
        grounds.append(await page.evaluate("getComputedStyle(document.body).backgroundColor"))
        await seen.accessible(page)
    assert grounds == ["rgb(237, 237, 237)", "rgb(17, 17, 17)"]


async def invoked(page: Page) -> Sequence[Any]:
    found: Sequence[Any] = await page.evaluate("window.invoked")
    return found


# --- an order's page ------------------------------------------------------------------------------------------------


async def at_cashier(seen: Eyes, shop: Shop, amount: int = 2_550) -> tuple[Page, Any]:
    order = await shop.order(amount)
    page = await seen.page()
    await page.goto(f"{base(shop)}/cashier/{order.token}")
    return page, order


async def test_paying(browser: Browser, shop: Shop) -> None:
    """One tap opens the wallet; the page goes on when the money is in the books, and not before."""
    async with wechat(browser) as seen:
        page, order = await at_cashier(seen, shop)
        await page.get_by_role("button", name="立即支付").click()
        await expect(page.get_by_role("status")).to_have_text("正在确认付款结果…")
        name, parameters = (await invoked(page))[0]
        assert name == "getBrandWCPayRequest" and parameters["prepay_id"].startswith("wx")
        assert page.url.endswith(f"/cashier/{order.token}"), "the wallet's word alone changes nothing"
        await shop.pay(order)
        await page.wait_for_url(f"**/receipts/{order.token}")
        await expect(page.get_by_role("heading", level=1)).to_have_text("付款成功")
        await shop.execute("UPDATE order_lines SET state = 'settled'")
        await expect(page.get_by_text("已销账")).to_be_visible()
        await page.get_by_role("button", name="完成").click()
        assert (await invoked(page))[-1] == ["closeWindow"]


@pytest.mark.parametrize(("answer", "words"), [("cancel", "已取消"), ("fail", "付款没有完成"), ("odd", "付款没有完成")])
async def test_a_wallet_that_did_not_pay_leaves_the_page_ready(
    browser: Browser, shop: Shop, answer: str, words: str
) -> None:
    async with wechat(browser) as seen:
        page, order = await at_cashier(seen, shop)
        await page.evaluate("answer => window.answer = answer", answer)
        button = page.get_by_role("button", name="立即支付")
        await button.click()
        await expect(page.get_by_role("status")).to_contain_text(words)
        await expect(button).to_be_enabled()
        await page.evaluate("window.answer = 'ok'")
        await button.click()
        await expect(page.get_by_role("status")).to_have_text("正在确认付款结果…")
        assert len(shop.gateway.requests) == 1, "the same charge"
        await shop.pay(order)
        await page.wait_for_url("**/receipts/*")


async def test_paid_although_the_wallet_said_no(browser: Browser, shop: Shop) -> None:
    """The bridge's word is not believed in this direction either: the page finds out by itself."""
    async with wechat(browser) as seen:
        page, order = await at_cashier(seen, shop)
        await page.evaluate("window.answer = 'cancel'")
        await page.get_by_role("button", name="立即支付").click()
        await expect(page.get_by_role("status")).to_contain_text("已取消")
        await shop.pay(order)
        await page.wait_for_url("**/receipts/*")


async def test_two_tabs(browser: Browser, shop: Shop) -> None:
    """Paid in one, the other one's button leads to the receipt."""
    async with wechat(browser) as seen:
        first, order = await at_cashier(seen, shop)
        second = await seen.page()
        await second.goto(first.url)
        await first.get_by_role("button", name="立即支付").click()
        await expect(first.get_by_role("status")).to_have_text("正在确认付款结果…")
        await shop.pay(order)
        await first.wait_for_url("**/receipts/*")
        await second.get_by_role("button", name="立即支付").click()
        await second.wait_for_url("**/receipts/*")
        assert await invoked(second) == []


async def test_no_answer_from_the_gateway_is_waited_out(
    browser: Browser, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.payments.charges.RETRY_SECONDS", 0.1)
    shop.gateway.script("create", LOST_AFTER, LOST_AFTER, LOST_AFTER)
    async with wechat(browser) as seen:
        page, _ = await at_cashier(seen, shop)
        await page.get_by_role("button", name="立即支付").click()
        await expect(page.get_by_role("status")).to_have_text("正在确认付款结果…")
        assert len({repr(request) for request in shop.gateway.requests}) == 1


async def test_declined_and_expired(browser: Browser, shop: Shop) -> None:
    shop.gateway.script("create", Declined("merchant_limit"))
    async with wechat(browser) as seen:
        seen.expected = ("409",)
        page, order = await at_cashier(seen, shop)
        await page.get_by_role("button", name="立即支付").click()
        await expect(page.get_by_role("status")).to_have_text("支付机构没有接受这笔付款，没有扣款。")
        await shop.execute("UPDATE orders SET expires_at = created_at WHERE id = $1", order.id)
        await page.get_by_role("button", name="立即支付").click()
        await expect(page.get_by_role("status")).to_have_text("订单已过期，请重新查询账单或重新扫码。")


async def test_offline(browser: Browser, shop: Shop) -> None:
    async with wechat(browser) as seen:
        seen.expected = ("ERR_FAILED", "ERR_INTERNET_DISCONNECTED")
        page, _ = await at_cashier(seen, shop)

        async def away(route: Route) -> None:
            await route.abort()

        await page.route("**/charge", away)
        button = page.get_by_role("button", name="立即支付")
        await button.click()
        await expect(page.get_by_role("status")).to_have_text("网络不通，请检查网络后再试一次。")
        await page.unroute_all()
        await button.click()
        await expect(page.get_by_role("status")).to_have_text("正在确认付款结果…")


async def test_an_order_that_closes_while_its_page_is_open(browser: Browser, shop: Shop) -> None:
    async with wechat(browser) as seen:
        seen.expected = ("410",)
        page, order = await at_cashier(seen, shop)
        await page.evaluate("window.answer = 'cancel'")
        await page.get_by_role("button", name="立即支付").click()
        await expect(page.get_by_role("status")).to_contain_text("已取消")
        await shop.execute("UPDATE orders SET state = 'closing' WHERE id = $1", order.id)
        await expect(page.get_by_role("heading", level=1)).to_have_text("订单正在关闭")
        await shop.execute("UPDATE orders SET state = 'closed' WHERE id = $1", order.id)
        await expect(page.get_by_role("heading", level=1)).to_have_text("订单已关闭")


# --- a store's page -------------------------------------------------------------------------------------------------


async def test_from_the_amount_one_tap_pays(browser: Browser, shop: Shop) -> None:
    async with wechat(browser, width=320) as seen:
        page = await seen.page()
        await page.goto(f"{base(shop)}/q/{shop.code}")
        field = page.get_by_label("付款金额")
        assert await field.get_attribute("inputmode") == "decimal"
        await field.fill("25.5")
        await page.get_by_role("button", name="付款 ¥25.50").click()
        await expect(page.get_by_role("status")).to_have_text("正在确认付款结果…")
        assert [request.amount for request in shop.gateway.requests] == [2_550]
        rows = await shop.rows("SELECT token FROM orders")
        await shop.pay(await shop.house.payments.orders.by_token(rows[0]["token"]))
        await page.wait_for_url("**/receipts/*")


async def test_changing_ones_mind_about_the_amount(browser: Browser, shop: Shop) -> None:
    """The form's number is the order's: another amount gets another number, the same amount the same order."""
    async with wechat(browser) as seen:
        page = await seen.page()
        await page.goto(f"{base(shop)}/q/{shop.code}")
        await page.evaluate("window.answer = 'cancel'")
        for amount in ("12", "12", "13.00", "12"):
            await page.get_by_label("付款金额").fill(amount)
            await page.locator("#go").click()
            await expect(page.get_by_role("status")).to_contain_text("已取消")
            await page.evaluate("document.getElementById('notice').textContent = ''")
        rows = await shop.rows("SELECT amount FROM orders ORDER BY created_at, id")
        assert [row["amount"] for row in rows] == [1_200, 1_300, 1_200]


async def test_what_the_page_refuses_and_what_the_server_refuses(browser: Browser, shop: Shop) -> None:
    async with wechat(browser) as seen:
        seen.expected = ("409",)
        page = await seen.page()
        await page.goto(f"{base(shop)}/q/{shop.code}")
        field, alert = page.get_by_label("付款金额"), page.get_by_role("alert")
        for typed, words in (("", "请输入金额"), ("1,50", "请输入金额"), ("0.5", "金额超出"), ("9999", "金额超出")):
            await field.fill(typed)
            await page.locator("#go").click()
            await expect(alert).to_contain_text(words)
            await expect(field).to_be_focused()
            await expect(field).to_have_attribute("aria-invalid", "true")
        assert await shop.rows("SELECT 1 FROM orders") == []
        definition = ItemDefinition(flow=Flow.DIRECT, amount=AmountRule(kind=AmountKind.ANY, minimum=1, maximum=200))
        await shop.put_item("itm_meal", definition)
        await field.fill("25")
        await page.locator("#go").click()
        await expect(alert).to_contain_text("金额超出")
        await expect(page.locator("#go")).to_be_enabled()


async def test_presets_are_a_tap(browser: Browser, shop: Shop) -> None:
    rule = AmountRule(kind=AmountKind.ANY, minimum=100, maximum=500_000, presets=(1_000, 5_000))
    await shop.put_item("itm_meal", ItemDefinition(flow=Flow.DIRECT, amount=rule))
    async with wechat(browser) as seen:
        page = await seen.page()
        await page.goto(f"{base(shop)}/q/{shop.code}")
        choice = page.get_by_role("button", name="50.00", exact=True)
        await choice.click()
        await expect(choice).to_have_attribute("aria-pressed", "true")
        await seen.accessible(page)
        await page.get_by_role("button", name="付款 ¥50.00").click()
        await expect(page.get_by_role("status")).to_have_text("正在确认付款结果…")
        assert shop.gateway.requests[0].amount == 5_000


async def test_by_keyboard_alone(browser: Browser, shop: Shop) -> None:
    async with wechat(browser) as seen:
        page = await seen.page()
        await page.goto(f"{base(shop)}/q/{shop.code}")
        await page.keyboard.press("Tab")
        await page.keyboard.type("8.80")
        await page.keyboard.press("Tab")
        await expect(page.locator("#go")).to_be_focused()
        assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status")).to_have_text("正在确认付款结果…")
        page, _ = await at_cashier(seen, shop)
        await page.keyboard.press("Tab")
        await page.keyboard.press("Space")
        await expect(page.get_by_role("status")).to_have_text("正在确认付款结果…")


async def test_a_double_tap_is_one_order_and_one_charge(browser: Browser, shop: Shop) -> None:
    async with wechat(browser) as seen:
        page = await seen.page()
        await page.goto(f"{base(shop)}/q/{shop.code}")
        await page.get_by_label("付款金额").fill("25")
        await page.locator("#go").dblclick()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status")).to_have_text("正在确认付款结果…")
        assert (await shop.audit())["orders"] == (await shop.audit())["charges"] == 1
        assert len(await invoked(page)) == 1


async def test_without_a_script(browser: Browser, shop: Shop) -> None:
    """The form still makes the order, and its page says what is missing."""
    async with wechat(browser, java_script_enabled=False) as seen:
        page = await seen.page()
        await page.goto(f"{base(shop)}/q/{shop.code}")
        await page.locator("#amount").fill("25.50")
        await page.locator("#go").click()
        await page.wait_for_url("**/cashier/*")
        assert "<noscript><p" in await page.content() and "允许 JavaScript" in await page.content()
        await expect(page.get_by_text("¥25.50").first).to_be_visible()


# --- a desk ---------------------------------------------------------------------------------------------------------


async def test_a_desktop_sees_the_payment_that_a_phone_makes(browser: Browser, shop: Shop) -> None:
    order = await shop.order()
    async with eyes(browser, width=1280, user_agent=DESKTOP) as seen, wechat(browser) as phone:
        desk = await seen.page()
        await desk.goto(f"{base(shop)}/cashier/{order.token}")
        await expect(desk.get_by_role("status")).to_contain_text("等待付款")
        page = await phone.page()
        await page.goto(f"{base(shop)}/cashier/{order.token}")
        await page.get_by_role("button", name="立即支付").click()
        await expect(page.get_by_role("status")).to_have_text("正在确认付款结果…")
        await asyncio.gather(shop.pay(order), desk.wait_for_url("**/receipts/*"), page.wait_for_url("**/receipts/*"))
        await expect(desk.get_by_role("heading", level=1)).to_have_text("付款成功")
        await expect(desk.get_by_role("button", name="完成")).to_be_hidden()
