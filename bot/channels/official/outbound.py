"""Puts a reply on WeChat's wire: one passive message in the response, the rest as customer-service messages."""

import binascii
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from bot.channels.official.messages import Head
from bot.channels.wire.jsontext import dump
from bot.channels.wire.push import Format
from bot.channels.wire.xmltext import cdata
from bot.dialogue.reply import Card, HandOff, Part, Picture, Reply, Text
from bot.jobs.port import NewJob
from bot.kernel.text import shorten, without_control

KIND: Final = "official.custom"
SUCCESS: Final = b"success"

# 客服消息 and 被动回复: at most 2048 bytes of text, above it 45002.
TEXT_BYTES: Final = 2048
_TITLE_CHARS: Final = 64
_ABSTRACT_CHARS: Final = 120

# What a text must not be cut inside of: a link, or a character with its joiners and marks.
_UNIT: Final = re.compile(
    r"<a\b[^>]*>.*?</a>|(?:[^\u200d]\ufe0f?\u200d)*.[\ufe0f\u20e3\u0300-\u036f\U0001f3fb-\U0001f3ff]*", re.DOTALL
)
# The better places to cut behind, best first.
_BREAKS: Final = ("\n", "。！？!?；;", "，,、 ")


def prepare(reply: Reply) -> tuple[Part, ...]:
    """Return the parts as they can be sent: long texts split, empty ones left out."""
    parts: list[Part] = []
    for part in reply.parts:
        if isinstance(part, Text):
            parts += [Text(piece) for piece in split_text(without_control(part.text)) if piece.strip()]
        else:
            parts.append(part)
    return tuple(parts)


def first_and_rest(parts: Sequence[Part]) -> tuple[Part | None, tuple[Part, ...]]:
    """Choose what goes into the response.

    A hand-off works only there. A picture cannot go there, because it must be uploaded first; then all parts keep
    their order in the outbox.
    """
    for place, part in enumerate(parts):
        if isinstance(part, HandOff):
            return part, (*parts[:place], *parts[place + 1 :])
    if not parts or isinstance(parts[0], Picture):
        return None, tuple(parts)
    return parts[0], tuple(parts[1:])


def passive(part: Part, head: Head, form: Format, now: datetime) -> bytes:
    """Return the passive reply (被动回复用户消息) to the message with this head; CreateTime is in seconds."""
    kind, content = _passive_content(part)
    if form is Format.JSON:
        envelope = {"ToUserName": head.sender, "FromUserName": head.to, "CreateTime": int(now.timestamp())}
        return dump({**envelope, "MsgType": kind, **content})
    # The reader let in only names that can stand in CDATA as they are.
    return (
        f"<xml><ToUserName><![CDATA[{head.sender}]]></ToUserName><FromUserName><![CDATA[{head.to}]]></FromUserName>"
        f"<CreateTime>{int(now.timestamp())}</CreateTime><MsgType><![CDATA[{kind}]]></MsgType>{_xml(content)}</xml>"
    ).encode()


def _passive_content(part: Part) -> tuple[str, Mapping[str, Any]]:
    match part:
        case Text(text):
            return "text", {"Content": text}
        case Card():
            # One article: more are shown to nobody who sent a message (wechat.md §2.1).
            item = {
                "Title": shorten(part.title, _TITLE_CHARS),
                "Description": shorten(part.text, _ABSTRACT_CHARS),
                "PicUrl": part.picture_url,
                "Url": part.url,
            }
            return "news", {"ArticleCount": 1, "Articles": {"item": item}}
        case HandOff():
            return "transfer_customer_service", {}
        case Picture():
            raise ValueError("a picture is uploaded and sent by the outbox")


def _xml(content: Mapping[str, Any]) -> str:
    return "".join(f"<{name}>{_xml_value(value)}</{name}>" for name, value in content.items())


def _xml_value(value: Any) -> str:
    if isinstance(value, Mapping):
        return _xml(value)
    return str(value) if isinstance(value, int) else cdata(value)


def custom_body(openid: str, part: Text | Card) -> Mapping[str, Any]:
    """Return the body of message/custom/send for a text or a card."""
    if isinstance(part, Text):
        return {"touser": openid, "msgtype": "text", "text": {"content": part.text}}
    article = {
        "title": shorten(part.title, _TITLE_CHARS),
        "description": shorten(part.text, _ABSTRACT_CHARS),
        "url": part.url,
        "picurl": part.picture_url,
    }
    return {"touser": openid, "msgtype": "news", "news": {"articles": [article]}}


def custom_image(openid: str, media_id: str) -> Mapping[str, Any]:
    """Return the body of message/custom/send for an uploaded picture."""
    return {"touser": openid, "msgtype": "image", "image": {"media_id": media_id}}


def split_text(text: str, limit: int = TEXT_BYTES) -> list[str]:
    """Return the text in pieces of at most ``limit`` bytes of UTF-8, cut where a reader would pause.

    A link is kept whole unless it alone exceeds the limit.
    """
    pieces: list[str] = []
    held: list[str] = []
    size = 0
    for unit in _units(text, limit):
        length = len(unit.encode())
        while held and size + length > limit:
            cut = _place_to_cut(held)
            pieces.append("".join(held[:cut]).rstrip("\n"))
            held = held[cut:]
            size = sum(len(kept.encode()) for kept in held)
        held.append(unit)
        size += length
    return [*pieces, "".join(held)] if held else pieces


def _units(text: str, limit: int) -> list[str]:
    if len(text.encode()) <= limit:
        return [text]
    units: list[str] = []
    for unit in _UNIT.findall(text):
        units += [unit] if len(unit.encode()) <= limit else list(unit)
    return units


def _place_to_cut(units: Sequence[str]) -> int:
    """Return how many units stay: up to the last good break in the second half, else all."""
    for breaks in _BREAKS:
        for place in range(len(units), len(units) // 2, -1):
            if units[place - 1][-1] in breaks:
                return place
    return len(units)


def custom_job(
    account: str,
    openid: str,
    parts: Sequence[Part],
    *,
    key: str,
    trace_id: str,
    due_at: datetime | None = None,
    channel: str = "official",
) -> NewJob:
    """Return the outbox job that sends these parts, in their order, as customer-service messages.

    ``key`` makes it unique: the same reply is sent once however often its job is enqueued. The payload names a
    customer and what they owe, so it is private. ``channel`` is that of the deliverer.
    """
    payload = {"account": account, "openid": openid, "parts": [_packed(part) for part in parts]}
    return NewJob(f"{channel}.custom", key, f"{channel}:{account}", payload, trace_id, due_at, private=True)


def _packed(part: Part) -> Mapping[str, str]:
    match part:
        case Text(text):
            return {"kind": "text", "text": text}
        case Card():
            card = {"title": part.title, "text": part.text, "url": part.url, "picture_url": part.picture_url}
            return {"kind": "card", **card}
        case Picture():
            png = binascii.b2a_base64(part.png, newline=False).decode("ascii")
            return {"kind": "picture", "png": png, "name": part.name}
        case HandOff():
            return {"kind": "hand_off"}


def unpacked(packed: Mapping[str, str]) -> Part:
    """Return a part of a job's payload; raise KeyError or ValueError for one that is none."""
    match packed["kind"]:
        case "text":
            return Text(packed["text"])
        case "card":
            return Card(packed["title"], packed["text"], packed["url"], packed["picture_url"])
        case "picture":
            return Picture(binascii.a2b_base64(packed["png"], strict_mode=True), packed["name"])
        case "hand_off":
            return HandOff()
        case other:
            raise ValueError(f"no part of a reply is called {other}")
