"""Whatever goes wrong, callers get an answer in their own form with every header on it, and never our insides."""

import asyncio
import io
import re
from collections.abc import AsyncIterator
from html import unescape

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.kernel import errors
from bot.kernel.clock import SystemClock
from bot.outside import logging
from bot.outside.metrics import Metrics
from bot.web.middlewares import TRACE, add_headers, adopt_trace, trace_middleware

Client = TestClient[web.Request, web.Application]
HTML = {"Accept": "text/html"}
FAULTS = [
    errors.BadRequest,
    errors.Unauthorized,
    errors.Forbidden,
    errors.NotFound,
    errors.Conflict,
    errors.TooLarge,
    errors.Limited,
    errors.GatewayTrouble,
    errors.Busy,
    errors.Misconfigured,
]


async def fails(request: web.Request) -> web.StreamResponse:
    name = request.match_info["name"]
    if name == "crash":
        raise ValueError("the-secret-in-the-exception")
    if name == "redirect":
        raise web.HTTPSeeOther("/elsewhere")
    if name == "stream":
        response = web.StreamResponse()
        await response.prepare(request)
        return response
    if name == "adopt":
        adopt_trace(request, "trc_adopted")
        return web.Response(text=request[TRACE] + logging.current_trace())
    fault: type[errors.BotError] = getattr(errors, name)
    raise fault("the_code", "the remedy")


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture(params=[False, True], ids=["http", "https"])
def secure(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
async def client(metrics: Metrics, secure: bool) -> AsyncIterator[Client]:
    app = web.Application(middlewares=[trace_middleware(SystemClock(), metrics)])
    add_headers(app, secure=secure)
    app.router.add_get("/page/{name}", fails)
    app.router.add_get("/wechat/{name}", fails)
    app.router.add_get("/notify/{name}", fails)
    async with TestClient(TestServer(app)) as made:
        yield made


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_errors_of_ours(client: Client, fault: type[errors.BotError]) -> None:
    """People get a page in Chinese with a number for support, programs JSON, platforms one word."""
    async with client.get(f"/page/{fault.__name__}", headers=HTML) as page:
        text = await page.text()
        assert page.status == fault.http_status and page.content_type == "text/html"
        assert page.headers["X-Trace-Id"] in text and re.search(r'<h1 class="msg-title">[\u4e00-\u9fff]', text)
        assert "the_code" not in text and "the remedy" not in text
    async with client.get(f"/page/{fault.__name__}") as answer:
        assert answer.status == fault.http_status
        assert await answer.json() == {
            "code": "the_code",
            "message": "the remedy",
            "trace_id": answer.headers["X-Trace-Id"],
        }
    for place in ("wechat", "notify"):
        async with client.get(f"/{place}/{fault.__name__}", headers=HTML) as terse:
            assert (terse.status, await terse.text()) == (fault.http_status, "the_code")


@pytest.mark.parametrize("path", ["/page/crash", "/wechat/crash"])
@pytest.mark.parametrize("accept", ["text/html", "application/json", "*/*"])
async def test_a_fault_of_ours_shows_nothing_of_us(client: Client, path: str, accept: str) -> None:
    async with client.get(path, headers={"Accept": accept}) as answer:
        text = await answer.text()
        assert answer.status == 500
        assert not re.search(r"Traceback|ValueError|the-secret|\.py|aiohttp|python", text + str(answer.headers), re.I)


async def test_a_fault_of_ours_is_logged_with_its_trace(client: Client) -> None:
    lines = io.StringIO()
    logging.configure(SystemClock(), level="INFO", stream=lines)
    try:
        async with client.get("/page/crash") as answer:
            trace_id = answer.headers["X-Trace-Id"]
    finally:
        logging.configure(SystemClock(), json=False)

    ours = next(line for line in lines.getvalue().splitlines() if "request.failed" in line)
    assert trace_id in ours
    assert "/page/{name}" in ours and "/page/crash" not in ours, "paths hold tokens"


@pytest.mark.parametrize("name", ["BadRequest", "crash", "redirect", "stream", "adopt"])
async def test_every_answer_has_the_common_headers(client: Client, secure: bool, name: str) -> None:
    for path in (f"/page/{name}", f"/wechat/{name}", "/nowhere"):
        async with client.get(path, allow_redirects=False, headers=HTML) as answer:
            headers = answer.headers
            assert headers["Server"] == "scenepay"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Cache-Control"] == "no-store"
            assert headers["Referrer-Policy"] == "strict-origin"
            assert headers["X-Trace-Id"].startswith("trc_")
            assert ("Strict-Transport-Security" in headers) == secure
            policy = headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy and "*" not in policy and "http" not in policy


async def test_a_page_admits_only_its_own_scripts_and_styles(client: Client) -> None:
    async with client.get("/page/NotFound", headers=HTML) as page:
        policy = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; "))
    for directive in ("script-src", "style-src"):
        assert all(re.fullmatch(r"'sha256-[A-Za-z0-9+/]{43}='", source) for source in policy[directive].split())
    assert policy["base-uri"] == "'none'" and policy["form-action"] == "'self'" and policy["connect-src"] == "'self'"


async def test_unknown_addresses_and_methods(client: Client) -> None:
    async with client.get("/nowhere", headers=HTML) as page:
        assert page.status == 404 and "没有找到" in await page.text()
    async with client.delete("/page/x", headers=HTML) as page:
        assert page.status == 405 and "打不开这个页面" in await page.text()
    async with client.post("/page/x") as answer:
        assert answer.status == 405 and (await answer.json())["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nA\r\n\r\n",
    ],
)
async def test_what_is_no_http_learns_nothing_either(client: Client, garbage: bytes) -> None:
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(garbage)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()

    assert answer.startswith(b"HTTP/1.") and b" 400 " in answer.splitlines()[0]
    assert b"Server: scenepay" in answer and b"ython" not in answer and b"aiohttp" not in answer


async def test_what_is_no_http_is_not_written_down(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """A misdirected request may hold a password, and garbage at will must not fill the log with tracebacks."""
    caplog.set_level("DEBUG")
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nBad Header: hunter2-in-the-clear\r\n\r\n")
    await asyncio.wait_for(reader.read(), 5)
    writer.close()

    assert "bad request from 127.0.0.1" in caplog.text
    assert "hunter2" not in caplog.text and "Traceback" not in caplog.text


async def test_a_handler_goes_on_under_the_trace_of_an_order(client: Client) -> None:
    async with client.get("/page/adopt") as answer:
        assert answer.headers["X-Trace-Id"] == "trc_adopted"
        assert await answer.text() == "trc_adoptedtrc_adopted"
    async with client.get("/page/stream") as answer:
        assert answer.headers["X-Trace-Id"] != "trc_adopted"


async def test_requests_are_measured_by_route(client: Client, metrics: Metrics) -> None:
    for path in ("/page/BadRequest", "/page/redirect", "/page/crash", "/nowhere/with-a-token"):
        async with client.get(path, allow_redirects=False):
            pass
    body = metrics.render()[0].decode()

    assert 'http_in_seconds_count{route="/page/{name}",status="4xx"} 1.0' in body
    assert 'http_in_seconds_count{route="/page/{name}",status="3xx"} 1.0' in body
    assert 'http_in_seconds_count{route="/page/{name}",status="5xx"} 1.0' in body
    assert 'http_in_seconds_count{route="unmatched",status="4xx"} 1.0' in body
    assert "token" not in body


async def test_an_error_page_repeats_nothing_of_the_request(client: Client) -> None:
    async with client.get("/<script>alert(1)</script>?x=<b>", headers={**HTML, "Referer": "<i>"}) as page:
        assert "alert(1)" not in unescape(await page.text())
