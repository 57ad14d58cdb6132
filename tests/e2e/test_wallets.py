"""One store code, opened in each wallet's browser, paid at that wallet's own gateway, and written into the books."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from tests.e2e.driver import DESKTOP, Town
from tests.web.rig import ALIPAY, ANDROID, BANK, CLOUD_PAY, SAFARI

_NONCE = re.compile(r'name="nonce" value="([0-9A-Za-z]{24})"')
_TOKEN = re.compile(r'name="token" value="([^"]+)"')
CCB = f"{ANDROID} UnionPay/1.0 CCBLoongPay"


@dataclass
class Visitor:
    """A browser of its own in front of the running system, following every redirect as a real one does."""

    town: Town
    session: aiohttp.ClientSession
    agent: str

    async def get(self, url: str) -> tuple[int, str, str]:
        headers = {"User-Agent": self.agent, "Accept": "text/html"}
        async with self.session.get(url, headers=headers) as page:
            return page.status, str(page.url), await page.text()

    async def press(self, url: str, **form: str) -> tuple[int, str, str]:
        async with self.session.post(url, data=form, headers={"User-Agent": self.agent}) as page:
            return page.status, str(page.url), await page.text()

    async def ask(self, path: str, form: dict[str, str] | None = None) -> Any:
        headers = {"User-Agent": self.agent, "X-Scenepay": "cashier", "Accept": "application/json"}
        async with self.session.post(f"{self.town.demo.public_url}{path}", headers=headers, data=form) as answer:
            return await answer.json()

    async def order(self, amount: str) -> str:
        """Scan the store's code and type an amount; return the order's token."""
        code = self.town.demo.codes[0].token
        status, _, text = await self.get(f"{self.town.demo.public_url}/q/{code}")
        nonce = _NONCE.search(text)
        assert status == 200 and nonce is not None, text
        placed = await self.ask(f"/q/{code}/order", {"amount": amount, "nonce": nonce[1]})
        assert placed["result"] == "order", placed
        return str(placed["order"])

    async def charge(self, token: str, how: str = "") -> Any:
        return await self.ask(f"/cashier/{token}/charge{how}")


@pytest.fixture
async def visitor(town: Town) -> AsyncIterator[Visitor]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield Visitor(town, session, ALIPAY)


async def sim(visitor: Visitor, url: str, **values: Any) -> Any:
    async with visitor.session.post(url, json=values) as answer:
        return await answer.json()


async def paid_at(town: Town, token: str, gateway: str) -> None:
    """Wait for the books, which only the gateway's own word moves, and look who took the money."""
    await town.settled(token)
    order = await town.order(token)
    rows = await town.demo.house.database.rows(
        "SELECT gateway, state FROM charges WHERE order_id = $1 AND state = 'paid'", order["id"]
    )
    assert [row["gateway"] for row in rows] == [gateway]
    assert await town.audit() == []


async def test_alipay_inside_its_app(town: Town, visitor: Visitor) -> None:
    token = await visitor.order("18.80")
    opened = await visitor.charge(token)

    assert opened["result"] == "pay" and set(opened["bridge"]) == {"trade_no"}
    paid = await sim(visitor, f"{town.demo.town.alipay_url}/_sim/pay", trade_no=opened["bridge"]["trade_no"])
    assert paid["resultCode"] == "9000", paid
    await paid_at(town, token, "alipay")


@pytest.mark.parametrize("agent", [CLOUD_PAY, CCB], ids=["cloudpay", "ccb"])
async def test_unionpay_and_the_banks_in_it(town: Town, visitor: Visitor, agent: str) -> None:
    visitor.agent = agent
    token = await visitor.order("28.80")
    opened = await visitor.charge(token)

    assert opened["url"].startswith(town.demo.town.unionpay_url)
    await visitor.press(opened["url"], do="pay")
    await paid_at(town, token, "unionpay")


async def test_a_banks_own_app(town: Town, visitor: Visitor) -> None:
    visitor.agent = BANK
    token = await visitor.order("38.80")
    opened = await visitor.charge(token)

    assert opened["url"].startswith(town.demo.town.bank_url)
    await visitor.press(opened["url"], do="pay")
    await paid_at(town, token, "bankapp")


async def test_a_phones_own_browser_chooses_alipay(town: Town, visitor: Visitor) -> None:
    visitor.agent = SAFARI
    token = await visitor.order("48.80")
    _, _, choices = await visitor.get(f"{town.demo.public_url}/cashier/{token}")
    assert [name for name in ("wechat", "alipay", "unionpay", "bankapp") if f'data-with="{name}"' in choices] == [
        "wechat",
        "alipay",
        "bankapp",
    ]
    opened = await visitor.charge(token, "?with=alipay")
    _, _, page = await visitor.get(opened["url"])
    trade = _TOKEN.search(page)
    assert trade is not None, page
    await visitor.press(f"{town.demo.town.alipay_url}/_sim/page/pay", token=trade[1])
    await paid_at(town, token, "alipay")


async def test_a_payer_who_changes_wallet_pays_once(town: Town, visitor: Visitor) -> None:
    """Begun in Alipay, paid in 云闪付: the first trade is closed at Alipay before the second is made."""
    token = await visitor.order("58.80")
    first = await visitor.charge(token)
    visitor.agent = CLOUD_PAY
    await visitor.get(f"{town.demo.public_url}/cashier/{token}")
    second = await visitor.charge(token)

    assert second["result"] == "pay" and second["url"].startswith(town.demo.town.unionpay_url)
    late = await sim(visitor, f"{town.demo.town.alipay_url}/_sim/pay", trade_no=first["bridge"]["trade_no"])
    assert (late["result"], late["reason"]) == ("refused", "closed")
    await visitor.press(second["url"], do="pay")
    await paid_at(town, token, "unionpay")


@pytest.mark.parametrize(("wallet", "prefix"), [("wechat", "weixin://"), ("alipay", "https://"), ("unionpay", "http")])
async def test_a_desk_shows_each_wallets_own_code(town: Town, visitor: Visitor, wallet: str, prefix: str) -> None:
    token = await visitor.order("68.80")
    visitor.agent = DESKTOP
    opened = await visitor.charge(token, f"?with={wallet}")

    assert opened["result"] == "pay" and opened["code"].endswith(f".svg?with={wallet}")
    status, _, drawing = await visitor.get(f"{town.demo.public_url}{opened['code']}")
    assert status == 200 and drawing.startswith("<svg")
    order = await town.order(token)
    content = await town.demo.house.payments.charges.native(order["id"], wallet)
    assert content is not None and content.startswith(prefix)
