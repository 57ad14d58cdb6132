"""The windows in which customer-service messages may be sent: what opens one, how long it lasts, what it holds."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.channels.official.messages import (
    ImageMessage,
    LinkMessage,
    LocationMessage,
    MenuClicked,
    MenuScanned,
    Message,
    RawMessage,
    ScannedCode,
    Subscribed,
    TextMessage,
    VideoMessage,
    VoiceMessage,
)
from bot.storage.ephemeral_port import Ephemeral


class Trigger(StrEnum):
    """What a customer did that opens a window (客服消息下发规则)."""

    CLICK = "click"
    FOLLOW = "follow"
    SCAN = "scan"
    MESSAGE = "message"
    PAID = "paid"
    ENTER = "enter"


@dataclass(frozen=True, slots=True)
class Window:
    """``seconds`` is its length from the trigger on, ``messages`` how many it holds; None is without limit."""

    seconds: int
    messages: int | None


_MINUTE: Final = 60
_TWO_DAYS: Final = 48 * 3600

# In the order of use: what is lost soonest is spent first.
WINDOWS: Final[Mapping[Trigger, Window]] = {
    Trigger.CLICK: Window(_MINUTE, 3),
    Trigger.FOLLOW: Window(_MINUTE, 3),
    Trigger.SCAN: Window(_MINUTE, 3),
    Trigger.PAID: Window(_TWO_DAYS, None),
    Trigger.MESSAGE: Window(_TWO_DAYS, 5),
}


class Room(StrEnum):
    """Whether a message may be sent now; UNKNOWN where nothing was noted, so that only WeChat can tell."""

    YES = "yes"
    USED_UP = "used_up"
    UNKNOWN = "unknown"


def trigger_of(message: Message) -> Trigger | None:
    """Return the window that a message opens; a tapped msgmenu entry counts as a menu click."""
    match message:
        case TextMessage(menu_id=str() as menu_id) if menu_id:
            return Trigger.CLICK
        case TextMessage() | ImageMessage() | VoiceMessage() | VideoMessage() | LocationMessage() | LinkMessage():
            return Trigger.MESSAGE
        case RawMessage():
            return Trigger.MESSAGE
        case MenuClicked() | MenuScanned():
            return Trigger.CLICK
        case Subscribed():
            return Trigger.FOLLOW
        case ScannedCode():
            return Trigger.SCAN
        case _:
            return None


class Windows:
    """Counts what was sent in each window, in the ephemeral store.

    It is a model that spares vain calls, never an authority: WeChat's own answer 45015 or 45047 is. A lost store
    makes every customer UNKNOWN, and the next message is simply tried.
    """

    def __init__(
        self, store: Ephemeral, windows: Mapping[Trigger, Window] = WINDOWS, *, channel: str = "wechat"
    ) -> None:
        """``windows`` are those of one kind of app, whose keys begin with ``channel``."""
        self._store = store
        self._windows = windows
        self._channel = channel

    async def note(self, account: str, openid: str, trigger: Trigger) -> None:
        """Open a window from now on; what was spent in an earlier one of its kind no longer counts."""
        name = secrets.token_hex(6).encode()
        await self._store.put(self._key(account, openid, trigger), name, self._windows[trigger].seconds)

    async def forget(self, account: str, openid: str) -> None:
        """Close every window: the customer left."""
        for trigger in self._windows:
            await self._store.drop(self._key(account, openid, trigger))

    async def spend(self, account: str, openid: str) -> Room:
        """Take room for one message; a message that then is not sent has still taken it, as a margin."""
        room = Room.UNKNOWN
        for trigger, window in self._windows.items():
            key = self._key(account, openid, trigger)
            name = await self._store.get(key)
            if name is None:
                continue
            # The count carries the name of the window, so a new one begins at nothing.
            counter = f"{key}:{name.decode()}"
            if window.messages is None or await self._store.allow(counter, window.messages, window.seconds):
                return Room.YES
            room = Room.USED_UP
        return room

    def _key(self, account: str, openid: str, trigger: Trigger) -> str:
        return f"{self._channel}:window:{account}:{openid}:{trigger}"
