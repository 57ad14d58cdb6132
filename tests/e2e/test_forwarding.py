"""A payment link that travels: whoever opens it pays, in their own name, and only once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from bot.demo.town import OPENID
from tests.e2e.driver import WECHAT, Town, link_in

FRIEND = "oDemoFriend00000000000000001"


@asynccontextmanager
async def phone_of(town: Town, openid: str) -> AsyncIterator[Town]:
    """Another person's WeChat: the platform's sign-in names them."""
    headers = {"X-Sim-Openid": openid, "User-Agent": WECHAT}
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar, headers=headers) as browser:
        yield Town(town.demo, town.control, browser)


async def upstream(town: Town) -> list[dict[str, Any]]:
    """The orders that WeChat Pay has, oldest first."""
    found: list[dict[str, Any]] = (await town.look("pay", "orders"))["orders"]
    return found


async def test_a_friend_pays(town: Town) -> None:
    """The first person's order is closed at WeChat Pay before the friend's is made; the receipt goes to the chat."""
    await town.sim("wechat", "plan", users=[{"openid": OPENID}, {"openid": FRIEND, "nickname": "小林"}])
    link = link_in(await town.chat("买单", "1", "32.50", "1"))
    token = link.rsplit("/", 1)[1]
    await town.open(link)
    mine = await town.charge(token)
    async with phone_of(town, FRIEND) as friend:
        status, _, page = await friend.open(link)
        assert status == 200 and "32.50" in page
        theirs = await friend.charge(token)
        refused = await town.sim("pay", "pay", jsapi=mine["bridge"], openid=OPENID)
        paid = await town.sim("pay", "pay", jsapi=theirs["bridge"], openid=FRIEND)

    assert (refused["result"], paid["result"]) == ("refused", "ok")
    await town.settled(token)
    assert [(order["state"], order["openid"]) for order in await upstream(town)] == [
        ("CLOSED", OPENID),
        ("SUCCESS", FRIEND),
    ]
    status, final, _ = await town.open(link)
    assert status == 200 and final.endswith(f"/receipts/{token}")
    assert await town.audit() == []


async def test_a_link_that_was_opened_and_never_paid_can_be_paid_later_by_the_same_person(town: Town) -> None:
    """Closing the page and coming back meets the same order at WeChat Pay."""
    link = link_in(await town.chat("买单", "2", "9.90", "1"))
    token = link.rsplit("/", 1)[1]
    await town.open(link)
    first = await town.charge(token)
    async with phone_of(town, OPENID) as again:
        await again.open(link)
        second = await again.charge(token)

    assert first["bridge"]["package"] == second["bridge"]["package"]
    assert len(await upstream(town)) == 1
    await town.sim("pay", "pay", jsapi=second["bridge"], openid=OPENID)
    await town.settled(token)
    assert await town.audit() == []
