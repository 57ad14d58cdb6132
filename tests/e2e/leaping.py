"""A town whose time the test owns: application and simulators share one clock, and a test leaps over what is long."""

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from unittest import mock

import aiohttp

from bot.demo import run as demo_run
from bot.demo import town as demo_town
from bot.demo.run import open_demo
from bot.demo.town import open_town
from tests.e2e.driver import WECHAT, Town, link_in, visiting

# How long a call may wait for an answer that never comes, in real seconds; the product's own limits are 5 and 3.
_PATIENCE = 0.6
# How long a leap waits for something to come of it, and at most for what is under way, in fiftieths of a second.
_TICKS, _TICKS_MAX = 10, 150
_numbers = count(1)


class LeapClock:
    """Real time plus what was leapt over; a leap wakes everybody who slept until then.

    With a ``start`` its calendar begins there, so that what depends on the day comes out alike on every day.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._ahead = timedelta() if start is None else start - datetime.now(UTC)
        self._leapt = 0.0
        self._turn = asyncio.Event()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead + timedelta(seconds=self._leapt)

    def monotonic(self) -> float:
        return time.monotonic() + self._leapt

    async def sleep(self, seconds: float) -> None:
        until = self.monotonic() + seconds
        while (left := until - self.monotonic()) > 0:
            turn = self._turn
            try:
                async with asyncio.timeout(left):
                    await turn.wait()
            except TimeoutError:
                return
        await asyncio.sleep(0)

    def leap(self, seconds: float) -> None:
        """Move everybody's time forward."""
        self._leapt += seconds
        turn, self._turn = self._turn, asyncio.Event()
        turn.set()


@asynccontextmanager
async def open_city(
    folder: Path, database_url: str, redis_url: str, *, start: datetime | None = None
) -> AsyncIterator["City"]:
    """Start the whole system on a clock of ours; nothing in it but the time and its patience differs from a demo."""
    clock = LeapClock(start)

    @asynccontextmanager
    async def impatient_town(*arguments: Any, **options: Any) -> AsyncIterator[demo_town.Town]:
        async with open_town(*arguments, **options) as town:
            yield dataclasses.replace(town, config=_impatient(town.config))

    with (
        mock.patch.object(demo_town, "FactorClock", lambda factor: clock),
        mock.patch.object(demo_run, "open_town", impatient_town),
    ):
        demo = open_demo(clock, port=0, folder=folder, database_url=database_url, redis_url=redis_url)
        async with demo as running, visiting(running) as town:
            yield City(town, clock)


def _impatient(config: Mapping[str, Any]) -> Mapping[str, Any]:
    main = {**config["gateways"]["wechatpay"]["main"], "within": _PATIENCE}
    connectors = {key: {**section, "timeout": _PATIENCE} for key, section in config["connectors"].items()}
    return {**config, "gateways": {"wechatpay": {"main": main}}, "connectors": connectors}


@dataclasses.dataclass
class Purchase:
    """One order of one customer, as far as it has come; ``bridge`` is what the page would give to WeChat."""

    url: str
    token: str
    openid: str
    bridge: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class City:
    """A town, its clock, and what the tests of faults ask of both."""

    town: Town
    clock: LeapClock

    async def person(self) -> str:
        """Return the openid of a customer whom nobody has seen before."""
        openid = f"oFaultMeets{next(_numbers):017d}"
        await self.town.sim("wechat", "users", openid=openid)
        return openid

    async def lunch(self, fen: int, *, open_: bool = True) -> Purchase:
        """Order at the noodle shop by chat for an amount whose last two digits choose the fault of WeChat Pay."""
        openid = await self.person()
        for text in ("买单", "1", f"{fen // 100}.{fen % 100:02d}"):
            await self.town.say(text, openid)
        return await self._ordered(await self.town.say("1", openid), openid, open_=open_)

    async def power(self, account: str, *, openid: str = "", open_: bool = True) -> Purchase:
        """Order all electricity bills of an account, whose last two digits choose the fault of the biller."""
        openid = openid or await self.person()
        if "过几分钟" in await self.town.say(f"查电费 {account}", openid):
            await self.town.say(f"查电费 {account}", openid)
        await self.town.say("全部", openid)
        return await self._ordered(await self.town.say("1", openid), openid, open_=open_)

    async def _ordered(self, reply: str, openid: str, *, open_: bool) -> Purchase:
        url = link_in(reply)
        purchase = Purchase(url, url.rsplit("/", 1)[1], openid)
        return await self.open(purchase) if open_ else purchase

    async def open(self, purchase: Purchase, openid: str = "") -> Purchase:
        """Open the link as the customer or as somebody else, and press pay until there is something to pay."""

        async def ready() -> Mapping[str, Any] | None:
            opened = await self.press(purchase, openid)
            return opened["bridge"] if opened["result"] == "pay" else None

        bridge = await self.town.until(ready)
        return dataclasses.replace(purchase, bridge=bridge, openid=openid or purchase.openid)

    async def press(self, purchase: Purchase, openid: str = "") -> Mapping[str, Any]:
        """Open the link with an empty browser and press pay once; return what the page is told."""
        headers = {"User-Agent": WECHAT, "Accept": "text/html", "X-Sim-Openid": openid or purchase.openid}
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(headers=headers, cookie_jar=jar) as browser:
            async with browser.get(purchase.url) as page:
                assert page.status in (200, 410), await page.text()
            async with browser.post(f"{purchase.url}/charge", headers={"X-Scenepay": "cashier"}) as answer:
                told: Mapping[str, Any] = await answer.json()
                return told

    async def pay(self, purchase: Purchase) -> Mapping[str, Any]:
        """Confirm on the sheet; return what WeChat tells the page."""
        told: Mapping[str, Any] = await self.town.sim("pay", "pay", jsapi=purchase.bridge, openid=purchase.openid)
        return told

    async def paid(self, purchase: Purchase) -> Purchase:
        """Confirm on the sheet; it must work."""
        told = await self.pay(purchase)
        assert told["result"] == "ok", told
        return purchase

    async def leaps(self, done: Callable[[], Awaitable[bool]], *, step: float = 5.5, most: int = 60) -> None:
        """Leap by so many seconds and see what comes of it, again and again until ``done``; bounded."""
        for _ in range(most):
            before = await self._moves()
            self.clock.leap(step)
            for tick in range(_TICKS_MAX):
                await asyncio.sleep(0.02)
                if await done():
                    return
                # A leap over a call that is under way would be its deadline, and a slow machine a faulty biller.
                if (tick >= _TICKS or await self._moves() != before) and not await self._under_way():
                    break
        raise AssertionError(f"it did not happen in {step * most} seconds")

    async def _under_way(self) -> bool:
        return bool(await self.rows("SELECT id FROM outbox WHERE state = 'leased' LIMIT 1"))

    async def _moves(self) -> list[dict[str, Any]]:
        """What changes whenever a question was answered or a delivery has ended."""
        return await self.rows(
            "SELECT (SELECT SUM(queries) FROM charges) AS asked, (SELECT SUM(queries) FROM refunds) AS asked_back, "
            "(SELECT SUM(attempts) FROM outbox WHERE state <> 'leased') AS tried"
        )

    # --- what the books say ------------------------------------------------------------------------------------------

    async def state(self, purchase: Purchase) -> str:
        return str((await self.town.order(purchase.token))["state"])

    async def is_settled(self, purchase: Purchase) -> bool:
        """Whether the order is paid and every line's biller has taken it."""
        order = await self.town.order(purchase.token)
        lines = await self.rows("SELECT state FROM order_lines WHERE order_id = $1", order["id"])
        return order["state"] == "paid" and all(line["state"] == "settled" for line in lines)

    async def rows(self, sql: Any, *values: Any) -> list[dict[str, Any]]:
        found: Any = await self.town.demo.house.database.rows(sql, *values)
        return [dict(row) for row in found]

    async def of_order(self, purchase: Purchase, table: str) -> list[dict[str, Any]]:
        """Return an order's rows of a table, oldest first."""
        order = await self.town.order(purchase.token)
        rows = await self.rows(f"SELECT * FROM {table} WHERE order_id = $1", order["id"])  # noqa: S608 - Our own names.
        return sorted(rows, key=lambda row: str(row["id"]))

    async def told(self, purchase: Purchase, words: str) -> None:
        """Wait until the customer who ordered has been written to."""

        async def written() -> bool:
            return any(words in text for text in await self.town.messages(purchase.openid))

        await self.town.until(written)

    async def at_gateway(self, purchase: Purchase) -> list[dict[str, Any]]:
        """Return WeChat Pay's own memory of an order's charges."""
        charges = await self.of_order(purchase, "charges")
        found = []
        for charge in charges:
            page = await self.town.look("pay", f"orders?out_trade_no={charge['out_trade_no']}")
            found += page["orders"]
        return found

    async def explained(self, purchase: Purchase, *, applied: int, refunded: int = 0, suspense: int = 0) -> None:
        """Hold the ledger against what WeChat Pay took for the order: every fen is in one of three places.

        All in fen; ``applied`` is what the merchant keeps. Then the audit of the whole house.
        """
        orders = await self.at_gateway(purchase)
        taken = sum(order["amount"]["total"] for order in orders if order["state"] in ("SUCCESS", "REFUND"))
        returned = sum(order["refunded"] for order in orders)
        assert (taken, returned) == (applied + refunded + suspense, refunded)
        flows = {"payers": 0, "merchant": 0, "suspense": 0, "refunding": 0, "clearing": 0}
        for posting in await self._postings(purchase):
            flows[posting["source"].split(":")[0]] -= posting["amount"]
            flows[posting["destination"].split(":")[0]] += posting["amount"]
        kept = {"payers": -applied - suspense, "merchant": applied, "suspense": suspense, "refunding": 0, "clearing": 0}
        assert flows == kept, await self._postings(purchase)
        assert await self.town.audit() == []

    async def _postings(self, purchase: Purchase) -> list[dict[str, Any]]:
        """All movements of an order's money, whichever of order, charge or refund they name."""
        sql = """
        SELECT seq, journal, source, destination, amount FROM postings WHERE order_id = $1
          OR charge_id IN (SELECT id FROM charges WHERE order_id = $1)
          OR refund_id IN (SELECT id FROM refunds WHERE order_id = $1)
        ORDER BY seq
        """
        order = await self.town.order(purchase.token)
        return await self.rows(sql, order["id"])
