"""The conversation's door: an event comes in, the turn is held, a reply goes out."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bot.billers.catalogue import Catalogue
from bot.billers.codes import read_code
from bot.billers.port import Directory
from bot.customers.accounts import SavedAccounts
from bot.customers.identities import Identities
from bot.customers.reminders import Reminders
from bot.dialogue import cues
from bot.dialogue.acts import Act, Heard
from bot.dialogue.event import Event, Followed, Happening, Left, Noted, Pictured, Placed, Pressed, Said, Scanned
from bot.dialogue.fallback import Doubts
from bot.dialogue.pictures import Pictures
from bot.dialogue.reply import SILENCE, HandOff, Part, Reply, Text
from bot.dialogue.scene import Applications, Context, Deductions, Lookups, Orders, Scene
from bot.dialogue.session import Sessions, Slot, State
from bot.dialogue.steps import Option
from bot.dialogue.talk import Talk
from bot.dialogue.turn import Say, Turn, masked, outline
from bot.kernel.clock import Clock
from bot.kernel.errors import BotError, NotFound
from bot.outside.logging import get_logger
from bot.storage.port import Database
from bot.trail.port import Trail
from bot.words.scripts import Script, detect_script
from qrcodes.tokens import is_token

log = get_logger(__name__)

# How long a person has the conversation to themselves, counted from the hand-off.
PERSON: Final = timedelta(minutes=30)
_REMEMBERED: Final = 20
# A customer's message is never longer than this to us.
_READ_MAX: Final = 600
_NAME: Final = re.compile(r"[\u4e00-\u9fff·]{2,4}")
_NAME_MAX: Final = 6
_PERSONAL: Final = frozenset({"field", "text"})


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
    reminders: Reminders
    orders: Orders
    deductions: Deductions
    lookups: Lookups
    applications: Applications
    database: Database
    trail: Trail
    clock: Clock
    scenes: Mapping[str, Scene]
    merchants: Mapping[str, tuple[str, ...]]  # account key → the merchants it shows; empty for all.
    pictures: Pictures | None = None  # None: pictures are not looked at.
    doubts: Doubts | None = None  # None: nobody is asked what the router does not understand.


class Engine:
    """Answers events of every channel alike."""

    def __init__(self, parts: Parts) -> None:
        self._p = parts
        parts.talk.also({"see": self._see})

    async def answer(self, event: Event) -> Reply:
        """Return what to say; a trouble of ours is said in plain words and never as an exception."""
        if isinstance(event.what, Noted):
            return SILENCE
        if isinstance(event.what, Left):
            await self._reachable(event, False)
            return SILENCE
        try:
            async with self._p.sessions.turn(event) as conversation:
                return await self._turn(conversation.state, event)
        except BotError as fault:
            log.warning("turn.failed", code=fault.code, trace_id=event.trace_id)
            code = "busy" if fault.retryable else "trouble"
            self._p.trail.note(event.trace_id, "reply", code, {"fault": fault.code})
            return Reply((Text(self._p.say(code, _script_of(event), {})),))

    async def _turn(self, state: State, event: Event) -> Reply:
        await self._recognise(state, event)
        what = event.what
        if isinstance(what, Followed) or (isinstance(what, Scanned) and what.first):
            await self._reachable(event, True)
        turn = Turn(state, self._context(state, event), self._p.say)
        if isinstance(what, Said):
            await self._said(turn, event, what)
            return self._reply(turn, event)
        self._note(event, f"pressed: {masked(what.key)}" if isinstance(what, Pressed) else type(what).__name__.lower())
        if isinstance(what, Pictured | Placed):
            await self._shown(turn, what)
        else:
            state.person_until = None
            await self._done(turn, what)
        return self._reply(turn, event)

    async def _said(self, turn: Turn, event: Event, what: Said) -> None:
        state, text = turn.state, what.text[:_READ_MAX]
        if what.by == "voice" and not text.strip():
            # Speech whose recognition is switched off, or came to nothing.
            self._note(event, "voice: (nothing recognised)")
            if not self._person_answers(turn):
                await self._p.talk.remark(turn, "voice_unclear")
            return
        heard = self._p.talk.understand(text)
        told = _masked(state, text, heard)
        self._note(event, f"{what.by}: {told}")
        await self._follow_script(state, text)
        if self._person_answers(turn):
            if not cues.BACK.match(cues.simple(text)):
                return
            state.person_until = None
            await self._p.talk.come_back(turn)
            return
        state.person_until = None
        if self._p.doubts is not None and not state.frames and told == masked(text):
            # Only outside any business, where no answer with a name or a number is awaited.
            heard = await self._p.doubts.settled(text, heard)
        # Before the turn, so that a case that it opens holds these words too; their answer's place is known after.
        state.transcript.append(("customer", told))
        await self._p.talk.hear(turn, text, heard)
        if turn.took:
            state.transcript[-1] = ("customer", f"({turn.took})")

    async def _shown(self, turn: Turn, what: Pictured | Placed) -> None:
        """Answer a picture or a place, unless it was for a person's eyes or only reported by the phone."""
        if self._person_answers(turn):
            return
        if isinstance(what, Pictured):
            # A paper that was asked for is an answer; any other picture is looked at as such.
            if not await self._p.talk.take_paper(turn, what.media_id):
                await self._looked_at(turn, what.media_id)
        elif what.asked:
            await self._p.talk.remark(turn, "place")

    async def _looked_at(self, turn: Turn, media_id: str) -> None:
        """Start what the codes in a picture stand for, or say why nothing is started."""
        if self._p.pictures is None:
            await self._p.talk.remark(turn, "picture")
            return
        seen = await self._p.pictures.look(turn.context, media_id)
        if not seen.things:
            await self._p.talk.remark(turn, seen.trouble)
        elif len(seen.things) == 1:
            await self._start(turn, seen.things[0].kind, seen.things[0].key, seen.things[0].value)
        else:
            await self._p.talk.offer(turn, "picture_which", [Option(each.choice, each.label) for each in seen.things])

    async def _see(self, turn: Turn, rest: str) -> None:
        """Start the one of several things in a picture that was chosen."""
        kind, _, more = rest.partition(":")
        key, _, value = more.partition(":")
        await self._start(turn, kind, key, value)

    async def _start(self, turn: Turn, kind: str, key: str, value: str) -> None:
        if kind == "token":
            await self._scanned(turn, Scanned(f"q_{key}"))
            return
        try:
            item = await self._p.catalogue.item(key)
        except NotFound:
            await self._p.talk.welcome(turn, "code_unknown")
            return
        slots = {"item": Slot(item.id, "code"), "account": Slot(value)}
        await self._p.talk.start(turn, Act.QUERY, item.scene, slots)

    async def _done(self, turn: Turn, what: Happening) -> None:
        """Answer what the customer did besides writing."""
        if isinstance(what, Followed):
            await self._p.talk.welcome(turn, "welcome")
        elif isinstance(what, Scanned):
            await self._scanned(turn, what)
        else:
            assert isinstance(what, Pressed), "happenings are a closed set"
            await self._p.talk.press(turn, what.key)

    async def _scanned(self, turn: Turn, what: Scanned) -> None:
        """Start what a code stands for; an unknown or stopped code leads to the menu, with the reason."""
        verb, _, key = what.scene.partition("_")
        if verb in ("pay", "query") and key in self._p.scenes:
            await self._p.talk.start(turn, Act(verb), key, {})
            return
        slots = await self._slots_of_code(key) if verb == "q" and is_token(key) else None
        if slots is not None:
            item = await self._p.catalogue.item(slots["item"].value)
            if item.scene in self._p.scenes:
                await self._p.talk.start(turn, Act.PAY, item.scene, slots)
                return
        await self._p.talk.welcome(turn, "welcome" if what.first and verb != "q" else "code_unknown")

    async def _slots_of_code(self, token: str) -> dict[str, Slot] | None:
        """Return the item and store of an active static code; None for any other."""
        try:
            code = await read_code(self._p.database, token)
        except NotFound:
            return None
        if code.state != "active" or code.kind != "static" or code.item_id is None:
            return None
        slots = {"item": Slot(code.item_id, "code")}
        return slots if code.store_id is None else {**slots, "store": Slot(code.store_id, "code")}

    async def _follow_script(self, state: State, text: str) -> None:
        """Answer in the script of what was written; a name or a number that was asked for says nothing about it."""
        script = None if _personal(state) and len(text) <= _NAME_MAX else detect_script(text)
        if script is not None and script.value != state.script:
            state.script = script.value
            await self._p.identities.set_script(state.customer_id, script.value)

    async def _recognise(self, state: State, event: Event) -> None:
        if not state.customer_id:
            customer = await self._p.identities.recognise(event.channel, event.account, event.subject)
            state.customer_id, state.script, state.large = customer.id, customer.script, customer.large

    async def _reachable(self, event: Event, reachable: bool) -> None:
        await self._p.identities.set_reachable(event.channel, event.account, event.subject, reachable)

    def _person_answers(self, turn: Turn) -> bool:
        until = turn.state.person_until
        return until is not None and turn.context.at < until

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
            customers=self._p.identities,
            saved=self._p.saved,
            reminders=self._p.reminders,
            orders=self._p.orders,
            deductions=self._p.deductions,
            lookups=self._p.lookups,
            applications=self._p.applications,
        )

    def _reply(self, turn: Turn, event: Event) -> Reply:
        """Join the words of a turn into one message, so that most answers fit into the passive reply."""
        text = _joined(turn.texts)
        parts: list[Part] = [Text(text)] if text else []
        if turn.hand_off:
            turn.state.person_until = turn.context.at + PERSON
            parts.append(HandOff())
        if turn.codes:
            turn.state.transcript.append(("bot", " ".join(turn.codes)))
        turn.state.transcript = turn.state.transcript[-_REMEMBERED:]
        if turn.placed is not None:
            facts = {"order": turn.placed.id, "amount": turn.placed.amount}
            self._p.trail.note(event.trace_id, "order", turn.placed.title, facts)
        self._p.trail.note(event.trace_id, "reply", outline(text, turn.personal) or "silence", {"messages": turn.codes})
        return Reply(tuple(parts))

    def _note(self, event: Event, title: str) -> None:
        """Note that something came in."""
        self._p.trail.note(event.trace_id, "webhook", title, {"channel": event.channel, "account": event.account})


def _masked(state: State, text: str, heard: Heard) -> str:
    """Return words as they may be written down: not at all where a name or number was asked for or may stand."""
    if _personal(state) or (heard.first.act is Act.OOS and _NAME.fullmatch(text.strip())):
        return f"({len(text)} characters)"
    return masked(text)


def _personal(state: State) -> bool:
    """Tell whether a name or a number was asked for last."""
    awaiting = state.frames[-1].awaiting if state.frames else None
    return awaiting is not None and (awaiting.kind in _PERSONAL or awaiting.free == "field")


def _joined(texts: Sequence[str]) -> str:
    """Return texts as paragraphs; what ends in a colon leads straight on to what follows."""
    joined = "".join(text + ("\n" if text.endswith(("：", ":")) else "\n\n") for text in texts)
    return joined.rstrip("\n")


def _script_of(event: Event) -> str:
    """Return the script of the message itself, for when its conversation cannot be opened."""
    script = detect_script(event.what.text) if isinstance(event.what, Said) else None
    return (script or Script.ZH_HANS).value
