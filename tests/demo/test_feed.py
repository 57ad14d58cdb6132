"""The developer's strip: one purchase is one story, told from the books, and nothing in it is of use to a stranger."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from bot.demo.feed import Feed, brief
from bot.demo.pages import add_demo_routes
from bot.demo.run import Demo, open_demo
from bot.demo.town import OPENID
from bot.kernel.clock import ManualClock, SystemClock
from bot.kernel.errors import Forbidden
from bot.outside.http import Called
from bot.outside.logging import bind_trace
from bot.trail.traces import Note
from tests.e2e.driver import Town, link_in, visiting

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
EVENT = re.compile(rb"data: (\{.*\})\n\n")


@pytest.fixture
def feed() -> Feed:
    return Feed(ManualClock(NOW))


def read(event: bytes | None) -> Any:
    assert event is not None
    found = EVENT.fullmatch(event)
    assert found is not None
    return json.loads(found[1])


# --- the hub --------------------------------------------------------------------------------------------------------


async def test_events_reach_all_who_watch_and_those_who_come_later(feed: Feed) -> None:
    async with feed.watch() as first:
        feed.tell("trc_1", "order", "下单 ¥1.00", "午饭")
        async with feed.watch() as second:
            feed.tell("trc_1", "posting", "a → b ¥1.00")
            told = [read(first.get_nowait()) for _ in range(2)]
            assert told == [read(second.get_nowait()) for _ in range(2)]
    assert told[0] == {
        "at": "2026-11-23T02:00:00.000000+00:00",
        "trace_id": "trc_1",
        "kind": "order",
        "title": "下单 ¥1.00",
        "detail": "午饭",
    }


async def test_nobody_watches(feed: Feed) -> None:
    """What happens meanwhile is not kept, so that it costs nothing."""
    feed.tell("trc_1", "order", "x")
    async with feed.watch() as queue:
        assert queue.empty()


async def test_a_reader_who_does_not_read_misses_events_and_holds_up_nobody(feed: Feed) -> None:
    async with feed.watch() as queue:
        for number in range(2000):
            feed.tell("trc_1", "order", str(number))
        assert queue.full()
        feed.close()
        last = [queue.get_nowait() for _ in range(queue.qsize())][-1]
        assert last is None, "the end reaches a full queue too"


async def test_who_comes_after_the_end_is_sent_home(feed: Feed) -> None:
    feed.close()
    async with feed.watch() as queue:
        assert queue.get_nowait() is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /cashier/AbCdEfGhIjKlMnOpQrStUvWx12345678", "GET /cashier/…345678"),
        ("POST /v3/pay/transactions/out-trade-no/P202611231000001AbCdEfGh/close", None),
        ("ord_01K0YGD7DG89F88D7TR7V11B7W", "…V11B7W"),
        ("clearing:wechatpay:main → merchant:mer_sunshine:due ¥239.36", None),
        ("访问 https://x/?access_token=92_abcdef", "访问 https://x/?access_token=****"),
        ("openid=oDemoCustomer000000000000001", "openid=****"),
        ("", ""),
    ],
)
def test_words_for_a_screen_that_anybody_may_look_at(text: str, shown: str | None) -> None:
    assert shown is None or brief(text) == shown
    assert not re.search(r"P2026\w{10}|0YGD7DG", brief(text))


def test_long_words_are_cut_before_they_are_searched() -> None:
    assert len(brief("A" * 1_000_000)) <= 160


async def test_calls_go_under_the_trace_of_who_made_them(feed: Feed) -> None:
    async with feed.watch() as queue:
        with bind_trace("trc_7"):
            feed.called(Called("wechatpay.main", "POST", "/v3/pay/transactions/jsapi", "2xx", 0.0314))
        event = read(queue.get_nowait())
    assert (event["trace_id"], event["kind"]) == ("trc_7", "call")
    assert event["title"] == "POST /v3/pay/transactions/jsapi → 2xx · 31 ms"


async def test_notes_that_the_books_tell_better_are_left_out(feed: Feed) -> None:
    async with feed.watch() as queue:
        for kind in ("order", "charge", "posting", "biller", "case", "message"):
            feed.noted(Note(NOW, "trc_1", kind, f"about {kind}", "{}"))
        assert read(queue.get_nowait())["kind"] == "message" and queue.empty()


async def test_the_feed_is_for_this_machine_only(feed: Feed) -> None:
    app = web.Application()
    add_demo_routes(app, feed, "http://127.0.0.1:1/phone/")
    request = make_mocked_request("GET", "/demo/trail", app=app).clone(remote="203.0.113.9")
    match = await app.router.resolve(request)
    with pytest.raises(Forbidden):
        await match.handler(request)


# --- a whole purchase -----------------------------------------------------------------------------------------------


@asynccontextmanager
async def strip(demo: Demo) -> AsyncIterator[list[Any]]:
    """Collect what the strip is sent."""
    events: list[Any] = []

    async def collect(stream: aiohttp.ClientResponse) -> None:
        async for line in stream.content:
            # One by one, for the test looks on while they come.
            events.extend([json.loads(line[6:])] if line.startswith(b"data: ") else [])

    async with aiohttp.ClientSession() as session, session.get(f"{demo.public_url}/demo/trail") as stream:
        assert stream.content_type == "text/event-stream"
        task = asyncio.create_task(collect(stream))
        await asyncio.sleep(0.1)
        try:
            yield events
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def shown(tmp_path: Any, sqlite_url: str) -> AsyncIterator[Town]:
    clock = SystemClock()
    demo = open_demo(clock, port=0, folder=tmp_path, database_url=sqlite_url, factor=20)
    async with demo as opened, visiting(opened) as town:
        yield town


async def test_one_purchase_is_one_story(shown: Town) -> None:
    """From the message that confirmed the order to the receipt in the chat, in order, under one trace id."""
    async with strip(shown.demo) as events:
        token = await shown.pay(link_in(await shown.chat("交物业费", "3-2-501", "陈晓明", "1", "1")))
        await shown.settled(token)
        trace = (await shown.order(token))["trace_id"]

        async def told() -> bool:
            return any(event["kind"] == "message" and event["trace_id"] == trace for event in events)

        await shown.until(told)
    story = sorted((event for event in events if event["trace_id"] == trace), key=lambda event: event["at"])
    titles = [event["title"] for event in story]
    wanted = [
        "POST /wechat/official/demo → 200",
        "下单 ¥239.36",
        "GET /cashier/",
        "支付单落库",
        "POST /v3/pay/transactions/jsapi → 2xx",
        "支付通知验签通过",
        "payers:wechatpay → clearing:wechatpay:main ¥239.36",
        "clearing:wechatpay:main → merchant:mer_sunshine:due ¥239.36",
        "支付成功",
        "订单已付清 ¥239.36",
        "销账成功",
        "客服消息已送出",
    ]
    places = [next((at for at, title in enumerate(titles) if title.startswith(each)), -1) for each in wanted]
    assert places == sorted(places) and -1 not in places, "\n".join(titles)
    everything = json.dumps(events, ensure_ascii=False)
    order = await shown.order(token)
    for private in (OPENID, "陈晓明", "3-2-501", token, order["id"], shown.demo.codes[0].token):
        assert private not in everything


async def test_each_request_has_a_trace_of_its_own_until_it_is_about_an_order(shown: Town) -> None:
    async with strip(shown.demo) as events:
        await shown.open(f"{shown.demo.public_url}/q/{shown.demo.codes[0].token}")
        await shown.open(f"{shown.demo.public_url}/q/forged")
        async with shown.browser.post(f"{shown.demo.public_url}/notify/wechatpay/main", data=b"{}") as refused:
            assert refused.status == 401

        async def told() -> bool:
            return any("/notify/" in event["title"] for event in events)

        await shown.until(told)
    assert len({event["trace_id"] for event in events if event["kind"] == "webhook"}) >= 3
    notice = next(event for event in events if event["kind"] == "notice")
    assert "→ 401" in notice["title"]


async def test_what_pages_ask_by_themselves_is_not_shown(shown: Town) -> None:
    base = shown.demo.public_url
    async with strip(shown.demo) as events:
        for path in ("/healthz", "/readyz", "/metrics", "/favicon.ico", f"/q/{shown.demo.codes[0].token}.svg"):
            async with shown.browser.get(base + path) as answer:
                assert answer.status == 200
        await asyncio.sleep(0.1)
    # What a round fetches at its hour of the day is a call of ours, and shown.
    assert [event for event in events if event["kind"] != "call"] == []
