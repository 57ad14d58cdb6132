"""Payers who keep at it while the application dies under them."""

import asyncio
import random
import re
from dataclasses import dataclass, field
from typing import Any

import aiohttp

AGENT = "Mozilla/5.0 (Linux; Android 14) MicroMessenger/8.0.50"
_LINK = re.compile(r'href="([^"]+/cashier/[^"]+)"')
_NONCE = re.compile(r'name="nonce" value="([^"]+)"')
TROUBLE = (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError)


@dataclass
class Tally:
    """What the payers saw; the truth about money is the simulators'."""

    paid: int = 0
    troubles: int = 0
    forged: int = 0
    tokens: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Scene:
    """Where a payer goes."""

    app: str
    wechat: str
    pay: str
    codes: tuple[str, ...]


class Payer:
    """One person: alternately a store's code and the electricity bill by chat, again and again."""

    def __init__(self, number: int, scene: Scene, tally: Tally, seed: int) -> None:
        self._number = number
        self._scene = scene
        self._tally = tally
        self._chance = random.Random(f"{seed}:{number}")
        self._openid = f"oRigPayer{number:019d}"
        self._round = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Pay until told to stop; every trouble is met by starting that purchase again."""
        headers = {"User-Agent": AGENT, "Accept": "text/html", "X-Sim-Openid": self._openid}
        timeout = aiohttp.ClientTimeout(total=4)
        async with aiohttp.ClientSession(timeout=timeout) as control:
            await self._post(control, f"{self._scene.wechat}/_sim/users", openid=self._openid)
            while not stop.is_set():
                self._round += 1
                jar = aiohttp.CookieJar(unsafe=True)
                async with aiohttp.ClientSession(timeout=timeout, headers=headers, cookie_jar=jar) as browser:
                    try:
                        await self._purchase(control, browser)
                    except TROUBLE:
                        self._tally.troubles += 1
                        await asyncio.sleep(0.3 + 0.4 * self._chance.random())

    async def _purchase(self, control: aiohttp.ClientSession, browser: aiohttp.ClientSession) -> None:
        by_chat = self._number % 2 == 0
        url = await (self._by_chat(control) if by_chat else self._by_code(browser))
        async with browser.get(url) as page:
            if page.status != 200:
                raise ValueError(f"cashier {page.status}")
            await page.read()
        async with browser.post(f"{url}/charge", headers={"X-Scenepay": "cashier"}) as answer:
            opened = await answer.json()
        if opened.get("result") != "pay":
            raise ValueError(str(opened))
        paid = await self._post(control, f"{self._scene.pay}/_sim/pay", jsapi=opened["bridge"], openid=self._openid)
        if paid["result"] == "ok":
            self._tally.paid += 1
            self._tally.tokens.append(url.rsplit("/", 1)[1])
            await self._tamper(control)

    async def _by_chat(self, control: aiohttp.ClientSession) -> str:
        """Ask for an account's bills, take all, confirm; each purchase is another account."""
        account = f"05{self._number:03d}{self._round:05d}"
        for text in ("取消", f"查电费 {account}", "全部"):
            await self._say(control, text)
        reply = await self._say(control, "1")
        found = _LINK.search(reply)
        if found is None:
            raise ValueError(f"no link in {reply!r}")
        return found[1]

    async def _say(self, control: aiohttp.ClientSession, text: str) -> str:
        answer = await self._post(control, f"{self._scene.wechat}/_sim/say", openid=self._openid, text=text)
        return "\n".join(reply.get("text") or "" for reply in answer["replies"])

    async def _by_code(self, browser: aiohttp.ClientSession) -> str:
        """Scan a store's code and type an amount."""
        code = self._chance.choice(self._scene.codes)
        async with browser.get(f"{self._scene.app}/q/{code}") as page:
            nonce = _NONCE.search(await page.text())
        if nonce is None:
            raise ValueError("no form")
        form = {"amount": f"{self._chance.randint(1, 300)}.{self._chance.randint(0, 99):02d}", "nonce": nonce[1]}
        url = f"{self._scene.app}/q/{code}/order"
        async with browser.post(url, data=form, headers={"Accept": "application/json"}) as answer:
            order = await answer.json()
        return f"{self._scene.app}{order['cashier']}"

    async def _tamper(self, control: aiohttp.ClientSession) -> None:
        """Now and then somebody sends a notice over another amount, to another merchant, or with no valid signature."""
        if self._chance.random() > 0.05:
            return
        kind = self._chance.choice(("forged_signature", "wrong_amount", "other_mchid", "unknown_order", "flipped_byte"))
        orders = f"{self._scene.pay}/_sim/orders"
        async with control.get(orders) as answer:
            rows = (await answer.json())["orders"]
        if rows:
            self._tally.forged += 1
            number = self._chance.choice(rows)["out_trade_no"]
            await self._post(control, f"{self._scene.pay}/_sim/forge", out_trade_no=number, kind=kind)

    async def _post(self, session: aiohttp.ClientSession, url: str, **values: Any) -> Any:
        async with session.post(url, json=values, timeout=aiohttp.ClientTimeout(total=8)) as answer:
            return await answer.json()
