"""Writes to customers how their applications stand, at each step that somebody else has made."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from bot.cases.applications import rows
from bot.cases.applications.book import Applications
from bot.cases.applications.moving import NOTICE
from bot.channels.official import outbound
from bot.channels.official.inbound import CHANNEL
from bot.customers.identities import Identities
from bot.dialogue.reply import Part, Text
from bot.jobs.port import Done, Job, NewJob
from bot.storage.port import Database
from bot.words.render import render_message

Enqueue = Callable[[Sequence[NewJob]], Awaitable[None]]

_CODE: Final = "application_notice"


class ApplicationNotice:
    """Turns an ``application.notice`` job into a message of the channel from which the application came."""

    kind = NOTICE

    def __init__(
        self, database: Database, identities: Identities, enqueue: Enqueue, applications: Applications
    ) -> None:
        self._database = database
        self._identities = identities
        self._enqueue = enqueue
        self._applications = applications

    async def deliver(self, job: Job) -> Done:
        """Queue the message; a customer that nobody can write to needs none."""
        row = await self._database.row(rows.GET, job.payload["application_id"])
        if row is None or row["channel"] != CHANNEL:
            return Done()
        address = await self._identities.address(row["customer_id"], row["channel"], row["account"])
        if address is None:
            return Done()
        text = render_message(
            _CODE,
            address.script,
            number=row["number"],
            title=self._applications.title(row["kind"]),
            state=job.payload["state"],
            note=job.payload["note"],
        )
        parts: list[Part] = [Text(text)]
        key = f"{self.kind}:{job.key}"
        message = outbound.custom_job(address.account, address.subject, parts, key=key, trace_id=job.trace_id)
        await self._enqueue([message])
        return Done()
