"""Chromium as a person's eyes and hands, and what every page must be whatever is on it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.services import Chromium
from tests.web.rig import ALIPAY, WECHAT, Shop

WIDTHS = (320, 375, 414, 1280)

# What a reader of the screen, a finger and a keyboard need; returns complaints (after axe's rules of the same names).
_ACCESSIBLE = """() => {
  const wrong = [];
  const shown = (node) => node.getClientRects().length > 0 && getComputedStyle(node).visibility !== 'hidden';
  const text = (node) => (node.getAttribute('aria-label') || node.textContent || '').trim();
  if (!document.documentElement.lang) wrong.push('html-has-lang');
  if (!document.title.trim()) wrong.push('document-title');
  if (document.querySelectorAll('main').length !== 1) wrong.push('landmark-one-main');
  if (document.querySelectorAll('h1').length !== 1) wrong.push('page-has-heading-one');
  for (const image of document.images) if (!image.hasAttribute('alt')) wrong.push('image-alt');
  for (const field of document.querySelectorAll('input:not([type=hidden]),select,textarea')) {
    if (!field.labels.length && !field.getAttribute('aria-label')) wrong.push(`label: ${field.id || field.name}`);
    for (const id of (field.getAttribute('aria-describedby') || '').split(/\\s+/).filter(Boolean))
      if (!document.getElementById(id)) wrong.push(`aria-valid-attr-value: ${id}`);
  }
  for (const button of document.querySelectorAll('button,a[href],[role=button]')) {
    if (!shown(button)) continue;
    if (!text(button)) wrong.push('button-name');
    if (button.tabIndex < 0) wrong.push(`keyboard: ${text(button)}`);
    const box = button.getBoundingClientRect();
    if (button.tagName === 'BUTTON' && (box.height < 44 || box.width < 44)) wrong.push(`target-size: ${text(button)}`);
  }
  const levels = [...document.querySelectorAll('h1,h2,h3')].map((node) => Number(node.tagName[1]));
  levels.forEach((level, at) => { if (at && level > levels[at - 1] + 1) wrong.push('heading-order'); });
  const ids = [...document.querySelectorAll('[id]')].map((node) => node.id);
  if (new Set(ids).size !== ids.length) wrong.push('duplicate-id');
  const zoom = document.querySelector('meta[name=viewport]');
  if (!zoom || /user-scalable=no|maximum-scale/.test(zoom.content)) wrong.push('meta-viewport');
  if (document.documentElement.scrollWidth > innerWidth) wrong.push(`reflow: ${document.documentElement.scrollWidth}`);
  for (const node of document.querySelectorAll('main *')) {
    const box = node.getBoundingClientRect();
    const outside = box.left < -1 || box.right > innerWidth + 1;
    if (shown(node) && box.width && outside) wrong.push(`cut off: ${node.className}`);
  }
  return wrong;
}"""

# WeChat's bridge as a page sees it: it comes late, and does what the test says.
_BRIDGE = """
window.invoked = [];
window.answer = 'ok';
setTimeout(() => {
  window.WeixinJSBridge = {
    invoke: (name, parameters, done) => {
      window.invoked.push([name, parameters]);
      setTimeout(() => done({ err_msg: 'get_brand_wcpay_request:' + window.answer }), 10);
    },
    call: (name) => window.invoked.push([name]),
  };
  document.dispatchEvent(new Event('WeixinJSBridgeReady'));
}, 30);
"""


# Alipay's bridge: it has one call for a payment, and tells a code of four digits.
_ALIPAY_BRIDGE = """
window.invoked = [];
window.answer = '9000';
setTimeout(() => {
  window.AlipayJSBridge = {
    call: (name, parameters, done) => {
      window.invoked.push([name, parameters]);
      setTimeout(() => done({ resultCode: window.answer }), 10);
    },
  };
  document.dispatchEvent(new Event('AlipayJSBridgeReady'));
}, 30);
"""


@dataclass
class Eyes:
    """A browser's context and everything that it complained of."""

    context: BrowserContext
    complaints: list[str] = field(default_factory=list)
    # Failures that a test causes on purpose.
    expected: tuple[str, ...] = ()

    async def page(self) -> Page:
        page = await self.context.new_page()
        page.on("console", lambda message: self._said(message.type, message.text))
        page.on("pageerror", lambda error: self._said("pageerror", str(error)))
        return page

    def _said(self, kind: str, text: str) -> None:
        if kind in ("error", "warning", "pageerror") and not any(part in text for part in self.expected):
            self.complaints.append(f"{kind}: {text}")

    async def accessible(self, page: Page) -> None:
        """Assert what holds for every page."""
        found = await page.evaluate(_ACCESSIBLE)
        assert found == [], (page.url, found)
        assert self.complaints == []


@asynccontextmanager
async def chromium_open(chromium: Chromium) -> AsyncIterator[Browser]:
    """Start the browser."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**chromium.launch_options())
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def eyes(browser: Browser, *, width: int = 375, height: int = 700, **how: Any) -> AsyncIterator[Eyes]:
    """Open a window; when it closes nothing may have gone wrong in it."""
    context = await browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN", **how)
    context.set_default_timeout(10_000)
    seen = Eyes(context)
    try:
        yield seen
        assert seen.complaints == []
    finally:
        await context.close()


@asynccontextmanager
async def wechat(browser: Browser, *, width: int = 375, **how: Any) -> AsyncIterator[Eyes]:
    """WeChat's browser on somebody's phone: it has the bridge."""
    async with eyes(browser, width=width, user_agent=WECHAT, **how) as seen:
        await seen.context.add_init_script(_BRIDGE)
        yield seen


@asynccontextmanager
async def alipay(browser: Browser, *, width: int = 375, bridge: bool = True) -> AsyncIterator[Eyes]:
    """Alipay's browser on somebody's phone, an old one without the bridge too."""
    async with eyes(browser, width=width, user_agent=ALIPAY) as seen:
        if bridge:
            await seen.context.add_init_script(_ALIPAY_BRIDGE)
        yield seen


def base(shop: Shop) -> str:
    """The address at which the shop's server really listens."""
    return str(shop.server.make_url("")).rstrip("/")
