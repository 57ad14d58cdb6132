"""One door for all official accounts: from a delivery's bytes to the bytes that answer it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.channels.official import outbound
from bot.channels.official.account import OfficialAccount
from bot.channels.official.inbound import to_event
from bot.channels.official.messages import AuthorizationChanged, Head, MassFinished, Message, Unsubscribed
from bot.channels.official.quota import Windows, trigger_of
from bot.channels.official.reading import read_message
from bot.channels.turns import Turns
from bot.channels.wire.push import Door, Format, Push, open_push, seal, verify_url
from bot.dialogue.event import Event
from bot.dialogue.reply import Part, Reply
from bot.jobs.port import NewJob
from bot.kernel.clock import Clock
from bot.kernel.errors import Forbidden, NotFound
from bot.outside.logging import current_trace
from bot.storage.ephemeral_port import Ephemeral

_CONTENT_TYPES: Final = {Format.XML: "application/xml", Format.JSON: "application/json"}


@dataclass(frozen=True, slots=True)
class Response:
    """What to answer with status 200; the text is UTF-8."""

    content_type: str
    body: bytes


_SUCCESS: Final = Response("text/plain", outbound.SUCCESS)


class OfficialChannel:
    """Receives for every official account of the operator."""

    def __init__(
        self, accounts: Sequence[OfficialAccount], turns: Turns, windows: Windows, store: Ephemeral, clock: Clock
    ) -> None:
        """Raise Misconfigured for an account whose settings would leave its door open."""
        self._accounts = {account.key: (account, account.door()) for account in accounts}
        self._turns = turns
        self._windows = windows
        self._store = store
        self._clock = clock

    def verify(self, account: str, query: Mapping[str, str]) -> str:
        """Return the echostr of a GET verification; raise NotFound, Unauthorized or Forbidden."""
        _, door = self._account(account)
        return verify_url(door, query, self._clock.now())

    async def receive(self, account: str, query: Mapping[str, str], body: bytes, since: float) -> Response:
        """Answer one delivery that arrived at ``since`` (the clock's monotonic seconds).

        Raises a BotError of status 4xx for what is no message of WeChat's to this account, Busy while shutting down.
        """
        settings, door = self._account(account)
        now = self._clock.now()
        push = open_push(door, query, body, now)
        message = read_message(push.fields)
        _require_addressee(settings, message, query)
        if push.signed_by:
            await self._require_first_body(settings, door, push)
        trace_id = current_trace() or _trace_id(message.head, push.key)
        event = to_event(message, account=account, key=push.key, trace_id=trace_id)
        wire = OfficialWire(event, message, push, self._windows, self._clock)
        answer = await self._turns.answer(event, wire, since)
        if not answer:
            return _SUCCESS
        return Response(_CONTENT_TYPES[push.format], seal(door, push, answer, self._clock.now()))

    def _account(self, account: str) -> tuple[OfficialAccount, Door]:
        found = self._accounts.get(account)
        if found is None:
            raise NotFound("unknown_account")
        return found

    async def _require_first_body(self, settings: OfficialAccount, door: Door, push: Push) -> None:
        """Refuse a second body under a signature that covers none (wechat.md §5); the first one came from WeChat."""
        key = f"wechat:signed:{settings.key}:{push.signed_by}"
        first = await self._store.claim(key, push.key, 2 * door.window)
        if first is not None and first != push.key:
            raise Forbidden("signature_reused")


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


def _trace_id(head: Head, key: str) -> str:
    """Return an id that sorts by time and is the same for every delivery of a message, in whichever process."""
    return f"trc_{head.at:010x}{key[:16]}"


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
