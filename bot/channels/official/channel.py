"""One door for all official accounts: from a delivery's bytes to the bytes that answer it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.channels.official import outbound
from bot.channels.official.account import OfficialAccount
from bot.channels.official.inbound import to_event
from bot.channels.official.messages import AuthorizationChanged, Head, MassFinished, Message, Unsubscribed
from bot.channels.official.quota import Windows, trigger_of
from bot.channels.official.reading import read_message
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


class OfficialChannel:
    """Receives for every official account of the operator."""

    def __init__(
        self, accounts: Sequence[OfficialAccount], turns: Turns, windows: Windows, store: Ephemeral, clock: Clock
    ) -> None:
        """Raise Misconfigured for an account whose settings would leave its door open."""
        self._reception = Reception(accounts, store)
        self._turns = turns
        self._windows = windows
        self._clock = clock

    def verify(self, account: str, query: Mapping[str, str]) -> str:
        """Return the echostr of a GET verification; raise NotFound, Unauthorized or Forbidden."""
        return self._reception.verify(account, query, self._clock.now())

    async def receive(self, account: str, query: Mapping[str, str], body: bytes, since: float) -> Response:
        """Answer one delivery that arrived at ``since`` (the clock's monotonic seconds).

        Raises a BotError of status 4xx for what is no message of WeChat's to this account, Busy while shutting down.
        """
        settings, door = self._reception.find(account)
        now = self._clock.now()
        push = open_push(door, query, body, now)
        message = read_message(push.fields)
        _require_addressee(settings, message, query)
        if push.signed_by:
            await self._reception.require_first_body(settings, door, push)
        trace_id = current_trace() or trace_of(message.head.at, push.key)
        event = to_event(message, account=account, key=push.key, trace_id=trace_id)
        wire = OfficialWire(event, message, push, self._windows, self._clock)
        answer = await self._turns.answer(event, wire, since)
        return answered(door, push, answer, self._clock.now())


class OfficialWire:
    """Implements turns.Wire for the reply to one message."""

    __slots__ = ("_clock", "_event", "_message", "_push", "_windows")

    def __init__(self, event: Event, message: Message, push: Push, windows: Windows, clock: Clock) -> None:
        self._event = event
        self._message = message
        self._push = push
        self._windows = windows
        self._clock = clock

    def prepare(self, reply: Reply) -> Sequence[Part]:
        # Nobody is there to read an answer to an unsubscription.
        return () if isinstance(self._message, Unsubscribed) else outbound.prepare(reply)

    def first_and_rest(self, parts: Sequence[Part]) -> tuple[Part | None, Sequence[Part]]:
        return outbound.first_and_rest(parts)

    def response(self, part: Part) -> bytes:
        return outbound.passive(part, self._message.head, self._push.format, self._clock.now())

    def job(self, parts: Sequence[Part], key: str, due_at: datetime | None) -> NewJob:
        event = self._event
        return outbound.custom_job(event.account, event.subject, parts, key=key, trace_id=event.trace_id, due_at=due_at)

    async def after(self) -> None:
        """Note the window that the message opened, or that the customer closed all of them."""
        event = self._event
        if isinstance(self._message, Unsubscribed):
            await self._windows.forget(event.account, event.subject)
            return
        trigger = trigger_of(self._message)
        if trigger is not None:
            await self._windows.note(event.account, event.subject, trigger)


def _require_addressee(settings: OfficialAccount, message: Message, query: Mapping[str, str]) -> None:
    """Refuse a message to another account, or one whose URL names another customer than its body."""
    head: Head = message.head
    if settings.original_id and head.to != settings.original_id:
        raise Forbidden("other_account")
    # These are written by WeChat's own services, whose name need not be the one in the URL.
    if isinstance(message, AuthorizationChanged | MassFinished):
        return
    openid = query.get("openid", "")
    if openid and openid != head.sender:
        raise Forbidden("other_openid")
