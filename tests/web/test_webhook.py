"""The official account's URL over HTTP: statuses, limits and what it does not tell."""

import asyncio
import gzip
import io
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.channels.reception import Response
from bot.channels.wire import xmltext
from bot.channels.wire.push import Mode
from bot.channels.wire.signature import sign
from bot.kernel.clock import ManualClock
from bot.outside.metrics import Metrics
from bot.web.middlewares import add_headers, trace_middleware
from bot.web.webhook import Webhook
from tests.channels.rig import ChannelRig
from tests.channels.samples import NOW, TOKEN, Delivery, account, plain, safe, words

URL = "/wechat/official/main"
Client = TestClient[web.Request, web.Application]


@pytest.fixture
def rig() -> ChannelRig:
    return ChannelRig(account(), account(Mode.PLAIN, key="plain"))


@pytest.fixture
async def client(rig: ChannelRig) -> AsyncIterator[Client]:
    hook = Webhook(rig.channel, rig.clock, body_within=0.05)
    app = web.Application(middlewares=[trace_middleware(rig.clock, Metrics())])
    add_headers(app, secure=False)
    app.add_routes(
        [
            web.get("/wechat/official/{account}", hook.verify, allow_head=False),
            web.post("/wechat/official/{account}", hook.receive),
        ]
    )
    async with TestClient(TestServer(app)) as made:
        yield made
    await rig.turns.close(0)


async def post(client: Client, delivery: Delivery, url: str = URL) -> tuple[int, bytes]:
    async with client.post(url, params=delivery.query, data=delivery.body) as response:
        return response.status, await response.read()


async def test_verification(client: Client) -> None:
    stamp = str(int(NOW.timestamp()))
    query = {"signature": sign(TOKEN, stamp, "1"), "timestamp": stamp, "nonce": "1", "echostr": "<b>42</b>"}

    async with client.get(URL, params=query) as response:
        assert (response.status, await response.text()) == (200, "<b>42</b>")
        assert response.content_type == "text/plain" and response.headers["X-Content-Type-Options"] == "nosniff"
    async with client.get(URL, params={**query, "signature": "0" * 40}) as response:
        assert (response.status, await response.text()) == (401, "bad_signature")


async def test_a_message_is_answered(client: Client) -> None:
    async with client.post(URL, params=safe(words("你好")).query, data=safe(words("你好")).body) as response:
        assert response.status == 401  # Sealed anew, so the query belongs to another body.
    delivery = safe(words("你好"))
    status, body = await post(client, delivery)

    assert status == 200 and "Encrypt" in xmltext.parse(body)


async def test_a_message_in_chunks_is_answered(client: Client) -> None:
    delivery = plain(words("你好"))

    async def chunks() -> AsyncIterator[bytes]:
        for place in range(0, len(delivery.body), 50):
            yield delivery.body[place : place + 50]

    async with client.post("/wechat/official/plain", params=delivery.query, data=chunks()) as response:
        assert xmltext.parse(await response.read())["Content"] == "你好"
        assert response.headers["Content-Type"] == "application/xml; charset=utf-8"


@pytest.mark.parametrize(
    ("delivery", "status", "code"),
    [
        (Delivery(words(), {}), 403, b"plaintext_in_safe_mode"),
        (plain(words()), 403, b"plaintext_in_safe_mode"),
        (Delivery(safe(words()).body, {**safe(words()).query, "msg_signature": "0" * 40}), 401, b"bad_msg_signature"),
        (safe(words(), timestamp="1336500000"), 403, b"stale"),
        (safe(b'<!DOCTYPE x [<!ENTITY a "b">]><xml><A>&a;</A></xml>'), 400, b"xml_doctype"),
        (safe(b"<xml>" * 1000), 400, b"xml_too_deep"),
        (safe(b"garbage"), 400, b"bad_xml"),
        (safe(b"<xml><A>1</A></xml>"), 400, b"misshapen_message"),
        (Delivery(b"\x00" * 100, safe(words()).query), 400, b"bad_xml"),
        (Delivery(b"", safe(words()).query), 400, b"bad_xml"),
    ],
)
async def test_abuse_has_a_clean_answer(
    client: Client, rig: ChannelRig, delivery: Delivery, status: int, code: bytes
) -> None:
    assert await post(client, delivery) == (status, code)
    assert rig.heard == []


async def test_an_unknown_account(client: Client) -> None:
    assert await post(client, safe(words()), "/wechat/official/other") == (404, b"unknown_account")
    async with client.get("/wechat/official/other") as response:
        assert response.status == 404


async def test_three_mebibytes_are_refused_before_they_are_read(client: Client) -> None:
    body = io.BytesIO(b"x" * 3 * 1024 * 1024)
    async with client.post(URL, params=safe(b"").query, data=body) as response:
        assert (response.status, await response.read()) == (413, b"body_too_large")


async def test_three_mebibytes_in_chunks_are_refused_on_the_way(client: Client) -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(48):
            yield b"x" * 65536
            sent += 65536

    async with client.post(URL, params=safe(b"").query, data=chunks()) as response:
        assert (response.status, await response.read()) == (413, b"body_too_large")


async def test_a_body_that_does_not_come_is_not_waited_for(client: Client) -> None:
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(f"POST {URL} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n<xml>".encode())
    await writer.drain()

    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    writer.close()
    await writer.wait_closed()

    assert answer.startswith(b"HTTP/1.1 408")


async def test_a_compressed_body_is_refused(client: Client) -> None:
    delivery = safe(words())
    headers = {"Content-Encoding": "gzip"}
    async with client.post(URL, params=delivery.query, data=gzip.compress(delivery.body), headers=headers) as response:
        assert (response.status, await response.text()) == (400, "content_encoding")


async def test_no_answer_tells_what_we_run_on(client: Client) -> None:
    for delivery in (safe(words()), Delivery(b"garbage", {})):
        async with client.post(URL, params=delivery.query, data=delivery.body) as response:
            everything = f"{response.headers}{await response.text()}".lower()
            assert "aiohttp" not in everything and "python" not in everything and "traceback" not in everything


async def test_shutting_down_lets_wechat_deliver_again(client: Client, rig: ChannelRig) -> None:
    await rig.turns.close(0)

    assert await post(client, safe(words())) == (503, b"shutting_down")


async def test_time_for_the_answer_counts_from_the_arrival() -> None:
    """A body that comes slowly takes from the same five seconds."""
    clock = ManualClock(NOW)
    arrivals: list[float] = []

    class Channel:
        async def receive(self, _account: str, _query: object, _body: bytes, since: float) -> Response:
            arrivals.append(since)
            return Response("text/plain", b"success")

    async def chunks() -> AsyncIterator[bytes]:
        yield b"<xml>"
        await asyncio.sleep(0.02)
        clock.advance(2)
        yield b"</xml>"

    app = web.Application()
    app.router.add_post("/wechat/official/{account}", Webhook(Channel(), clock).receive)  # type: ignore[arg-type]
    async with TestClient(TestServer(app)) as client, client.post(URL, data=chunks()) as response:
        assert response.status == 200
    assert arrivals == [0.0] and clock.monotonic() == 2.0
