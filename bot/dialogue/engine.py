"""The conversation's door: an event comes in, the turn is held, a reply goes out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bot.billers.catalogue import Catalogue
from bot.billers.codes import read_code
from bot.billers.port import Directory
from bot.customers.accounts import SavedAccounts
from bot.customers.identities import Identities
from bot.dialogue import cues
from bot.dialogue.acts import Act
from bot.dialogue.event import Event, Followed, Left, Noted, Pictured, Placed, Pressed, Said, Scanned
from bot.dialogue.reply import SILENCE, HandOff, Part, Reply, Text
from bot.dialogue.scene import Context, Orders, Scene
from bot.dialogue.session import Sessions, Slot, State
from bot.dialogue.talk import Said as Spoken
from bot.dialogue.talk import Say, Talk
from bot.kernel.clock import Clock
from bot.kernel.errors import BotError, NotFound
from bot.kernel.text import shorten
from bot.outside.logging import get_logger
from bot.storage.port import Database
from bot.trail.port import Trail
from bot.words.scripts import detect_script
from qrcodes.tokens import is_token

log = get_logger(__name__)

_PERSON: Final = timedelta(minutes=30)
_REMEMBERED: Final = 10
_LONG_NUMBER: Final = re.compile(r"\d{7,}")


@dataclass(frozen=True, slots=True)
class Parts:
    """What the engine is made of; each is a room of its own."""

    sessions: Sessions
    talk: Talk
    say: Say
    identities: Identities
    catalogue: Catalogue
    billers: Directory
    saved: SavedAccounts
    orders: Orders
    database: Database
    trail: Trail
    clock: Clock
    scenes: Mapping[str, Scene]
    merchants: Mapping[str, tuple[str, ...]]  # account key → the merchants it shows; empty for all.


class Engine:
    """Answers events of every channel alike."""

    def __init__(self, parts: Parts) -> None:
        self._p = parts

    async def answer(self, event: Event) -> Reply:
        """Return what to say; a trouble of ours is said in plain words and never as an exception."""
        if isinstance(event.what, Noted):
            return SILENCE
        if isinstance(event.what, Left):
            await self._p.identities.set_reachable(event.channel, event.account, event.subject, False)
            return SILENCE
        try:
            async with self._p.sessions.turn(event) as conversation:
                return await self._turn(conversation.state, event)
        except BotError as fault:
            log.warning("turn.failed", code=fault.code, trace_id=event.trace_id)
            code = "busy" if fault.retryable else "trouble"
            return Reply((Text(self._p.say(code, "zh_hans", {})),))

    async def _turn(self, state: State, event: Event) -> Reply:
        await self._recognise(state, event)
        context = self._context(state, event)
        what = event.what
        if isinstance(what, Said):
            return await self._said(state, context, what)
        state.person_until = None
        if isinstance(what, Followed):
            await self._p.identities.set_reachable(event.channel, event.account, event.subject, True)
            return self._reply(state, await self._p.talk.press(state, context, "welcome"), "welcome")
        if isinstance(what, Scanned):
            return await self._scanned(state, context, event, what)
        if isinstance(what, Pressed):
            return self._reply(state, await self._p.talk.press(state, context, what.key))
        if isinstance(what, Pictured):
            return Reply((Text(self._p.say("picture", state.script, {})),))
        assert isinstance(what, Placed), "happenings are a closed set"
        return SILENCE if not what.asked else Reply((Text(self._p.say("place", state.script, {})),))

    async def _said(self, state: State, context: Context, what: Said) -> Reply:
        script = detect_script(what.text)
        if script is not None and script.value != state.script:
            state.script = script.value
            await self._p.identities.set_script(state.customer_id, script.value)
        state.heard = [*state.heard, _LONG_NUMBER.sub("…", shorten(what.text, 100))][-_REMEMBERED:]
        if state.person_until is not None and context.at < state.person_until:
            if not cues.BACK.match(what.text.strip()):
                return SILENCE
            state.person_until = None
            return self._reply(state, await self._p.talk.press(state, context, "menu"))
        state.person_until = None
        return self._reply(state, await self._p.talk.hear(state, context, what.text), at=context)

    async def _scanned(self, state: State, context: Context, event: Event, what: Scanned) -> Reply:
        """Start what a code stands for; an unknown or stopped code leads to the menu, with the reason."""
        if what.first:
            await self._p.identities.set_reachable(event.channel, event.account, event.subject, True)
        verb, _, key = what.scene.partition("_")
        if verb in ("pay", "query") and key in self._p.scenes:
            return self._reply(state, await self._p.talk.start(state, context, Act(verb), key, {}))
        if verb == "q" and is_token(key):
            try:
                code = await read_code(self._p.database, key)
            except NotFound:
                return self._reply(state, await self._p.talk.press(state, context, "menu"), "code_unknown")
            if code.state == "active" and code.kind == "static" and code.item_id is not None:
                item = await self._p.catalogue.item(code.item_id)
                slots = {"item": Slot(item.id, "code")}
                if code.store_id is not None:
                    slots["store"] = Slot(code.store_id, "code")
                return self._reply(state, await self._p.talk.start(state, context, Act.PAY, item.scene, slots))
        lead = "welcome" if what.first else "code_unknown"
        return self._reply(state, await self._p.talk.press(state, context, "menu"), lead)

    async def _recognise(self, state: State, event: Event) -> None:
        if state.customer_id:
            return
        customer = await self._p.identities.recognise(event.channel, event.account, event.subject)
        state.customer_id, state.script = customer.id, customer.script

    def _context(self, state: State, event: Event) -> Context:
        return Context(
            customer_id=state.customer_id,
            channel=event.channel,
            account=event.account,
            trace_id=event.trace_id,
            at=self._p.clock.now(),
            merchants=self._p.merchants.get(event.account, ()),
            catalogue=self._p.catalogue,
            billers=self._p.billers,
            saved=self._p.saved,
            orders=self._p.orders,
            clock=self._p.clock,
        )

    def _reply(self, state: State, spoken: Spoken, lead: str = "", *, at: Context | None = None) -> Reply:
        """Join the words of a turn into one message, so that most answers fit into the passive reply."""
        texts = [self._p.say(lead, state.script, {})] if lead else []
        text = "\n\n".join([*texts, *spoken.texts])
        parts: list[Part] = [Text(text)] if text else []
        if spoken.hand_off:
            state.person_until = (at.at if at else self._p.clock.now()) + _PERSON
            parts.append(HandOff())
        return Reply(tuple(parts))
