"""Writes to customers when their complaints move on, and escalates those that nobody answered in time."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final

from bot.cases import tickets
from bot.cases.tickets import Entry, Ticket, Tickets
from bot.channels.official import outbound
from bot.channels.official.inbound import CHANNEL
from bot.customers.identities import Identities
from bot.dialogue.reply import Part, Text
from bot.jobs.port import Done, Job, NewJob
from bot.kernel.clock import Clock
from bot.storage.port import Database
from bot.words.render import render_message
from bot.workers.rounds import Round, each_of

Enqueue = Callable[[Sequence[NewJob]], Awaitable[None]]

_TAKEN: Final = 50
_EVERY: Final = 60.0
# WeChat lets us write without having been written to for two days; the ticket itself tells the rest.
_STALE: Final = timedelta(days=2)


def ticket_rounds(database: Database, clock: Clock, every: float = _EVERY) -> Sequence[Round]:
    """Return the round that escalates overdue complaints; ``every`` is in seconds."""

    async def escalate(ticket_id: str) -> None:
        await database.effect(lambda tx: tickets.escalate_in(tx, ticket_id, clock.now()))

    async def overdue() -> int:
        found = await tickets.overdue(database, clock.now(), _TAKEN)
        await each_of(found, escalate, at_once=1)
        return len(found)

    return (Round("overdue complaints", every, overdue, full=_TAKEN),)


class TicketNews:
    """Turns an entry of a ticket into a message to its customer."""

    kind = tickets.MESSAGE

    def __init__(self, book: Tickets, identities: Identities, enqueue: Enqueue, clock: Clock) -> None:
        self._book = book
        self._identities = identities
        self._enqueue = enqueue
        self._clock = clock

    async def deliver(self, job: Job) -> Done:
        """Queue the message; old news, and a customer who cannot be written to, need none."""
        ticket = await self._book.by_id(job.payload["ticket_id"])
        entry = _entry(ticket, job.payload["entry_id"])
        if ticket is None or entry is None or ticket.channel != CHANNEL:
            return Done()
        # A ticket that was withdrawn meanwhile is nothing to write about.
        if ticket.state == "withdrawn" or self._clock.now() - job.created_at > _STALE:
            return Done()
        address = await self._identities.address(ticket.customer_id, ticket.channel, ticket.account)
        if address is None:
            return Done()
        text = render_message("ticket_news", address.script, ticket=ticket, what=entry.what, words=entry.words)
        parts: list[Part] = [Text(text)]
        key = f"{self.kind}:{job.key}"
        message = outbound.custom_job(address.account, address.subject, parts, key=key, trace_id=job.trace_id)
        await self._enqueue([message])
        return Done()


def _entry(ticket: Ticket | None, entry_id: str) -> Entry | None:
    entries = ticket.entries if ticket is not None else ()
    return next((entry for entry in entries if entry.id == entry_id), None)
