"""Reading what the product answered to a push: silence, a fault, or messages for the chat."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hmac import compare_digest
from typing import Any

from bot.simulators.wechat import codec
from bot.simulators.wechat.plan import Account

FAULT_TEXT = "该公众号提供的服务出现故障，请稍后再试"
TEXT_BYTES = 2048
ARTICLES = 8
# Replies to these message types show one article at most (被动回复用户消息, 图文消息).
ONE_ARTICLE = frozenset({"text", "image", "video", "news", "location"})


@dataclass(slots=True)
class Reading:
    """What the user sees: entries, nothing (`silent`) or the fault text."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    silent: bool = False
    fault: bool = False
    warnings: list[str] = field(default_factory=list)


def _text(reply: Mapping[str, Any]) -> dict[str, Any]:
    text = str(reply["Content"])
    if len(text.encode()) > TEXT_BYTES:
        raise codec.CodecError(f"a text reply has at most {TEXT_BYTES} bytes")
    return {"text": text}


def _media(kind: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    def read(reply: Mapping[str, Any]) -> dict[str, Any]:
        part = reply[kind]
        return {
            "media_id": str(part["MediaId"]),
            "title": str(part.get("Title", "")),
            "description": str(part.get("Description", "")),
        }

    return read


def _music(reply: Mapping[str, Any]) -> dict[str, Any]:
    part = reply["Music"]
    return {"title": str(part.get("Title", "")), "url": str(part.get("MusicUrl", ""))}


def _news(reply: Mapping[str, Any]) -> dict[str, Any]:
    items = reply["Articles"]
    if isinstance(items, Mapping):
        items = items["item"]
    if isinstance(items, Mapping):
        items = [items]
    if int(reply["ArticleCount"]) != len(items):
        raise codec.CodecError("ArticleCount differs from the articles")
    return {"articles": [article(item) for item in items]}


def article(item: Mapping[str, Any]) -> dict[str, str]:
    """One card of a news message; names differ in case between passive and customer-service messages."""
    lower = {key.lower(): str(value) for key, value in item.items()}
    return {key: lower.get(key, "") for key in ("title", "description", "picurl", "url")}


def _transfer(reply: Mapping[str, Any]) -> dict[str, Any]:
    return {"text": "已转接人工客服"}


READERS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "text": _text,
    "image": _media("Image"),
    "voice": _media("Voice"),
    "video": _media("Video"),
    "music": _music,
    "news": _news,
    "transfer_customer_service": _transfer,
}


def read(account: Account, openid: str, asked: str, status: int, body: bytes, now: datetime) -> Reading:
    """Judge an answer to a push of message type `asked`, as the platform would."""
    if status != 200:
        return Reading(fault=True, warnings=[f"HTTP {status}"])
    if body.strip() in (b"", b"success"):
        return Reading(silent=True)
    try:
        reply = _opened(account, body, now)
        return _judged(account, openid, asked, reply, now)
    except (codec.CodecError, KeyError, TypeError, ValueError) as fault:
        return Reading(fault=True, warnings=[f"{type(fault).__name__}: {fault}"])


def _opened(account: Account, body: bytes, now: datetime) -> dict[str, Any]:
    parse = codec.from_xml if account.format == "xml" else codec.from_json
    reply = parse(body)
    if "Encrypt" not in reply:
        if account.mode == "safe":
            raise codec.CodecError("safe mode wants an encrypted reply")
        return reply
    encrypted, stamped = str(reply["Encrypt"]), str(reply["TimeStamp"])
    expected = codec.signature(account.token, stamped, str(reply["Nonce"]), encrypted)
    if not compare_digest(expected, str(reply["MsgSignature"])):
        raise codec.CodecError("MsgSignature of the reply is wrong")
    if abs(int(stamped) - now.timestamp()) > 3600:
        raise codec.CodecError("TimeStamp of the reply is not now, in seconds")
    return parse(codec.decrypt(account.encoding_aes_key, account.appid, encrypted))


def _judged(account: Account, openid: str, asked: str, reply: Mapping[str, Any], now: datetime) -> Reading:
    if str(reply["ToUserName"]) != openid or str(reply["FromUserName"]) != account.original_id:
        raise codec.CodecError("the reply goes to somebody else")
    warnings = []
    created = int(reply["CreateTime"])
    if abs(created - now.timestamp()) > 3600:
        warnings.append("CreateTime is not now, in seconds")
    kind = str(reply["MsgType"])
    entry = {"msgtype": kind, **READERS[kind](reply)}
    limit = 1 if asked in ONE_ARTICLE else ARTICLES
    if kind == "news" and len(entry["articles"]) > limit:
        # The platform accepts the answer and shows nothing (wechat.md §2.1).
        return Reading(silent=True, warnings=[*warnings, f"news with more than {limit} articles"])
    return Reading(entries=[entry], warnings=warnings)
