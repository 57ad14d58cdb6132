"""The connector's own promises: exact signatures, one nonce a call, bounds on what comes back, nothing secret told."""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.billers.connector import Connector, NoUsableAnswer, answer_signature, request_signature
from bot.kernel.clock import ManualClock
from bot.kernel.masking import Secret
from bot.outside.http import HttpClient
from tests.billers.samples import START
from tests.house.tree import ROOT

KEY = "power"
SECRET = "s" * 16 + "0123456789abcdef"
DOCUMENT = (ROOT / "docs" / "connector.md").read_text(encoding="utf-8")
YES = json.dumps({"result": "settled", "biller_ref": "R1"}).encode()

Answer = Callable[["Peer", web.Request, bytes], Awaitable[web.StreamResponse]]


@dataclass
class Peer:
    """A biller that answers as a test tells it, and keeps what it was asked."""

    clock: ManualClock
    answer: Answer
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.asked.append((request.raw_path, dict(request.headers), body))
        return await self.answer(self, request, body)

    def signed(
        self, nonce: str, body: bytes = YES, *, age: float = 0, secret: str = SECRET, stamp: str | None = None
    ) -> web.Response:
        told = str(int(self.clock.now().timestamp() - age)) if stamp is None else stamp
        signature = answer_signature(secret.encode(), told, nonce, 200, body)
        headers = {"Scenepay-Timestamp": told, "Scenepay-Nonce": nonce, "Scenepay-Signature": signature}
        return web.Response(body=body, headers=headers)


@asynccontextmanager
async def talking(answer: Answer, path: str = "") -> AsyncIterator[tuple[Connector, Peer]]:
    clock = ManualClock(START)
    peer = Peer(clock, answer)
    app = web.Application()
    app.router.add_post("/{path:.*}", peer.handle)
    http = await HttpClient.create(clock)
    try:
        async with TestServer(app) as server:
            url = f"http://127.0.0.1:{server.port}{path}"
            yield Connector(KEY, url, Secret(SECRET), http, clock, timeout=1.0), peer
    finally:
        await http.close()


def nonce_of(request: web.Request) -> str:
    return request.headers["Scenepay-Nonce"]


async def yes(peer: Peer, request: web.Request, body: bytes) -> web.StreamResponse:
    return peer.signed(nonce_of(request))


async def refused(answer: Answer) -> str:
    """The code with which one call ends."""
    async with talking(answer) as (connector, _):
        with pytest.raises(NoUsableAnswer) as fault:
            await connector.call("payments/advise", {"line_id": "oln_1"})
        assert SECRET not in str(fault.value)
        return fault.value.code


# --- requests --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "/", "/billing/api", "/billing/api/", "/%E7%94%B5"])
async def test_a_request_is_signed_over_the_path_as_sent(path: str) -> None:
    async with talking(yes, path) as (connector, peer):
        await connector.call("payments/advise", {"line_id": "oln_1", "account": "粤B"})

    (raw_path, headers, body) = peer.asked[0]
    assert raw_path == path.rstrip("/") + "/v1/payments/advise"
    assert json.loads(body) == {"line_id": "oln_1", "account": "粤B"}
    assert headers["Scenepay-Biller"] == KEY
    assert headers["Scenepay-Timestamp"] == str(int(START.timestamp()))
    assert re.fullmatch("[0-9A-Za-z]{16,64}", headers["Scenepay-Nonce"])
    expected = request_signature(
        SECRET.encode(), raw_path, headers["Scenepay-Timestamp"], headers["Scenepay-Nonce"], body
    )
    assert headers["Scenepay-Signature"] == expected


async def test_each_call_has_a_nonce_of_its_own() -> None:
    async with talking(yes) as (connector, peer):
        for _ in range(3):
            await connector.call("payments/advise", {"line_id": "oln_1"})

    assert len({headers["Scenepay-Nonce"] for _, headers, _ in peer.asked}) == 3


async def test_no_text_of_a_customers_can_keep_a_request_from_being_sent() -> None:
    async with talking(yes) as (connector, peer):
        await connector.call("bills/query", {"account": "\ud800\x00💡"})

    assert len(peer.asked) == 1


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("https://biller.example.com", "short"),
        ("ftp://biller.example.com", SECRET),
        ("https://biller.example.com/?a=b", SECRET),
        ("https://biller.example.com/#a", SECRET),
        ("https://user@biller.example.com/", SECRET),
    ],
)
async def test_a_connector_that_cannot_work_is_not_made(url: str, secret: str) -> None:
    clock = ManualClock(START)
    http = await HttpClient.create(clock)
    try:
        with pytest.raises(ValueError, match="connector"):
            Connector(KEY, url, Secret(secret), http, clock)
    finally:
        await http.close()


# --- answers ---------------------------------------------------------------------------------------------------------


async def test_a_proven_answer() -> None:
    async with talking(yes) as (connector, _):
        assert await connector.call("payments/advise", {}) == {"result": "settled", "biller_ref": "R1"}


async def test_an_answer_to_another_request_is_refused_though_it_is_genuine() -> None:
    """Whoever sits between could answer an advice with yesterday's yes."""
    kept: list[str] = []

    async def replaying(peer: Peer, request: web.Request, body: bytes) -> web.StreamResponse:
        kept.append(nonce_of(request))
        return peer.signed(kept[0])

    async with talking(replaying) as (connector, _):
        assert (await connector.call("payments/advise", {}))["result"] == "settled"
        with pytest.raises(NoUsableAnswer, match="biller_nonce"):
            await connector.call("payments/advise", {})


async def test_and_so_is_one_whose_nonce_header_was_changed_to_ours() -> None:
    async def relabelled(peer: Peer, request: web.Request, body: bytes) -> web.StreamResponse:
        answer = peer.signed("0" * 24)
        answer.headers["Scenepay-Nonce"] = nonce_of(request)
        return answer

    assert await refused(relabelled) == "biller_signature"


@pytest.mark.parametrize(("age", "believed"), [(300, True), (301, False), (-300, True), (-301, False)])
async def test_an_answer_is_fresh_for_five_minutes(age: float, believed: bool) -> None:
    async def aged(peer: Peer, request: web.Request, body: bytes) -> web.StreamResponse:
        return peer.signed(nonce_of(request), age=age)

    if not believed:
        assert await refused(aged) == "biller_timestamp"
        return
    async with talking(aged) as (connector, _):
        assert await connector.call("payments/advise", {})


@pytest.mark.parametrize("stamp", ["", "now", "1e9", "-1", "9" * 5_000, "+1795399200"])
async def test_a_signed_timestamp_that_is_none(stamp: str) -> None:
    async def odd(peer: Peer, request: web.Request, body: bytes) -> web.StreamResponse:
        return peer.signed(nonce_of(request), stamp=stamp)

    assert await refused(odd) == "biller_timestamp"


@pytest.mark.parametrize("status", [201, 204, 301, 400, 401, 404, 413, 500, 503])
async def test_only_200_is_an_answer(status: int) -> None:
    async def with_status(peer: Peer, request: web.Request, body: bytes) -> web.StreamResponse:
        answer = peer.signed(nonce_of(request))
        answer.set_status(status)
        return answer

    assert await refused(with_status) == "biller_status"


@pytest.mark.parametrize("missing", ["Scenepay-Timestamp", "Scenepay-Nonce", "Scenepay-Signature"])
async def test_every_header_is_needed(missing: str) -> None:
    async def lacking(peer: Peer, request: web.Request, body: bytes) -> web.StreamResponse:
        answer = peer.signed(nonce_of(request))
        del answer.headers[missing]
        return answer

    assert (await refused(lacking)).startswith("biller_")


async def test_a_body_that_was_changed_on_the_way() -> None:
    async def changed(peer: Peer, request: web.Request, body: bytes) -> web.StreamResponse:
        answer = peer.signed(nonce_of(request))
        answer.body = YES.replace(b"R1", b"R2")
        return answer

    assert await refused(changed) == "biller_signature"


async def test_another_secret() -> None:
    async def stranger(peer: Peer, request: web.Request, body: bytes) -> web.StreamResponse:
        return peer.signed(nonce_of(request), secret="x" * 32)

    assert await refused(stranger) == "biller_signature"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"{",
        b"[" * 100_000,
        b'{"result": "settled", "retry_after": NaN}',
        b'{"result": "settled", "retry_after": Infinity}',
        b'{"result": ' + b"9" * 5_000 + b"}",
    ],
)
async def test_what_is_signed_and_no_json(body: bytes) -> None:
    async def garbled(peer: Peer, request: web.Request, _: bytes) -> web.StreamResponse:
        return peer.signed(nonce_of(request), body)

    assert await refused(garbled) == "biller_json"


@pytest.mark.parametrize("answer", [None, [], "settled", 1, {}, {"result": None}, {"result": 1}, {"Result": "settled"}])
async def test_what_is_json_and_no_answer(answer: Any) -> None:
    async def shapeless(peer: Peer, request: web.Request, _: bytes) -> web.StreamResponse:
        return peer.signed(nonce_of(request), json.dumps(answer).encode())

    assert await refused(shapeless) == "biller_shape"


async def test_more_than_a_mebibyte_is_not_read() -> None:
    async def great(peer: Peer, request: web.Request, _: bytes) -> web.StreamResponse:
        return peer.signed(nonce_of(request), json.dumps({"result": "found", "x": "y" * (1 << 20)}).encode())

    assert await refused(great) == "biller_silent"


async def test_a_redirect_is_not_followed() -> None:
    async def elsewhere(peer: Peer, request: web.Request, _: bytes) -> web.StreamResponse:
        raise web.HTTPTemporaryRedirect("/elsewhere")

    async with talking(elsewhere) as (connector, peer):
        with pytest.raises(NoUsableAnswer, match="biller_status"):
            await connector.call("payments/advise", {})

    assert len(peer.asked) == 1


# --- the document ----------------------------------------------------------------------------------------------------


def example(name: str) -> str:
    """A value of the document's worked example."""
    found = re.search(rf"^\| {re.escape(name)} \| `([^`]*)` \|$", DOCUMENT, re.MULTILINE)
    assert found is not None, f"docs/connector.md has no example row {name}"
    return found[1]


def test_the_documents_example_is_what_we_compute() -> None:
    secret = example("secret").encode()
    stamp, nonce = example("request timestamp"), example("nonce")

    request = request_signature(secret, example("path"), stamp, nonce, example("request body").encode())
    answer = answer_signature(secret, example("answer timestamp"), nonce, 200, example("answer body").encode())

    assert request == example("request signature")
    assert answer == example("answer signature")


def test_the_simulator_was_written_from_the_same_document() -> None:
    for operation in ("bills/query", "payments/advise", "payments/status", "payments/undo", "payments/undo_status"):
        assert f"### `{operation}`" in DOCUMENT
    assert Path(ROOT / "bot" / "simulators" / "biller").is_dir()
