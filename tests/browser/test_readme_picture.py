"""A visitor's purchase on the demo's phone in Chromium, and the picture of it for the README."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright

from bot.demo.run import Demo, open_demo
from bot.kernel.clock import SystemClock
from tests.services import Chromium

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
# The picture is made anew only when asked for, so that a run of the tests leaves the tree as it was.
PICTURE = ROOT / "docs" / "images" / "demo.png"
ASKED = "SCENEPAY_SCREENSHOT"


@pytest.fixture
async def demo(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Demo]:
    async with open_demo(SystemClock(), port=0, folder=tmp_path, database_url=sqlite_url) as running:
        yield running


async def _say(page: Page, *texts: str) -> None:
    for text in texts:
        messages = page.locator("#chat, main, body").first
        before = await messages.inner_text()
        await page.fill("#text", text)
        await page.keyboard.press("Enter")
        await page.wait_for_function("before => document.body.innerText !== before", arg=before)
        await page.wait_for_timeout(400)


async def _paid(page: Page) -> None:
    """Open the link, press pay, confirm on the sheet, and wait for the receipt inside the web view."""
    await page.get_by_role("link", name="点这里付款").last.click()
    inside = page.frame_locator("[data-testid=webview]")
    await inside.locator("#pay").click()
    await page.get_by_test_id("pay-confirm").click()
    await page.get_by_test_id("pay-done").click()
    await inside.get_by_text("付款成功").wait_for()
    await inside.get_by_text("已销账").first.wait_for()


@pytest.mark.parametrize("width", [320, 1280])
async def test_a_visitor_pays_without_an_error(demo: Demo, chromium: Chromium, width: int) -> None:
    """From the first word to the receipt, on a small phone and on a desktop; the console stays silent."""
    faults: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**chromium.launch_options())
        page = await browser.new_page(viewport={"width": width, "height": 800})
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
        await page.goto(f"{demo.public_url}/demo/")
        await _say(page, "交物业费", "3栋2单元501", "陈晓明", "1", "1")
        await _paid(page)
        if width == 1280 and os.environ.get(ASKED):
            PICTURE.parent.mkdir(parents=True, exist_ok=True)
            await page.wait_for_timeout(6000)
            await page.screenshot(path=PICTURE)
        await browser.close()
    assert faults == []
