"""The windows in which a mini-program may write: 48 hours after a message, a minute after the conversation opened."""

from collections.abc import Mapping
from typing import Final

from bot.channels.miniprogram.messages import MiniMessage, PageMessage, SessionEntered
from bot.channels.official.messages import ImageMessage, RawMessage, TextMessage
from bot.channels.official.quota import Trigger, Window

# wechat.md §2.2, message/custom/send; what is lost soonest is spent first.
WINDOWS: Final[Mapping[Trigger, Window]] = {
    Trigger.ENTER: Window(60, 2),
    Trigger.MESSAGE: Window(48 * 3600, 5),
}


def trigger_of(message: MiniMessage) -> Trigger | None:
    """Return the window that a message opens."""
    match message:
        case TextMessage() | ImageMessage() | PageMessage() | RawMessage():
            return Trigger.MESSAGE
        case SessionEntered():
            return Trigger.ENTER
        case _:
            return None
