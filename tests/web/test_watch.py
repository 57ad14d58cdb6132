"""Pages that wait for their order: told at once, together, in bounded time and number."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, cast

import pytest

from bot.kernel.clock import SystemClock
from bot.kernel.errors import Busy, Limited, NotFound
from bot.storage.port import Database
from bot.web import watch
from bot.web.watch import OrderWatch
from tests.web.rig import Shop, open_shop


@pytest.fixture
async def busy_shop(database_url: str) -> AsyncIterator[Shop]:
    """A shop in real time, on each engine: the statement differs."""
    async with open_shop(database_url, SystemClock()) as shop:
        yield shop


async def test_every_state(busy_shop: Shop) -> None:
    order = await busy_shop.order()
    watched = OrderWatch(busy_shop.house.database, SystemClock())
    told = {}
    for state in ("created", "closing", "closed", "paid_late", "paid"):
        await busy_shop.execute("UPDATE orders SET state = $1", state)
        told[state] = await watched.state(order.token)
    await busy_shop.execute("UPDATE order_lines SET state = 'settled'")

    assert told == {"created": "created", "closing": "closing", "closed": "closed", "paid_late": "paid", "paid": "paid"}
    assert await watched.state(order.token) == "settled"
    await busy_shop.execute("UPDATE orders SET state = 'paid_late'")
    assert await watched.state(order.token) == "paid", "settled lines do not make a late payment an applied one"


async def test_a_page_is_told_when_the_notice_is_in_the_books(busy_shop: Shop) -> None:
    order, other = await busy_shop.order(), await busy_shop.order()
    phone = await busy_shop.browser()
    await phone.sign_in(f"/cashier/{order.token}")
    await phone.charge(order)
    pages = [asyncio.create_task(phone.get(f"/cashier/{order.token}/status?since=created")) for _ in range(3)]
    stranger = asyncio.create_task(phone.get(f"/cashier/{other.token}/status?since=created"))
    await asyncio.sleep(0.05)
    assert not any(page.done() for page in pages)

    since = asyncio.get_running_loop().time()
    await busy_shop.pay(order)
    answers = await asyncio.wait_for(asyncio.gather(*pages), 5)

    assert asyncio.get_running_loop().time() - since < 1.5, "at once, not at the next poll"
    assert [answer.json for answer in answers] == [{"state": "paid", "receipt": f"/receipts/{order.token}"}] * 3
    assert not stranger.done(), "another order's page waits on"
    stranger.cancel()


@pytest.mark.parametrize("since", ["", "paid", "nonsense", "x" * 1000, "%00", "created%0d%0aX: y"])
async def test_a_page_that_knows_another_state_is_answered_at_once(shop: Shop, since: str) -> None:
    order = await shop.order()
    answer = await asyncio.wait_for((await shop.browser()).get(f"/cashier/{order.token}/status?since={since}"), 2)

    assert answer.status == 200 and answer.json["state"] == "created"


class Books:
    """A database of one order that counts questions."""

    engine = "sqlite"

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.questions: list[list[str]] = []
        self.fault: Callable[[], None] = lambda: None
        self.rang = asyncio.Event()

    async def rows(self, sql: str, *values: Any) -> Sequence[Any]:
        tokens = list(values[0])
        self.questions.append(tokens)
        self.fault()
        return [{"token": each, "state": self.states[each], "open": 1} for each in tokens if each in self.states]

    async def heard(self, channel: str, within: float) -> bool:
        await self.rang.wait()
        self.rang.clear()
        return True


@pytest.fixture
def books() -> Books:
    books = Books()
    books.states = {f"t{number}": "created" for number in range(100)}
    return books


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_PAUSE", 0.001)
    monkeypatch.setattr(watch, "_LOOK_EVERY", 0.01)


async def test_a_hundred_pages_cost_one_question(books: Books) -> None:
    watched = OrderWatch(cast("Database", books), SystemClock())
    pages = [asyncio.create_task(watched.changed(token, "created", 5)) for token in books.states]
    await asyncio.sleep(0.01)
    asked = len(books.questions)
    books.states["t7"] = "paid"
    books.rang.set()
    assert await pages[7] == "paid"

    assert [len(tokens) for tokens in books.questions[asked:]] == [100]
    await watched.close()
    assert [await page for page in pages] == ["created"] * 7 + ["paid"] + ["created"] * 92


async def test_a_page_is_sent_home_after_its_time(books: Books) -> None:
    watched = OrderWatch(cast("Database", books), SystemClock())

    assert await watched.changed("t1", "created", 0.01) == "created"
    books.rang.set()
    await asyncio.sleep(0.02)
    asked = len(books.questions)
    books.rang.set()
    await asyncio.sleep(0.02)
    assert len(books.questions) == asked, "nobody waits, so nobody looks"
    await watched.close()


async def test_a_page_whose_reader_left_is_forgotten(books: Books) -> None:
    watched = OrderWatch(cast("Database", books), SystemClock(), pages_max=1)
    page = asyncio.create_task(watched.changed("t1", "created", 5))
    await asyncio.sleep(0.01)
    page.cancel()
    await asyncio.gather(page, return_exceptions=True)

    assert await watched.changed("t1", "created", 0.01) == "created"
    await watched.close()


async def test_too_many_pages(books: Books) -> None:
    watched = OrderWatch(cast("Database", books), SystemClock(), pages_max=2)
    pages = [asyncio.create_task(watched.changed("t1", "created", 5)) for _ in range(2)]
    await asyncio.sleep(0.01)

    with pytest.raises(Limited):
        await watched.changed("t1", "created", 5)
    assert await watched.changed("t1", "paid", 5) == "created", "what is known already is still told"
    await watched.close()
    await asyncio.gather(*pages)


async def test_an_unknown_order(books: Books) -> None:
    with pytest.raises(NotFound):
        await OrderWatch(cast("Database", books), SystemClock()).changed("stranger", "created", 5)


async def test_a_store_that_is_away_for_a_while(books: Books) -> None:
    """Pages that wait already wait on; they are told when it is back."""
    watched = OrderWatch(cast("Database", books), SystemClock())
    page = asyncio.create_task(watched.changed("t1", "created", 5))
    await asyncio.sleep(0.01)

    def away() -> None:
        raise Busy("store_away")

    books.fault = away
    books.rang.set()
    await asyncio.sleep(0.01)
    assert not page.done()
    books.fault = lambda: None
    books.states["t1"] = "closed"
    await asyncio.sleep(0.02)
    books.rang.set()
    assert await asyncio.wait_for(page, 2) == "closed"
    await watched.close()


async def test_a_server_that_ends_lets_its_pages_go(shop: Shop) -> None:
    order = await shop.order()
    page = asyncio.create_task((await shop.browser()).get(f"/cashier/{order.token}/status?since=created"))
    await asyncio.sleep(0.05)
    since = asyncio.get_running_loop().time()
    await shop.server.close()

    assert asyncio.get_running_loop().time() - since < 2
    assert (await page).json["state"] == "created"
