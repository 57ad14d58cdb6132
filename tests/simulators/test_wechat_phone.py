"""The phone in Chromium: chat, menu, scan, web view, pay sheet and the developer's strip."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright, expect
from wechatpy.replies import ArticlesReply, TextReply

from tests.services import Chromium
from tests.simulators.wechat_rig import ALICE, APPID, BOB, until
from tests.simulators.wechat_shop import MENU, Shop, Street, street

# One loop and one browser for the whole file: starting Chromium takes longer than most of the tests.
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

WIDE, NARROW = (1280, 800), (375, 812)
OVERFLOW = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"
NAMELESS = """() => [...document.querySelectorAll("button, input, iframe")].filter((node) =>
  !(node.getAttribute("aria-label") || node.title || node.textContent.trim())).length"""


@dataclass
class Visit:
    """A visitor's page with everything that went wrong on it."""

    page: Page
    running: Street
    wrong: list[str] = field(default_factory=list)

    async def say(self, text: str) -> None:
        await self.page.get_by_label("输入消息").fill(text)
        await self.page.keyboard.press("Enter")

    def bubble(self, text: str) -> Any:
        return self.page.locator(".bubble", has_text=text).last


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(chromium: Chromium) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(**chromium.launch_options())
        yield running
        await running.close()


@contextlib.asynccontextmanager
async def visit(
    browser: Browser, shop: Shop, size: tuple[int, int] = WIDE, openid: str = ALICE.openid, **plan: Any
) -> AsyncIterator[Visit]:
    """A visitor in front of the phone."""
    async with street(shop, **plan) as running:
        page = await browser.new_page(viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce")
        visitor = Visit(page, running)
        page.on("pageerror", lambda error: visitor.wrong.append(str(error)))
        page.on("console", lambda line: visitor.wrong.append(line.text) if line.type == "error" else None)
        await page.goto(f"{running.platform}/phone/?openid={openid}")
        try:
            yield visitor
        finally:
            await page.context.close()


def answering(answers: dict[str, str]) -> Callable[[Any, web.Request], Awaitable[str]]:
    """A product that answers known words; "{public}" in an answer is the product's address."""

    async def hook(message: Any, request: web.Request) -> str:
        word = getattr(message, "content", None) or getattr(message, "key", None) or message.event
        text = answers.get(str(word))
        public = f"http://{request.host}"
        return str(TextReply(content=text.replace("{public}", public), message=message).render()) if text else ""

    return hook


BILLS = {
    "交物业费": '2025年11月物业费 286.50 元\n<a href="{public}/cashier/1">立即缴费</a>',
    "PROPERTY": "菜单：物业费",
    "subscribe": "欢迎关注",
}


@pytest.mark.parametrize("size", [WIDE, NARROW, (320, 568), (414, 896)])
async def test_a_purchase_from_the_first_word_to_the_receipt(browser: Browser, size: tuple[int, int]) -> None:
    shop = Shop()
    shop.product.hook = answering(BILLS)
    async with visit(browser, shop, size) as visitor:
        page = visitor.page
        await page.get_by_role("button", name="交物业费", exact=True).click()
        await visitor.bubble("286.50").get_by_role("link", name="立即缴费").click()
        frame = page.frame_locator("iframe")
        await expect(page.get_by_role("heading", name="收银台")).to_be_visible()
        await frame.get_by_role("button", name="微信支付").click()
        sheet = page.get_by_test_id("pay-sheet")
        await expect(sheet).to_contain_text("¥286.50")
        await expect(sheet).to_contain_text("幸福里小区物业")
        assert not await page.evaluate(OVERFLOW)
        for digit in "135790":
            await sheet.get_by_role("button", name=digit, exact=True).click()
        await page.get_by_test_id("pay-done").click()
        await expect(frame.locator("body")).to_have_attribute("data-result", "get_brand_wcpay_request:ok")
        await expect(frame.locator("#state")).to_have_text("已支付")
        assert "MicroMessenger" in str(await frame.locator("body").get_attribute("data-ua"))
        assert shop.paid[0]["openid"] == ALICE.openid
        assert set(shop.paid[0]["jsapi"]) == {"appId", "timeStamp", "nonceStr", "package", "signType", "paySign"}

        receipt = {"touser": ALICE.openid, "msgtype": "text", "text": {"content": "缴费成功，回执已生成"}}
        await visitor.running.call("/cgi-bin/message/custom/send", receipt)
        await expect(page.locator("#banner")).to_contain_text("缴费成功")
        await page.locator("#banner").click()
        await expect(page.locator("iframe")).to_have_count(0)
        await expect(visitor.bubble("缴费成功")).to_be_in_viewport()
        assert not await page.evaluate(OVERFLOW)
        assert visitor.wrong == []


async def test_following_shows_the_welcome_and_leaving_the_card(browser: Browser) -> None:
    shop = Shop()
    shop.product.hook = answering(BILLS)
    async with visit(browser, shop, NARROW, BOB.openid) as visitor:
        page = visitor.page
        await expect(page.get_by_label("输入消息")).to_be_hidden()
        await page.get_by_role("button", name="关注公众号").click()
        await expect(visitor.bubble("欢迎关注")).to_be_visible()
        await expect(page.get_by_label("输入消息")).to_be_visible()
        await page.get_by_label("公众号资料").click()
        await page.get_by_role("button", name="取消关注").click()
        await expect(page.get_by_label("输入消息")).to_be_hidden()
        assert visitor.wrong == []


async def test_answers_are_text_and_only_our_links_open(browser: Browser) -> None:
    shop = Shop()
    shop.product.hook = answering(
        {
            "坏": '<img src=x onerror="document.title=1"><script>alert(1)</script>'
            '<a href="javascript:document.title=2">点我</a><a href="https://evil.example/a">外面</a>',
        }
    )
    async with visit(browser, shop, NARROW) as visitor:
        page = visitor.page
        await visitor.say("坏")
        bubble = visitor.bubble("<img")
        await expect(bubble).to_contain_text("<script>alert(1)</script>")
        assert await bubble.locator("img, script").count() == 0
        assert await bubble.get_by_role("link").count() == 1
        await bubble.get_by_role("link", name="外面").click()
        await expect(page.get_by_role("alert")).to_contain_text("不在演示范围内")
        await page.evaluate("window.postMessage({wechat: 'pay', id: 1, params: {}}, '*')")
        assert await page.locator("iframe, .sheet").count() == 0
        assert await page.title() not in ("1", "2")
        # The refusal of the link is a 400 that Chromium reports; nothing else went wrong.
        assert all("400" in line for line in visitor.wrong)


async def test_menu_lines_and_cards(browser: Browser) -> None:
    shop = Shop()

    async def hook(message: Any, request: web.Request) -> str:
        if getattr(message, "key", "") == "BILLS":
            reply = ArticlesReply(message=message)
            link = f"http://{request.host}/cashier/1"
            for title in ("十一月账单", "十月账单"):
                reply.add_article({"title": title, "description": "d", "image": "", "url": link})
            return str(reply.render())
        return await answering(BILLS)(message, request)

    shop.product.hook = hook
    async with visit(browser, shop, NARROW) as visitor:
        page, running = visitor.page, visitor.running
        await running.call("/cgi-bin/menu/create", MENU)
        await page.get_by_role("button", name="缴费", exact=True).click()
        await page.get_by_role("menuitem", name="物业费").click()
        await expect(visitor.bubble("菜单：物业费")).to_be_visible()

        choices = {"head_content": "请选择：", "list": [{"id": "101", "content": "交物业费"}], "tail_content": "谢谢"}
        body = {"touser": ALICE.openid, "msgtype": "msgmenu", "msgmenu": choices}
        await running.call("/cgi-bin/message/custom/send", body)
        await page.locator(".menu-line", has_text="交物业费").click()
        await expect(visitor.bubble("286.50")).to_be_visible()
        assert b"<bizmsgmenuid>" in shop.product.bodies[-1]

        await page.get_by_role("button", name="我的账单").click()
        await page.get_by_role("button", name="十月账单").click()
        await expect(page.get_by_role("heading", name="收银台")).to_be_visible()
        await page.get_by_label("关闭网页").click()
        await expect(page.locator("iframe")).to_have_count(0)
        assert visitor.wrong == []


async def test_scanning_a_table_code(browser: Browser) -> None:
    shop = Shop()
    async with visit(browser, shop) as visitor:
        page = visitor.page
        await page.get_by_role("button", name="扫桌码点餐付款").click()
        await page.get_by_role("button", name="8号桌 · 老街面馆").click()
        await expect(page.get_by_role("heading", name="收银台")).to_be_visible()
        await page.get_by_label("关闭网页").click()

        body = {"action_name": "QR_STR_SCENE", "action_info": {"scene": {"scene_str": "gate"}}}
        code = await visitor.running.call("/cgi-bin/qrcode/create", body)
        await page.get_by_role("button", name="扫一扫").click()
        await page.get_by_label("二维码内容").fill(code["url"])
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await until(lambda: shop.product.bodies)
        assert b"<![CDATA[SCAN]]>" in shop.product.bodies[0]
        assert visitor.wrong == []


@pytest.mark.parametrize(
    ("refusal", "leave", "result"),
    [("", "关闭", "cancel"), ("余额不足，支付失败", "关闭", "fail")],
)
async def test_paying_is_given_up(browser: Browser, refusal: str, leave: str, result: str) -> None:
    shop = Shop(refusal=refusal)
    async with visit(browser, shop, NARROW) as visitor:
        page = visitor.page
        await page.get_by_role("button", name="扫一扫").click()
        await page.get_by_role("button", name="8号桌").click()
        frame = page.frame_locator("iframe")
        await frame.get_by_role("button", name="微信支付").click()
        if refusal:
            await page.get_by_test_id("pay-confirm").click()
            await expect(page.locator(".say.bad")).to_have_text(refusal)
        await page.get_by_label(leave, exact=True).click()
        await expect(frame.locator("body")).to_have_attribute("data-result", f"get_brand_wcpay_request:{result}")
        assert shop.paid == []
        assert visitor.wrong == []


async def test_the_strip_gathers_both_sides_under_one_trace(browser: Browser) -> None:
    shop = Shop()

    async def hook(message: Any, request: web.Request) -> str:
        shop.tell("webhook", "收到 text", f"msgid={message.id}", trace="trc_A")
        shop.tell("posting", "<b>分录</b>", "28650 fen", trace="trc_B")
        return ""

    shop.product.hook = hook
    async with visit(browser, shop) as visitor:
        page = visitor.page
        await expect(page.locator("#strip-state")).to_have_text("产品在线")
        await visitor.say("交物业费")
        card = page.locator('[data-trace="trc_A"]')
        await expect(card.locator(".event.product")).to_have_count(1)
        # The platform's own push and the silence it got back name the same message id.
        await expect(card.locator(".event.wechat")).to_have_count(2)
        await expect(page.locator('[data-trace="trc_B"] .what')).to_have_text("<b>分录</b>")
        await page.get_by_label("收起开发者视图").click()
        await expect(page.locator("#strip-body")).to_be_hidden()
        await page.get_by_label("展开开发者视图").click()
        await page.get_by_label("清空轨迹").click()
        await expect(page.locator(".trace")).to_have_count(0)
        assert visitor.wrong == []


async def test_the_strip_on_a_small_screen_and_without_a_feed(browser: Browser) -> None:
    async with visit(browser, Shop(), NARROW, trail_url="") as visitor:
        page = visitor.page
        await expect(page.locator("#strip")).to_be_hidden()
        await page.get_by_label("打开开发者视图").click()
        await expect(page.locator("#strip")).to_be_visible()
        await expect(page.locator("#strip-state")).to_have_text("仅微信平台")
        await page.get_by_label("收起开发者视图").click()
        await expect(page.locator("#strip")).to_be_hidden()
        assert visitor.wrong == []


async def test_every_control_has_a_name_and_typing_shows(browser: Browser) -> None:
    shop = Shop()
    shop.product.hook = answering(BILLS)
    async with visit(browser, shop) as visitor:
        page = visitor.page
        await visitor.say("交物业费")
        await visitor.bubble("286.50").get_by_role("link").click()
        assert await page.evaluate(NAMELESS) == 0
        typing = {"touser": ALICE.openid, "command": "Typing"}
        await visitor.running.call("/cgi-bin/message/custom/typing", typing)
        await expect(page.locator("#title")).to_have_text("对方正在输入…")
        await page.get_by_label("关闭网页").click()
        await page.get_by_label("公众号资料").click()
        await page.get_by_role("button", name="王大树").click()
        await expect(page.get_by_role("button", name="关注公众号")).to_be_visible()
        assert APPID in page.url
        assert visitor.wrong == []
