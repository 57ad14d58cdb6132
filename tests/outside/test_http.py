"""The HTTP client is bounded in every direction and tells apart what was surely not sent."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.kernel.clock import ManualClock
from bot.kernel.errors import BadRequest, Busy
from bot.outside.breaker import BreakerOpen, Patience
from bot.outside.guard import AddressRefused, Guard
from bot.outside.http import Answer, HttpClient, NoAnswer
from bot.outside.metrics import Metrics
from tests.outside.test_guard import Answers


class Receiver:
    """Another system that behaves as its paths say."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.go_on = asyncio.Event()
        self.inside = 0
        self.full = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.method, request.raw_path, dict(request.headers), await request.read()))
        match request.path:
            case "/slow":
                self.inside += 1
                if self.inside == 2:
                    self.full.set()
                await self.go_on.wait()
            case "/500":
                return web.Response(status=500, text="sorry")
            case "/redirect":
                return web.Response(status=302, headers={"Location": "/"})
            case "/cut":
                assert request.transport is not None
                request.transport.close()
            case "/endless":
                return await self._endless(request)
            case "/large":
                return web.Response(body=b"x" * 5000)
            case "/gzip":
                return web.Response(body=gzip.compress(b"x" * 100_000), headers={"Content-Encoding": "gzip"})
            case "/cookie":
                return web.Response(headers={"Set-Cookie": "a=b"})
        headers = [("X-Twice", "one"), ("X-Twice", "two"), ("Wechatpay-Serial", "S1")]
        return web.Response(body=b"\x00raw\xff", headers=headers)

    async def _endless(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(10_000):
            await response.write(b"x" * 1000)
        return response


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
async def base(receiver: Receiver) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", receiver.handle)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")
        receiver.go_on.set()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def client(clock: ManualClock, metrics: Metrics) -> AsyncIterator[HttpClient]:
    made = await HttpClient.create(clock, metrics=metrics, patience=Patience(in_flight=2))
    yield made
    await made.close()


async def get(client: HttpClient, url: str, **options: Any) -> Answer:
    return await client.request("GET", url, dest="there", **{"within": 5.0, **options})


class TestAnswers:
    async def test_bytes_and_headers_are_those_that_came(self, client: HttpClient, base: str) -> None:
        answer = await get(client, f"{base}/")

        assert (answer.status, answer.body) == (200, b"\x00raw\xff")
        assert answer.headers["x-twice"] == "one, two"
        assert answer.headers["wechatpay-serial"] == "S1"

    async def test_bytes_and_path_are_those_that_were_given(
        self, client: HttpClient, base: str, receiver: Receiver
    ) -> None:
        """A signature covers them, so nothing may be quoted anew."""
        path = "/v3/pay/%E7%BC%B4?a=%2F&b=c+d&e=%7B%7D"
        await client.request("POST", base + path, dest="there", within=5, body=b'{"a": 1}', headers={"X-A": "b"})

        method, raw_path, headers, body = receiver.seen[0]
        assert (method, raw_path, body) == ("POST", path, b'{"a": 1}')
        assert headers["X-A"] == "b"
        assert headers["Accept-Encoding"] == "identity"

    @pytest.mark.parametrize(("path", "status"), [("/500", 500), ("/redirect", 302)])
    async def test_any_status_is_an_answer_and_none_is_followed(
        self, client: HttpClient, base: str, receiver: Receiver, path: str, status: int
    ) -> None:
        assert (await get(client, base + path)).status == status
        assert len(receiver.seen) == 1

    async def test_a_compressed_answer_is_not_inflated(self, client: HttpClient, base: str) -> None:
        assert len((await get(client, f"{base}/gzip")).body) < 1000

    async def test_cookies_are_forgotten(self, client: HttpClient, base: str, receiver: Receiver) -> None:
        await get(client, f"{base}/cookie")
        await get(client, f"{base}/")

        assert "Cookie" not in receiver.seen[1][2]

    @pytest.mark.parametrize(
        "url", ["", "/path", "ftp://x/", "http://", "http://x/ y", "http://x/\n", "http://x/缴", "http://x:y/"]
    )
    async def test_what_is_no_url_is_refused(self, client: HttpClient, url: str) -> None:
        with pytest.raises(BadRequest):
            await get(client, url)


class TestNoAnswer:
    async def test_silence_ends_in_time(self, client: HttpClient, base: str) -> None:
        with pytest.raises(NoAnswer, match="timeout") as none:
            await get(client, f"{base}/slow", within=0.05)

        assert none.value.sent
        assert none.value.retryable
        assert none.value.http_status == 502

    @pytest.mark.parametrize("path", ["/large", "/endless"])
    async def test_too_much_is_not_read(self, client: HttpClient, base: str, path: str) -> None:
        with pytest.raises(NoAnswer, match="answer_too_large"):
            await get(client, base + path, limit=4999)

    async def test_as_much_as_allowed_is(self, client: HttpClient, base: str) -> None:
        assert len((await get(client, f"{base}/large", limit=5000)).body) == 5000

    async def test_a_cut_connection_leaves_it_open(self, client: HttpClient, base: str) -> None:
        with pytest.raises(NoAnswer, match="connection_fault") as none:
            await client.request("POST", f"{base}/cut?token=canary", dest="there", within=5, body=b"x")

        assert none.value.sent
        assert "canary" not in f"{none.value} {none.value.facts}"

    async def test_a_closed_door_was_surely_not_passed(self, client: HttpClient) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            with pytest.raises(NoAnswer, match="no_connection") as none:
                await get(client, f"http://127.0.0.1:{taken.getsockname()[1]}/")

        assert not none.value.sent


class TestPatience:
    async def test_five_faults_close_the_way_for_a_while(
        self, client: HttpClient, base: str, receiver: Receiver, clock: ManualClock
    ) -> None:
        for _ in range(5):
            await get(client, f"{base}/500")
        with pytest.raises(BreakerOpen):
            await get(client, f"{base}/")
        assert len(receiver.seen) == 5
        # Another receiver is not its neighbour's keeper.
        await client.request("GET", f"{base}/", dest="elsewhere", within=5)

        clock.advance(30)
        assert (await get(client, f"{base}/")).status == 200
        assert (await get(client, f"{base}/")).status == 200

    async def test_refusals_of_ours_are_no_faults(self, client: HttpClient, base: str) -> None:
        for status in range(8):
            assert (await get(client, f"{base}/redirect?{status}")).status == 302
        assert (await get(client, f"{base}/")).status == 200

    async def test_a_slow_receiver_takes_only_its_places(
        self, client: HttpClient, base: str, receiver: Receiver
    ) -> None:
        slow = [asyncio.create_task(get(client, f"{base}/slow")) for _ in range(2)]
        await receiver.full.wait()

        with pytest.raises(Busy, match="dest_crowded"):
            await get(client, f"{base}/", within=0.03)
        assert (await client.request("GET", f"{base}/", dest="elsewhere", within=5)).status == 200

        receiver.go_on.set()
        assert [(await task).status for task in slow] == [200, 200]
        assert (await get(client, f"{base}/")).status == 200

    async def test_a_caller_who_leaves_gives_the_place_back(
        self, client: HttpClient, base: str, receiver: Receiver
    ) -> None:
        slow = [asyncio.create_task(get(client, f"{base}/slow")) for _ in range(2)]
        await receiver.full.wait()
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)

        assert (await get(client, f"{base}/")).status == 200

    async def test_everything_is_counted(self, client: HttpClient, base: str, metrics: Metrics) -> None:
        await get(client, f"{base}/")
        await get(client, f"{base}/500")
        with pytest.raises(NoAnswer):
            await get(client, f"{base}/large", limit=1)

        page = metrics.render()[0].decode()
        for outcome in ("2xx", "5xx", "answer_too_large"):
            assert f'http_out_total{{dest="there",outcome="{outcome}"}} 1.0' in page
        assert 'http_out_seconds_count{dest="there"} 3.0' in page


class TestPublicOnly:
    async def test_it_connects_to_the_address_that_was_checked(
        self, base: str, clock: ManualClock, receiver: Receiver
    ) -> None:
        """DNS rebinding: the second look-up would answer otherwise, but there is none."""
        port = int(base.rpartition(":")[2])
        names = Answers(["127.0.0.1"], ["127.0.0.2"])
        guard = Guard(frozenset({"http"}), frozenset({port}), lambda address: str(address) == "127.0.0.1")
        client = await HttpClient.create(clock, guard=guard, resolver=names)
        url = f"http://partner.example:{port}/"

        assert (await get(client, url, public_only=True)).status == 200
        assert names.answers == [["127.0.0.2"]]
        assert receiver.seen[0][2]["Host"] == f"partner.example:{port}"
        await client.close()

        client = await HttpClient.create(clock, guard=guard, resolver=names)
        with pytest.raises(AddressRefused):
            await get(client, url, public_only=True)
        assert len(receiver.seen) == 1
        await client.close()

    @pytest.mark.parametrize(
        "host", ["localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::1]", "127.0.0.1"]
    )
    async def test_our_own_machine_is_refused_by_every_name(
        self, base: str, clock: ManualClock, receiver: Receiver, host: str
    ) -> None:
        port = int(base.rpartition(":")[2])
        # What a system's resolver makes of such a name.
        guard = Guard(frozenset({"http"}), frozenset({port}))
        client = await HttpClient.create(clock, guard=guard, resolver=Answers(["127.0.0.1"]))

        with pytest.raises((AddressRefused, NoAnswer, BadRequest)):
            await get(client, f"http://{host}:{port}/", public_only=True)

        assert receiver.seen == []
        await client.close()
