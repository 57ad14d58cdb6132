"""Two servers to compare with: a bare aiohttp handler, and what most people would write with wechatpy."""

import argparse
import asyncio
from typing import Any

import uvloop
from aiohttp import web
from wechatpy import parse_message
from wechatpy.crypto import WeChatCrypto
from wechatpy.replies import create_reply
from wechatpy.utils import check_signature

ANSWER = (
    b"<xml><ToUserName><![CDATA[oBench]]></ToUserName><FromUserName><![CDATA[gh_bench]]></FromUserName>"
    b"<CreateTime>1700000000</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA["
    + "一二三四五六七八九十".encode() * 4
    + b"]]></Content></xml>"
)


async def bare(request: web.Request) -> web.Response:
    """Read the body, answer 300 bytes."""
    await request.read()
    return web.Response(body=ANSWER, content_type="application/xml")


class Naive:
    """Verify, parse, echo, render: no session, no database, no deduplication."""

    def __init__(self, token: str, aes_key: str, appid: str, *, safe: bool) -> None:
        self._token = token
        self._crypto: Any = WeChatCrypto(token, aes_key, appid) if safe else None

    async def handle(self, request: web.Request) -> web.Response:
        query, body = request.query, await request.text()
        if self._crypto is not None:
            body = self._crypto.decrypt_message(body, query["msg_signature"], query["timestamp"], query["nonce"])
        else:
            check_signature(self._token, query["signature"], query["timestamp"], query["nonce"])
        message = parse_message(body)
        reply: str = create_reply(message.content, message).render()
        if self._crypto is not None:
            reply = self._crypto.encrypt_message(reply, query["nonce"], query["timestamp"])
        return web.Response(text=reply, content_type="application/xml")


async def _serve(arguments: argparse.Namespace) -> None:
    app = web.Application()
    if arguments.which == "bare":
        app.router.add_post("/{tail:.*}", bare)
    else:
        naive = Naive(arguments.token, arguments.aes_key, arguments.appid, safe=arguments.which == "naive-safe")
        app.router.add_post("/{tail:.*}", naive.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", arguments.port).start()
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("which", choices=("bare", "naive-plain", "naive-safe"))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--token", default="")
    parser.add_argument("--aes-key", default="")
    parser.add_argument("--appid", default="")
    uvloop.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
