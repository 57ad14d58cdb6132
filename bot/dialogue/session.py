"""The state of one conversation: sealed in the ephemeral store, read only under its lock, changed only by version."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from bot.billers.port import Found, Quote
from bot.dialogue.acts import Act, Understanding
from bot.dialogue.event import Event
from bot.dialogue.keeping import Keeper
from bot.dialogue.looking_back import Page
from bot.dialogue.steps import Option
from bot.kernel.clock import Clock
from bot.kernel.errors import Busy
from bot.kernel.ids import random_text
from bot.storage.ephemeral_port import Ephemeral, Versioned
from bot.storage.vault import Undecipherable, Vault

STATE_SECONDS: Final = 1800.0
FRAME_LIFE: Final = timedelta(minutes=20)
LOCK_SECONDS: Final = 6.0
# About three and a half seconds, less than the channel's deadline.
_WAITS: Final = (0.02, 0.03, 0.05, 0.08, *[0.12] * 28)
_CONTEXT: Final = "dialogue.state"


@dataclass(slots=True)
class Slot:
    """A value and who said it: the customer, a saved account, a scanned code, or nobody since there is no choice."""

    value: str
    source: Literal["customer", "saved", "default", "code"] = "customer"


@dataclass(slots=True)
class Awaiting:
    """What the last message asked for."""

    slot: str
    kind: Literal["text", "amount", "field", "choice", "confirm", "document"]
    options: list[Option] = field(default_factory=list)
    several: bool = False
    free: Literal["", "amount", "field", "document"] = ""


@dataclass(slots=True)
class Frame:
    """One piece of business under way; a digression lies on top of it.

    ``heard`` holds values that the router picked out of a sentence and no step has checked yet, ``tried`` the slots
    of a look-up that found nothing. ``anew`` says that the customer wants another account than the saved one,
    ``unsaved`` that what is typed now is not to be remembered.
    """

    scene: str
    act: Act
    expires_at: datetime
    slots: dict[str, Slot] = field(default_factory=dict)
    heard: dict[str, str] = field(default_factory=dict)
    tried: dict[str, Slot] = field(default_factory=dict)
    awaiting: Awaiting | None = None
    retries: int = 0
    anew: bool = False
    unsaved: bool = False
    found: Found | None = None
    quote: Quote | None = None

    def get(self, name: str) -> str | None:
        slot = self.slots.get(name)
        return slot.value if slot else None

    def drop(self, *names: str) -> None:
        """Empty some slots; whatever was priced from them is void."""
        for name in names:
            self.slots.pop(name, None)
        self.quote = None


@dataclass(slots=True)
class State:
    """Everything that is remembered between two messages of one customer."""

    customer_id: str = ""
    script: str = "zh_hans"
    large: bool = False  # Large type, few words and a person first.
    frames: list[Frame] = field(default_factory=list)
    waiting: list[Understanding] = field(default_factory=list)
    held: dict[str, str] = field(default_factory=dict)  # What was said along with a wish whose menu is open.
    page: Page | None = None  # How far a list of payments was shown.
    menu: Awaiting | None = None  # Choices offered outside any frame, as long as nothing was asked after them.
    failures: int = 0
    give_ups: int = 0
    person_until: datetime | None = None
    transcript: list[tuple[str, str]] = field(default_factory=list)  # Who and what, masked, for a person.
    seen_at: datetime | None = None


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(State)


class Conversation:
    """One turn's hold on a conversation: ``state`` may be changed until the turn ends."""

    def __init__(self, state: State) -> None:
        self.state = state


class Sessions:
    """Opens conversations one turn at a time: the lock first, then the state (aiogram's bug #1317)."""

    def __init__(self, store: Ephemeral, vault: Vault, clock: Clock) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock
        self._keeper = Keeper(store, clock, LOCK_SECONDS)

    @asynccontextmanager
    async def turn(self, event: Event) -> AsyncIterator[Conversation]:
        """Hold the conversation of an event's customer; raises Busy when an earlier turn will not end.

        The state is stored when the block ends well; when the lock was lost meanwhile nothing is stored and Busy
        is raised, so that two turns can never both write.
        """
        key = self._vault.blind(f"{event.channel}:{event.account}:{event.subject}", _CONTEXT)
        lock, name, owner = f"{{dlg:{key}}}:lock", f"{{dlg:{key}}}:state", random_text(16)
        opened = await self._open(lock, name, owner)
        self._keeper.hold(lock, owner)
        try:
            conversation = Conversation(self._unpacked(opened))
            yield conversation
            packed = self._packed(conversation.state)
            if not await self._store.shut(lock, owner, name, packed, opened.version, STATE_SECONDS):
                raise Busy("conversation_lost")
        except BaseException:
            await asyncio.shield(self._store.release(lock, owner))
            raise
        finally:
            self._keeper.drop(owner)

    async def _open(self, lock: str, name: str, owner: str) -> Versioned:
        for wait in _WAITS:
            opened = await self._store.open(lock, name, owner, LOCK_SECONDS)
            if opened is not None:
                return opened
            await self._clock.sleep(wait)
        raise Busy("conversation_busy")

    def _packed(self, state: State) -> bytes:
        return self._vault.seal(_ENCODER.encode(state).decode(), _CONTEXT)

    def _unpacked(self, opened: Versioned) -> State:
        if opened.value is None:
            return State()
        try:
            return _DECODER.decode(self._vault.open(opened.value, _CONTEXT))
        except (msgspec.MsgspecError, Undecipherable):
            # A release changed the shape, or a key was retired; a customer who starts anew is better than a stuck one.
            return State()
