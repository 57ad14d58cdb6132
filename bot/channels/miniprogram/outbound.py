"""Puts a reply on a mini-program's wire: customer-service messages, for it has no passive reply but the hand-off."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bot.channels.official import outbound
from bot.dialogue.reply import Card, HandOff, Part, Text
from bot.kernel.text import shorten

KIND: Final = "mini.custom"
_TITLE_CHARS: Final = 64
_ABSTRACT_CHARS: Final = 120


def first_and_rest(parts: Sequence[Part]) -> tuple[Part | None, tuple[Part, ...]]:
    """Choose what goes into the response: a hand-off to the service staff (转发消息), which works only there."""
    for place, part in enumerate(parts):
        if isinstance(part, HandOff):
            return part, (*parts[:place], *parts[place + 1 :])
    return None, tuple(parts)


def custom_body(openid: str, part: Text | Card) -> Mapping[str, Any]:
    """Return the body of message/custom/send for a text, or for a card, which a mini-program sends as a link."""
    if isinstance(part, Text):
        return outbound.custom_body(openid, part)
    link = {
        "title": shorten(part.title, _TITLE_CHARS),
        "description": shorten(part.text, _ABSTRACT_CHARS),
        "url": part.url,
        "thumb_url": part.picture_url,
    }
    return {"touser": openid, "msgtype": "link", "link": link}
