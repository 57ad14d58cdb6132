"""Turns what a mini-program received into the dialogue's event, the same that an official account's becomes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qs

from bot.channels.miniprogram.messages import MediaChecked, MiniMessage, PageMessage, SessionEntered, TradeManaged
from bot.channels.official.inbound import flat, note_of_notices
from bot.channels.official.messages import (
    GrantsAsked,
    GrantsChanged,
    ImageMessage,
    NoticesSent,
    RawEvent,
    RawMessage,
    TextMessage,
)
from bot.dialogue.event import Event, Followed, Happening, Noted, Pictured, Said, Scanned
from bot.kernel.text import without_control

CHANNEL: Final = "mini"
# What our own codes and buttons say begins with one of these (docs/mini.md).
_SCENES: Final = ("pay_", "query_", "q_")
_SCENE_CHARS: Final = 64


def to_event(message: MiniMessage, *, account: str, key: str, trace_id: str) -> Event:
    """Return the event; ``key`` is the push's own and ``account`` the operator's name of the mini-program."""
    at = datetime.fromtimestamp(message.head.at, UTC)
    return Event(key, CHANNEL, account, message.head.sender, at, trace_id, _what(message))


def _what(message: MiniMessage) -> Happening:
    match message:
        case TextMessage():
            return Said(without_control(message.content), "choice" if message.menu_id else "text")
        case ImageMessage():
            return Pictured(message.media_id, message.pic_url)
        case PageMessage():
            _, _, query = message.path.partition("?")
            scene = parse_qs(query[:512]).get("scene", [""])[0]
            return Scanned(scene) if _ours(scene) else Said(without_control(message.title))
        case SessionEntered():
            # A customer who opens the conversation awaits a first word, as one who begins to follow does.
            return Scanned(message.session_from) if _ours(message.session_from) else Followed()
        case RawMessage():
            return Said("")
        case _:
            return Noted(*_note(message))


def _ours(scene: str) -> bool:
    return scene.startswith(_SCENES) and len(scene) <= _SCENE_CHARS


def _note(event: MiniMessage) -> tuple[str, Mapping[str, str]]:
    match event:
        case MediaChecked():
            return "media_checked", {
                "check_id": event.check_id,
                "suggest": event.suggest,
                "label": event.label,
                "error_code": event.error_code,
            }
        case GrantsAsked() | GrantsChanged() | NoticesSent():
            return note_of_notices(event)
        case TradeManaged():
            names = TradeManaged.__slots__[2:]
            return event.step, {name: value for name in names if (value := str(getattr(event, name)))}
        case RawEvent():
            return event.event, flat(event)
        case _:
            return type(event).__name__.lower(), {}
