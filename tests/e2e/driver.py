"""A customer and their phone as tests need them: says things, opens pages with WeChat's browser, pays."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from bot.commands.books import audit_house
from bot.demo.run import Demo
from bot.demo.town import OPENID

WECHAT = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Mobile Safari/537.36 MicroMessenger/8.0.50"
DESKTOP = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36"
_LINK = re.compile(r'href="([^"]+)"')


@dataclass
class Town:
    """The running system and sessions to talk to it."""

    demo: Demo
    control: aiohttp.ClientSession
    browser: aiohttp.ClientSession

    async def say(self, text: str, openid: str = OPENID) -> str:
        """Send a text message; return the text of the passive reply, empty for silence."""
        answer = await self.sim("wechat", "say", openid=openid, text=text)
        assert not answer["fault"], answer
        return "\n".join(reply.get("text") or "" for reply in answer["replies"])

    async def chat(self, *texts: str, openid: str = OPENID) -> str:
        """Send several messages and return the last reply."""
        reply = ""
        for text in texts:
            reply = await self.say(text, openid)
        return reply

    async def sim(self, which: str, call: str, **values: Any) -> Any:
        """POST to a simulator's control API."""
        base = {
            "wechat": self.demo.town.wechat_url,
            "pay": self.demo.town.wechatpay_url,
            "biller": self.demo.town.biller_url,
        }[which]
        async with self.control.post(f"{base}/_sim/{call}", json=values) as answer:
            assert answer.status < 500, await answer.text()
            return await answer.json()

    async def look(self, which: str, call: str) -> Any:
        """GET from a simulator's control API."""
        base = {
            "wechat": self.demo.town.wechat_url,
            "pay": self.demo.town.wechatpay_url,
            "biller": self.demo.town.biller_url,
        }[which]
        async with self.control.get(f"{base}/_sim/{call}") as answer:
            return await answer.json()

    async def messages(self, openid: str = OPENID) -> list[str]:
        """All texts that the account has sent to this customer."""
        chat = await self.look("wechat", f"chat/{openid}")
        return [each.get("text") or "" for each in chat["messages"] if each["sender"] == "account"]

    async def open(self, url: str, agent: str = WECHAT) -> tuple[int, str, str]:
        """Open a page; return status, final address and text."""
        headers = {"User-Agent": agent, "Accept": "text/html"}
        async with self.browser.get(url, headers=headers) as page:
            return page.status, str(page.url), await page.text()

    async def charge(self, token: str) -> Mapping[str, Any]:
        """Press the pay button of a cashier page."""
        url = f"{self.demo.public_url}/cashier/{token}/charge"
        headers = {"User-Agent": WECHAT, "X-Scenepay": "cashier"}
        async with self.browser.post(url, headers=headers) as answer:
            found: Mapping[str, Any] = await answer.json()
            return found

    async def pay(self, url: str, openid: str = OPENID) -> str:
        """Open a cashier link, sign in, press pay and confirm on the sheet; return the order's token."""
        status, _, text = await self.open(url)
        assert status == 200, text
        token = url.rsplit("/", 1)[1]
        opened = await self.charge(token)
        assert opened["result"] == "pay", opened
        paid = await self.sim("pay", "pay", jsapi=opened["bridge"], openid=openid)
        assert paid["result"] == "ok", paid
        return token

    async def order(self, token: str) -> Mapping[str, Any]:
        row: Any = await self.demo.house.database.row("SELECT * FROM orders WHERE token = $1", token)
        assert row is not None
        return dict(row)

    async def until(self, done: Callable[[], Any], within: float = 15.0) -> Any:
        """Wait until an awaitable check answers something true."""
        end = asyncio.get_running_loop().time() + within
        while True:
            found = await done()
            if found:
                return found
            assert asyncio.get_running_loop().time() < end, "it did not happen in time"
            await asyncio.sleep(0.05)

    async def settled(self, token: str) -> None:
        """Wait until the order is paid, told to its biller and written to the customer."""

        async def done() -> bool:
            order = await self.order(token)
            lines = await self.demo.house.database.rows(
                "SELECT state FROM order_lines WHERE order_id = $1", order["id"]
            )
            return order["state"] == "paid" and all(line["state"] == "settled" for line in lines)

        await self.until(done)

    async def audit(self) -> list[str]:
        return await audit_house(self.demo.house)


def link_in(text: str) -> str:
    """Return the first link of a message."""
    found = _LINK.search(text)
    assert found is not None, text
    return found[1]


@asynccontextmanager
async def visiting(demo: Demo) -> AsyncIterator[Town]:
    """Open the sessions of a customer."""
    async with (
        aiohttp.ClientSession() as control,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser,
    ):
        yield Town(demo, control, browser)
