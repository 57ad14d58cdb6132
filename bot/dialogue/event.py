"""What happened in a conversation, in words that belong to no channel."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class Said:
    """The customer wrote or spoke; speech arrives as the channel's recognition text."""

    text: str
    by: Literal["text", "voice", "choice"] = "text"


@dataclass(frozen=True, slots=True)
class Pressed:
    """A menu entry or button with this key."""

    key: str


@dataclass(frozen=True, slots=True)
class Scanned:
    """One of our parametric codes; ``first`` when the scan is what made the customer follow."""

    scene: str
    first: bool = False


@dataclass(frozen=True, slots=True)
class Followed:
    """Subscribed to the account without a code."""


@dataclass(frozen=True, slots=True)
class Left:
    """Unsubscribed: nothing may be sent any more."""


@dataclass(frozen=True, slots=True)
class Pictured:
    """Sent a picture; it is fetched only from the channel's own media store."""

    media_id: str
    url: str


@dataclass(frozen=True, slots=True)
class Placed:
    """Sent or reported a place, in degrees."""

    latitude: str
    longitude: str
    asked: bool


@dataclass(frozen=True, slots=True)
class Noted:
    """Something that the channel reports and no customer said (a send result, a grant); needs no answer."""

    kind: str
    facts: Mapping[str, str]


Happening = Said | Pressed | Scanned | Followed | Left | Pictured | Placed | Noted


@dataclass(frozen=True, slots=True)
class Event:
    """One happening, who it came from and where the answer goes.

    ``key`` is equal for redeliveries of one message and different for all else. ``account`` is the operator's own
    key of the official account or mini-program (the ``{account}`` of its URL); ``subject`` is the customer's openid.
    """

    key: str
    channel: str
    account: str
    subject: str
    at: datetime
    trace_id: str
    what: Happening
