"""Payers who keep at it while the application dies under them."""

import asyncio
import random
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import aiohttp

AGENT = "Mozilla/5.0 (Linux; Android 14) MicroMessenger/8.0.50"
TROUBLE = (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError)
# How often somebody who has a link tries to pay it before giving up.
TRIES = 8
_LINK = re.compile(r'href="([^"]+/cashier/[^"]+)"')
_NONCE = re.compile(r'name="nonce" value="([^"]+)"')
_FORGERIES = ("forged_signature", "wrong_amount", "other_mchid", "unknown_order", "flipped_byte")


class NotNow(ValueError):
    """A step did not work; its first word names the step."""


@dataclass
class Tally:
    """What the payers saw; the truth about money is the simulators'."""

    paid: int = 0
    forged: int = 0
    troubles: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Scene:
    """Where a payer goes."""

    app: str
    wechat: str
    pay: str
    codes: tuple[str, ...]


class Payer:
    """One person, who pays by a store's code or the electricity bill by chat, again and again."""

    def __init__(self, number: int, scene: Scene, tally: Tally, seed: int) -> None:
        self._number = number
        self._scene = scene
        self._tally = tally
        self._chance = random.Random(f"{seed}:{number}")
        self._openid = f"oRigPayer{number:019d}"
        self._round = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Order and pay until told to stop; whoever has a link tries to pay it several times."""
        headers = {"User-Agent": AGENT, "Accept": "text/html", "X-Sim-Openid": self._openid}
        timeout = aiohttp.ClientTimeout(total=6)
        async with aiohttp.ClientSession(timeout=timeout) as control:
            await self._post(control, f"{self._scene.wechat}/_sim/users", openid=self._openid)
            while not stop.is_set():
                self._round += 1
                jar = aiohttp.CookieJar(unsafe=True)
                async with aiohttp.ClientSession(timeout=timeout, headers=headers, cookie_jar=jar) as browser:
                    try:
                        url = await self._order(control, browser)
                    except TROUBLE as trouble:
                        await self._met("order", trouble)
                        continue
                    for _ in range(TRIES):
                        if stop.is_set() or await self._tried(control, browser, url):
                            break

    async def _met(self, step: str, trouble: Exception) -> None:
        self._tally.troubles[
            f"{step}: {trouble.args[0] if isinstance(trouble, NotNow) else type(trouble).__name__}"
        ] += 1
        await asyncio.sleep(0.1 + 0.3 * self._chance.random())

    async def _tried(self, control: aiohttp.ClientSession, browser: aiohttp.ClientSession, url: str) -> bool:
        """Open the page, press pay, confirm; True when there is nothing more to do about this order."""
        try:
            async with browser.get(url) as page:
                await page.read()
                if "/receipts/" in page.url.path or page.status == 410:
                    return True
            async with browser.post(f"{url}/charge", headers={"X-Scenepay": "cashier"}) as answer:
                opened = await answer.json()
            if opened["result"] != "pay":
                raise NotNow(f"charge {opened['result']}")
            told = await self._post(control, f"{self._scene.pay}/_sim/pay", jsapi=opened["bridge"], openid=self._openid)
            if told["result"] == "ok":
                self._tally.paid += 1
                await self._tamper(control)
        except TROUBLE as trouble:
            await self._met("pay", trouble)
            return False
        return bool(told["result"] == "ok")

    async def _order(self, control: aiohttp.ClientSession, browser: aiohttp.ClientSession) -> str:
        return await (self._by_chat(control) if self._number % 2 == 0 else self._by_code(browser))

    async def _by_chat(self, control: aiohttp.ClientSession) -> str:
        """Ask for an account's bills, take all, confirm; each purchase is another account."""
        account = f"05{self._number:03d}{self._round:05d}"
        for text in ("取消", f"查电费 {account}", "全部"):
            await self._say(control, text)
        found = _LINK.search(await self._say(control, "1"))
        if found is None:
            raise NotNow("no link")
        return found[1]

    async def _say(self, control: aiohttp.ClientSession, text: str) -> str:
        answer = await self._post(control, f"{self._scene.wechat}/_sim/say", openid=self._openid, text=text)
        if answer["fault"]:
            raise NotNow("no reply")
        return "\n".join(reply.get("text") or "" for reply in answer["replies"])

    async def _by_code(self, browser: aiohttp.ClientSession) -> str:
        """Scan a store's code and type an amount."""
        code = self._chance.choice(self._scene.codes)
        async with browser.get(f"{self._scene.app}/q/{code}") as page:
            nonce = _NONCE.search(await page.text())
        if nonce is None:
            raise NotNow("no form")
        form = {"amount": f"{self._chance.randint(1, 300)}.{self._chance.randint(0, 99):02d}", "nonce": nonce[1]}
        url = f"{self._scene.app}/q/{code}/order"
        async with browser.post(url, data=form, headers={"Accept": "application/json"}) as answer:
            made = await answer.json()
        if made.get("result") != "order":
            raise NotNow(f"order {made.get('result') or answer.status}")
        return f"{self._scene.app}{made['url']}"

    async def _tamper(self, control: aiohttp.ClientSession) -> None:
        """Now and then somebody sends a notice over another amount, to another merchant, or with no valid signature."""
        if self._chance.random() > 0.05:
            return
        async with control.get(f"{self._scene.pay}/_sim/orders") as answer:
            rows = (await answer.json())["orders"]
        if rows:
            self._tally.forged += 1
            number, kind = self._chance.choice(rows)["out_trade_no"], self._chance.choice(_FORGERIES)
            await self._post(control, f"{self._scene.pay}/_sim/forge", out_trade_no=number, kind=kind)

    async def _post(self, session: aiohttp.ClientSession, url: str, **values: Any) -> Any:
        async with session.post(url, json=values, timeout=aiohttp.ClientTimeout(total=8)) as answer:
            return await answer.json()
