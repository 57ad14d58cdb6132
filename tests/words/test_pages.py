"""The base of every page: nothing fetched, nothing that the policy refuses, readable small, dark and large."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, Route, async_playwright

from bot.words.render import default_renderer, render_page
from bot.words.scripts import Script
from tests.services import Chromium

ROOT = default_renderer().root
PAGES = sorted(ROOT.rglob("*.html"))
CSS = (ROOT / "base" / "weui.css").read_text("utf-8")
ERROR = {"title": "付款没有完成", "happened": "收费单位的系统没有回应。", "todo": "请过几分钟再试，没有扣款。"}
# Each text colour and what it may stand on.
PAIRS = [
    *(("ink", "bg"), ("ink", "card"), ("ink", "plain"), ("dim", "bg"), ("dim", "card"), ("on-brand", "brand")),
    *(("good", "card"), ("good", "bg"), ("bad", "card"), ("bad", "bg"), ("bad", "plain"), ("wait", "card")),
    *(("wait", "bg"), ("link", "bg"), ("link", "card")),
]


def colours(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))


LIGHT, DARK = (colours(block) for block in re.findall(r":root \{(.*?)\}", CSS, re.DOTALL))


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2.2."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(("text", "ground"), PAIRS)
@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_text_stands_out_from_its_ground(palette: dict[str, str], text: str, ground: str) -> None:
    lighter, darker = sorted((luminance(palette[text]), luminance(palette[ground])), reverse=True)

    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def test_both_palettes_name_the_same_colours() -> None:
    assert LIGHT.keys() == DARK.keys()
    assert {name for pair in PAIRS for name in pair} <= LIGHT.keys()
    assert set(re.findall(r"var\(--([\w-]+)\)", CSS)) <= LIGHT.keys()


def test_the_sheet_fetches_nothing_and_sizes_text_relatively() -> None:
    rules = re.sub(r"/\*.*?\*/", "", CSS, flags=re.DOTALL)

    assert not re.search(r"url\(|@import|https?:", rules)
    assert re.findall(r"font-size:\s*[\d.]+px|(?<![-\w])height:\s*[\d.]+px|text-size-adjust", rules) == []
    assert len(default_renderer().assets.inline("base/weui.css")) < 8000


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_page_holds_what_the_policy_refuses(path: Path) -> None:
    source = re.sub(r"\{#.*?#\}", "", path.read_text("utf-8"), flags=re.DOTALL)

    assert re.findall(r"<[a-zA-Z][^<>]*\s(?:style|on[a-z]+)\s*=", source) == []
    assert re.findall(r"(?:src|href)=\"(?:https?:)?//", source) == []
    assert re.findall(r"<(?:iframe|object|embed|base|link)\b|http-equiv", source) == []
    for kind in ("style", "script"):
        inline = re.findall(rf"<{kind}>(.*?)</{kind}>", source, re.DOTALL)
        assert all(re.fullmatch(r"\{\{ inline\('[\w/.-]+'\) \}\}", text) for text in inline)
    assert re.findall(r"<script(?! type=\"application/json\"[^>]*>|>)", source) == []


@pytest.mark.parametrize("script", list(Script))
def test_the_error_page_says_what_happened_and_what_to_do(script: Script) -> None:
    shown = render_page("base/error.html", script, **ERROR, trace="7Q2M")

    assert f'<html lang="{script.tag}">' in shown
    assert "<title>付款没有完成</title>" in shown
    assert [shown.index(text) for text in ERROR.values()] == sorted(shown.index(text) for text in ERROR.values())
    assert {"zh_hans": "问题编号", "zh_hant": "問題編號", "en": "Reference"}[script.value] + " 7Q2M" in shown
    assert "btn" not in shown.partition("</style>")[2]


def test_the_error_page_offers_a_way_on_where_there_is_one() -> None:
    shown = render_page("base/error.html", "zh_hans", **ERROR, action_url="/cashier/x", action_text="重新查询")

    assert '<a class="btn btn-main" href="/cashier/x">重新查询</a>' in shown
    with pytest.raises(ValueError, match="address"):
        render_page("base/error.html", "zh_hans", **ERROR, action_url="javascript:x", action_text="y")


SAMPLER = """
{% extends "base/layout.html" %}{% from "base/parts.html" import icon, row, sum %}
{% block title %}样张{% endblock %}
{% block content %}
<div class="head"><h1>{{ long }}</h1><p>{{ long }}</p></div>
<div class="msg">{{ icon("ok") }}{{ icon("wait") }}{{ icon("info") }}{{ sum(1234567890) }}</div>
<p class="rows-title">账单</p><dl class="rows">{{ row("收款方", long) }}{{ row(long, "128.50 元") }}{{ row("合计", "1.00 元", true) }}</dl>
<div class="field"><label class="field-label" for="a">付款金额（元）</label><input class="field-input amount" id="a" inputmode="decimal" aria-invalid="true"><p class="field-error">{{ long }}</p></div>
<div class="choices"><button class="choice" aria-pressed="true">100 元</button><button class="choice">200 元</button><button class="choice">500 元</button></div>
<p><span class="tag">已销账</span> <span class="spinner"></span> <a class="link" href="/x">查看</a></p>
{% endblock %}
{% block actions %}<div class="bar"><button class="btn btn-main">{{ long }}</button><button class="btn btn-plain">取消</button></div>{% endblock %}
"""  # noqa: E501


def sampler() -> str:
    """Return a page with every part of the sheet and words that are too long for it."""
    pages = default_renderer()._pages
    long = "阳光花园物业服务有限公司 pneumonoultramicroscopicsilicovolcanoconiosis-0123456789"

    return pages.from_string(SAMPLER).render(lang="zh-Hans", script=Script.ZH_HANS, long=long)


async def open_under_policy(page: Page, body: str) -> list[str]:
    """Show the page as if it were served with the strict policy; return what the browser complained of."""
    policy = f"default-src 'none'; style-src {default_renderer().assets.style_sources}"
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))

    async def answer(route: Route) -> None:
        headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy}
        if route.request.url.endswith("/page"):
            await route.fulfill(body=body, headers=headers)
        else:
            await route.fulfill(status=404)

    await page.route("**/*", answer)
    await page.goto("http://pay.test/page")
    return [text for text in complaints if "404" not in text]


@pytest.mark.browser
@pytest.mark.slow
async def test_pages_fit_a_small_phone_in_light_dark_and_large_text(chromium: Chromium) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**chromium.launch_options())
        try:
            light = await _look(browser, "light", 16)
            dark = await _look(browser, "dark", 28)
        finally:
            await browser.close()

    assert (light, dark) == ("rgb(237, 237, 237)", "rgb(17, 17, 17)")


async def _look(browser: Any, scheme: str, text_px: int) -> str:
    """Check the sampler and the error page at 320 px; return the colour of the ground, proof that the style applies."""
    page = await browser.new_page(viewport={"width": 320, "height": 568}, color_scheme=scheme)
    ground = ""
    for body in (sampler(), render_page("base/error.html", "zh_hans", **ERROR, action_url="/x", action_text="好")):
        assert await open_under_policy(page, body) == []
        # The reader's own text size, which the sheet must follow because it counts in rem.
        await page.evaluate("size => document.documentElement.style.fontSize = size", f"{text_px}px")
        assert (
            await page.evaluate("getComputedStyle(document.querySelector('.btn')).fontSize")
            == f"{text_px * 1.0625:g}px"
        )
        assert await page.evaluate("document.documentElement.scrollWidth") == 320
        heights = (
            "[...document.querySelectorAll('.btn,.field-input,.choice')].map(e => e.getBoundingClientRect().height)"
        )
        assert all(height >= 44 for height in await page.evaluate(heights))
        ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        await page.unroute_all()
    await page.close()
    return ground
