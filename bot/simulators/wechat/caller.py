"""The message caller: pushes to a webhook with the platform's deadline, redelivery and reading of answers."""

import asyncio
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp

from bot.simulators.wechat import codec, replies
from bot.simulators.wechat.messages import DEAF_EVENTS, SILENT_EVENTS
from bot.simulators.wechat.plan import Account
from bot.simulators.wechat.world import Contact, World, masked, stamp

DELIVERIES = 3
GIST_CHARS = 60


@dataclass(frozen=True, slots=True)
class Push:
    """The bytes and the query of one push; every delivery of it is identical."""

    query: str
    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What one delivery brought; status 0 means that no connection came about."""

    status: int
    body: bytes
    trace_id: str = ""


@dataclass(slots=True)
class Delivery:
    """The outcome of a push for whoever ordered it."""

    msgid: str = ""
    replies: list[dict[str, Any]] = field(default_factory=list)
    attempts: int = 0
    fault: bool = False
    silent: bool = False
    trace_id: str = ""
    statuses: list[int] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def view(self) -> dict[str, Any]:
        """As JSON for the control interface."""
        return {name: getattr(self, name) for name in self.__slots__}


def seal(account: Account, openid: str, message: Mapping[str, Any], timestamp: int) -> Push:
    """Write a message as the account's mode and format say (message push, 消息加解密说明)."""
    write = codec.to_xml if account.format == "xml" else codec.to_json
    nonce, stamped = str(secrets.randbelow(2**31)), str(timestamp)
    query = {
        "signature": codec.signature(account.token, stamped, nonce),
        "timestamp": stamped,
        "nonce": nonce,
        "openid": openid,
    }
    body = write(message)
    if account.mode != "plain":
        encrypted = codec.encrypt(account.encoding_aes_key, account.appid, body)
        query["encrypt_type"] = "aes"
        query["msg_signature"] = codec.signature(account.token, stamped, nonce, encrypted)
        clear = message if account.mode == "compat" else {"ToUserName": message["ToUserName"]}
        body = write({**clear, "Encrypt": encrypted})
    kind = "text/xml" if account.format == "xml" else "application/json"
    return Push(urlencode(query), body, kind)


async def push(
    world: World, account: Account, contact: Contact, fields: Mapping[str, Any], *, copies: int = 1
) -> Delivery:
    """Deliver a message or event and put what comes back into the chat.

    `copies` sends identical deliveries at the same moment, as an impatient network does; the first answer wins.
    """
    now = world.clock.now()
    message = {
        "ToUserName": account.original_id,
        "FromUserName": contact.openid,
        "CreateTime": int(now.timestamp()),
        **fields,
    }
    sealed = seal(account, contact.openid, message, int(now.timestamp()))
    delivery = Delivery(msgid=str(fields.get("MsgId", "")))
    name = str(fields.get("Event") or fields["MsgType"])
    world.pushes[name] += 1
    answer = await _delivered(world, account, sealed, delivery, name, copies)
    kind = str(fields["MsgType"])
    if answer is None:
        reading = replies.Reading(fault=True, warnings=["no answer to any delivery"])
    else:
        delivery.trace_id = answer.trace_id
        status, body = answer.status, answer.body
        reading = replies.read(account, contact.openid, kind, status, body, world.clock.now())
    _show(world, contact, reading, delivery, name)
    return delivery


async def _delivered(
    world: World, account: Account, sealed: Push, delivery: Delivery, name: str, copies: int
) -> Answer | None:
    for attempt in range(1, DELIVERIES + 1):
        delivery.attempts = attempt
        openid = masked(sealed.query.partition("openid=")[2].partition("&")[0])
        again = f"（第 {attempt} 次投递）" if attempt > 1 else ""
        world.note("push", f"推送 {name}{again}", f"{openid} {account.mode}/{account.format}", ref=delivery.msgid)
        answer = await _attempt(world, account, sealed, copies)
        delivery.statuses.append(answer.status if answer else 0)
        if answer is not None and answer.status:
            return answer
        if answer is not None and attempt < DELIVERIES:
            # Nobody listens: the next try comes at once, but never in a busy loop.
            await world.clock.sleep(0)
    return None


async def _attempt(world: World, account: Account, sealed: Push, copies: int) -> Answer | None:
    """One delivery; None when the deadline passed and the connection was closed."""
    posts = [asyncio.ensure_future(_post(world, account, sealed)) for _ in range(max(1, copies))]
    timer = asyncio.ensure_future(world.clock.sleep(world.plan.reply_seconds))
    try:
        waiting: set[asyncio.Future[Any]] = {*posts, timer}
        # Copies are all let finish, so that a test sees what each of them did to the product.
        while waiting and not timer.done() and not all(post.done() for post in posts):
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        return next((post.result() for post in posts if post.done()), None)
    finally:
        for task in (*posts, timer):
            task.cancel()
        await asyncio.gather(*posts, timer, return_exceptions=True)


async def _post(world: World, account: Account, sealed: Push) -> Answer:
    separator = "&" if "?" in account.webhook_url else "?"
    url = f"{account.webhook_url}{separator}{sealed.query}"
    headers = {"Content-Type": sealed.content_type, "User-Agent": "Mozilla/4.0", "Accept": "*/*"}
    try:
        async with world.session.post(url, data=sealed.body, headers=headers, allow_redirects=False) as response:
            body = await response.read()
            return Answer(response.status, body, response.headers.get("X-Trace-Id", ""))
    except (aiohttp.ClientError, OSError, ValueError):
        return Answer(0, b"")


def _show(world: World, contact: Contact, reading: replies.Reading, delivery: Delivery, name: str) -> None:
    delivery.fault, delivery.silent = reading.fault, reading.silent
    delivery.warnings = reading.warnings
    if reading.fault:
        world.note("fault", "答复异常", "；".join(reading.warnings), trace_id=delivery.trace_id)
        if name not in SILENT_EVENTS:
            entry = {"sender": "system", "via": "fault", "msgtype": "text", "text": replies.FAULT_TEXT}
            world.log(contact, entry)
        return
    if name in DEAF_EVENTS and reading.entries:
        delivery.silent = True
        delivery.warnings.append(f"an answer to {name} is shown to nobody")
        return
    for entry in reading.entries:
        shown = world.log(contact, {"sender": "account", "via": "passive", **entry})
        delivery.replies.append(shown)
    words = "" if reading.silent else str(delivery.replies[0].get("text", delivery.replies[0]["msgtype"]))
    title = "无回复" if reading.silent else "收到被动回复"
    world.note("passive", title, gist(words), ref=delivery.msgid, trace_id=delivery.trace_id)


def gist(text: str) -> str:
    """The beginning of a text on one line, without markup, for the strip."""
    line = " ".join(re.sub(r"<[^>]*>", "", text).split())
    return line if len(line) <= GIST_CHARS else line[:GIST_CHARS] + "…"


async def verify(world: World, account: Account) -> bool:
    """The GET by which the console checks a server: plain in every mode, the answer is echostr verbatim."""
    stamped, nonce = str(int(world.clock.now().timestamp())), secrets.token_hex(5)
    echo = str(secrets.randbelow(10**18))
    signed = codec.signature(account.token, stamped, nonce)
    query = urlencode({"signature": signed, "echostr": echo, "timestamp": stamped, "nonce": nonce})
    separator = "&" if "?" in account.webhook_url else "?"
    try:
        async with world.session.get(f"{account.webhook_url}{separator}{query}") as response:
            body = await response.read()
            good = response.status == 200 and body == echo.encode()
    except (aiohttp.ClientError, OSError, ValueError):
        good = False
    world.note("verify", "服务器地址验证" + ("通过" if good else "失败"), stamp(world.clock.now()))
    return good
