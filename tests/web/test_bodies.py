"""Bodies are bounded in bytes and in time, whichever way they come."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.kernel.clock import SystemClock
from bot.outside.metrics import Metrics
from bot.web.answers import answer_json
from bot.web.bodies import FORM_BYTES, read_body, read_form
from bot.web.middlewares import add_headers, trace_middleware

LIMIT = 1000
Client = TestClient[web.Request, web.Application]


async def _body(request: web.Request) -> web.Response:
    return web.Response(text=str(len(await read_body(request, limit=LIMIT, within=0.05))))


async def _form(request: web.Request) -> web.Response:
    return answer_json(dict(await read_form(request)))


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    app = web.Application(middlewares=[trace_middleware(SystemClock(), Metrics())])
    add_headers(app, secure=False)
    app.add_routes([web.post("/body", _body), web.post("/form", _form)])
    async with TestClient(TestServer(app)) as made:
        yield made


async def chunks(size: int, step: int = 100) -> AsyncIterator[bytes]:
    for _ in range(0, size, step):
        yield b"x" * step


async def post(client: Client, path: str, data: object, **headers: str) -> tuple[int, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.post(path, data=data, headers=named) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize("size", [0, 1, LIMIT])
async def test_within_the_limit(client: Client, size: int) -> None:
    assert await post(client, "/body", b"x" * size) == (200, str(size))


async def test_in_chunks(client: Client) -> None:
    assert await post(client, "/body", chunks(LIMIT)) == (200, str(LIMIT))
    assert (await post(client, "/body", chunks(LIMIT + 100)))[0] == 413


async def test_one_byte_too_much(client: Client) -> None:
    status, text = await post(client, "/body", b"x" * (LIMIT + 1))

    assert status == 413 and "body_too_large" in text


@pytest.mark.parametrize("head", ["Content-Length: 100", "Transfer-Encoding: chunked"])
async def test_a_body_that_does_not_come(client: Client, head: str) -> None:
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(f"POST /body HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    writer.close()

    assert answer.startswith(b"HTTP/1.1 408")


async def test_a_compressed_body_is_not_inflated(client: Client) -> None:
    bomb = gzip.compress(b"x" * 1_000_000)
    for path in ("/body", "/form"):
        status, text = await post(
            client, path, bomb, Content_Encoding="gzip", Content_Type="application/x-www-form-urlencoded"
        )
        assert status == 400 and "content_encoding" in text


async def test_a_form(client: Client) -> None:
    status, text = await post(client, "/form", {"amount": "25.50", "name": "中文 &=", "empty": ""})

    assert status == 200 and text == '{"amount": "25.50", "name": "中文 &=", "empty": ""}'


@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [
        (b"a=1&a=2", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"f%d=1" % number for number in range(17)), "application/x-www-form-urlencoded", 400),
        (b"a=%ff", "application/x-www-form-urlencoded", 400),
        (b"\xff\xfe", "application/x-www-form-urlencoded", 400),
        (b"a=" + b"1" * FORM_BYTES, "application/x-www-form-urlencoded", 413),
        (b'{"a": 1}', "application/json", 400),
        (b"a=1", "text/plain", 400),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x", 400),
    ],
)
async def test_forms_of_another_form(client: Client, data: bytes, kind: str, status: int) -> None:
    assert (await post(client, "/form", data, Content_Type=kind))[0] == status
