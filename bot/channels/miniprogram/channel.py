"""One door for all mini-programs: from a delivery's bytes to the response, with the reply in the outbox."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from bot.channels.miniprogram.account import MiniProgram
from bot.channels.miniprogram.inbound import CHANNEL, to_event
from bot.channels.miniprogram.messages import SERVICES, MiniMessage
from bot.channels.miniprogram.outbound import first_and_rest
from bot.channels.miniprogram.quota import trigger_of
from bot.channels.miniprogram.reading import read_message
from bot.channels.official import outbound
from bot.channels.official.quota import Windows
from bot.channels.reception import Reception, Response, answered, trace_of
from bot.channels.turns import Turns
from bot.channels.wire.push import Push, open_push
from bot.dialogue.event import Event
from bot.dialogue.reply import Part, Reply
from bot.jobs.port import NewJob
from bot.kernel.clock import Clock
from bot.kernel.errors import Forbidden
from bot.outside.logging import current_trace
from bot.storage.ephemeral_port import Ephemeral

# Longer than any delivery of one message is let in, which is a window on each side of its timestamp.
_OPENED_TTL: Final = 1200.0


class MiniChannel:
    """Receives for every mini-program of the operator."""

    def __init__(
        self, programs: Sequence[MiniProgram], turns: Turns, windows: Windows, store: Ephemeral, clock: Clock
    ) -> None:
        """Raise Misconfigured for a mini-program whose settings would leave its door open."""
        self._reception = Reception(programs, store)
        self._turns = turns
        self._windows = windows
        self._store = store
        self._clock = clock

    def verify(self, account: str, query: Mapping[str, str]) -> str:
        """Return the echostr of a GET verification; raise NotFound, Unauthorized or Forbidden."""
        return self._reception.verify(account, query, self._clock.now())

    async def receive(self, account: str, query: Mapping[str, str], body: bytes, since: float) -> Response:
        """Answer one delivery that arrived at ``since`` (the clock's monotonic seconds).

        The response says ``success`` as soon as the reply stands in the outbox, so a crash before that brings the
        message again. Raises as OfficialChannel.receive does.
        """
        settings, door = self._reception.find(account)
        push = open_push(door, query, body, self._clock.now())
        message = read_message(push.fields)
        _require_addressee(settings, message, query)
        if push.signed_by:
            await self._reception.require_first_body(settings, door, push)
        await self._open_window(account, message, push)
        trace_id = current_trace() or trace_of(message.head.at, push.key)
        event = to_event(message, account=account, key=push.key, trace_id=trace_id)
        answer = await self._turns.answer(event, MiniWire(event, message, push, self._clock), since)
        return answered(door, push, answer, self._clock.now())

    async def _open_window(self, account: str, message: MiniMessage, push: Push) -> None:
        """Note the window before the reply is queued, for the outbox counts in it; a redelivery opens none anew."""
        trigger = trigger_of(message)
        if trigger is not None and await self._store.claim(f"mini:opened:{push.key}", "1", _OPENED_TTL) is None:
            await self._windows.note(account, message.head.sender, trigger)


class MiniWire:
    """Implements turns.Wire for the reply to one message."""

    __slots__ = ("_clock", "_event", "_message", "_push")

    def __init__(self, event: Event, message: MiniMessage, push: Push, clock: Clock) -> None:
        self._event = event
        self._message = message
        self._push = push
        self._clock = clock

    def prepare(self, reply: Reply) -> Sequence[Part]:
        return outbound.prepare(reply)

    def first_and_rest(self, parts: Sequence[Part]) -> tuple[Part | None, Sequence[Part]]:
        return first_and_rest(parts)

    def response(self, part: Part) -> bytes:
        return outbound.passive(part, self._message.head, self._push.format, self._clock.now())

    def job(self, parts: Sequence[Part], key: str, due_at: datetime | None) -> NewJob:
        event = self._event
        return outbound.custom_job(
            event.account, event.subject, parts, key=key, trace_id=event.trace_id, due_at=due_at, channel=CHANNEL
        )

    async def after(self) -> None:
        """Nothing is left to do: the window was noted when the message came."""


def _require_addressee(settings: MiniProgram, message: MiniMessage, query: Mapping[str, str]) -> None:
    """Refuse a message to another app, or one whose URL names another customer than its body."""
    if settings.original_id and message.head.to != settings.original_id:
        raise Forbidden("other_account")
    openid = query.get("openid", "")
    if openid and openid != message.head.sender and not isinstance(message, SERVICES):
        raise Forbidden("other_openid")
