"""The whole turn: 「交物业费」 to the list of bills, beside a bare handler and a naive wechatpy echo."""

import secrets
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from bench import load, machine, stage
from bench.report import Row
from bot.customers.accounts import SavedAccounts
from bot.demo.sample import ITEMS
from bot.simulators.wechat import codec

CUSTOMERS = 256
MESSAGES = 6_000
WARM_UP = 1_000
CONNECTIONS = 64


def openid(number: int) -> str:
    return f"oBenchCustomer{number:014d}"


async def prepare(town: stage.Stage) -> None:
    """Give every customer a saved room, so that one word shows the bills."""
    async with stage.house_of(town) as house:
        for account in ("plain", "safe"):
            for number in range(CUSTOMERS):
                customer = await house.identities.recognise("official", account, openid(number))
                await SavedAccounts(house.database, house.vault, house.clock).save(
                    customer.id,
                    scene="property",
                    item_id=ITEMS[0].id,
                    account="3-2-501",
                    mask="****01",
                    fields={"owner": "陈晓明"},
                )


def messages(account: str, count: int, *, start: int, path: str = "") -> Sequence[bytes]:
    """Prepare signed pushes, each with its own number, as WeChat would send them now."""
    now = str(int(time.time()))
    return [_message(account, start + number, now, path or f"/wechat/official/{account}") for number in range(count)]


def _message(account: str, number: int, now: str, path: str) -> bytes:
    text = codec.to_xml(
        {
            "ToUserName": "gh_bench",
            "FromUserName": openid(number % CUSTOMERS),
            "CreateTime": int(now),
            "MsgType": "text",
            "Content": "交物业费",
            "MsgId": 10**15 + number,
        }
    )
    nonce = secrets.token_hex(8)
    query = f"signature={codec.signature(stage.TOKEN, now, nonce)}&timestamp={now}&nonce={nonce}"
    if account == "safe":
        cipher = codec.encrypt(stage.AES_KEY, stage.APPID, text)
        signed = codec.signature(stage.TOKEN, now, nonce, cipher)
        query += f"&encrypt_type=aes&msg_signature={signed}"
        text = (
            f"<xml><ToUserName><![CDATA[gh_bench]]></ToUserName><Encrypt><![CDATA[{cipher}]]></Encrypt></xml>".encode()
        )
    return load.post(f"{path}?{query}", text, [("Content-Type", "text/xml")])


async def measure(folder: Path, database_url: str, redis_url: str) -> list[Row]:
    """Measure each server in turn, in its own process."""
    town = stage.set_stage(folder, database_url, redis_url)
    await prepare(town)
    yard = ["-m", "bench.yardsticks"]
    keys = ["--token", stage.TOKEN, "--aes-key", stage.AES_KEY, "--appid", stage.APPID]
    rows: list[Row] = []
    for name, which, account in (
        ("bare aiohttp handler", "bare", "plain"),
        ("naive wechatpy echo, plain", "naive-plain", "plain"),
        ("naive wechatpy echo, safe", "naive-safe", "safe"),
    ):
        port = stage.free_port()
        arguments = [*yard, which, "--port", str(port), *keys]
        rows.append(await _measured(name, account, port, stage.process(arguments, {}, port)))
    for account in ("plain", "safe"):
        serve = ["-m", "bot", "--log-level", "ERROR", "serve"]
        server = stage.process(serve, town.environment, town.port)
        rows.append(await _measured(f"whole turn, {account}", account, town.port, server, b"2026-"))
    return rows


async def _measured(
    name: str, account: str, port: int, server: AbstractContextManager[object], expected: bytes = b""
) -> Row:
    with server as running:
        pid = int(running.pid)  # type: ignore[attr-defined]  # A Popen.
        warm = messages(account, WARM_UP, start=secrets.randbelow(10**9) * 10_000)
        await load.send(port, warm, CONNECTIONS)
        sent = messages(account, MESSAGES, start=secrets.randbelow(10**9) * 10_000 + 5_000)
        # An encrypted answer shows nothing of its content; the plain account proves what the turn says.
        proof = expected if account == "plain" else b""
        before, cpu = machine.now(), machine.cpu_of(pid)
        result = await load.send(port, sent, CONNECTIONS, proof)
        used, after = machine.cpu_of(pid) - cpu, machine.now()
        return Row(name, result, 1e6 * used / len(sent), machine.shares(before, after, used))
