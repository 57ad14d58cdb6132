"""Looks after the saved accounts of who asked to be reminded, and tells each of a bill once before it is due."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from bot.billers.catalogue import Catalogue
from bot.billers.port import Bill, BillQuery, Directory, Found, Later
from bot.channels.official import outbound
from bot.channels.official.inbound import CHANNEL
from bot.customers.identities import Identities
from bot.customers.reminders import JOB, BillDue, DueAccount, Reminders
from bot.dialogue.reply import Part, Text
from bot.jobs.port import Again, Dead, Deliverer, Done, Job
from bot.kernel.clock import SHANGHAI, Clock, business_day
from bot.kernel.errors import NotFound
from bot.kernel.ids import new_id
from bot.outside.logging import get_logger
from bot.words.render import render_message
from bot.workers.rounds import Round

log = get_logger(__name__)

# Nobody is told of a bill at night, in Shanghai.
_TOLD_FROM, _TOLD_UNTIL = time(8, 0), time(22, 0)
_TAKEN: Final = 50
_EVERY: Final = 60.0
# One look holds an account for this long; a worker that falls meanwhile costs no more.
_LEASE: Final = timedelta(minutes=10)
_DAILY: Final = timedelta(days=1)
_SOON: Final = timedelta(hours=1)
_WEEKLY: Final = timedelta(days=7)
# Of an account that owes more, the rest is told another day.
_BILLS_MOST: Final = 3
_TRIES_MOST: Final = 6


def quiet(now: datetime) -> float:
    """Return the seconds until people may be written to again; 0 when they may be now."""
    local = now.astimezone(SHANGHAI)
    if _TOLD_FROM <= local.time() < _TOLD_UNTIL:
        return 0.0
    day = local.date() if local.time() < _TOLD_FROM else local.date() + timedelta(days=1)
    return (datetime.combine(day, _TOLD_FROM, SHANGHAI).astimezone(UTC) - now).total_seconds()


class ReminderScan:
    """Asks the billers of due accounts what is owed, a bounded page at a time."""

    def __init__(
        self, reminders: Reminders, catalogue: Catalogue, directory: Directory, clock: Clock, days_before: int
    ) -> None:
        self._reminders = reminders
        self._catalogue = catalogue
        self._directory = directory
        self._clock = clock
        self._days = days_before

    async def round(self) -> int:
        """Look at one page of accounts; nothing is looked at while nobody may be told."""
        if quiet(self._clock.now()):
            return 0
        found = await self._reminders.due(_TAKEN)
        for due in found:
            if await self._reminders.take(due, self._clock.now() + _LEASE):
                await self._look(due)
        return len(found)

    async def _look(self, due: DueAccount) -> None:
        trace_id = new_id("trc", self._clock.now())
        pause = await self._told(due, trace_id)
        await self._reminders.look_again(due, self._clock.now() + pause)

    async def _told(self, due: DueAccount, trace_id: str) -> timedelta:
        """Note what is due of one account; return how long it may rest."""
        saved = due.saved
        try:
            item = await self._catalogue.item(saved.item_id)
            biller = await self._directory.biller(saved.item_id)
        except NotFound:
            return _WEEKLY
        answer = await biller.find(BillQuery(saved.item_id, saved.account, saved.fields, trace_id=trace_id))
        if isinstance(answer, Later):
            return _SOON
        if not isinstance(answer, Found):
            return _WEEKLY
        bills = [_due(bill) for bill in answer.bills if self._near(bill, business_day(self._clock.now()))]
        new = await self._reminders.note(due, bills[:_BILLS_MOST], item.name, trace_id) if bills else 0
        if new:
            log.info("reminders.noted", item=item.id, count=new, trace_id=trace_id)
        return _DAILY

    def _near(self, bill: Bill, today: date) -> bool:
        """Tell whether a bill is to be told of: owed, in nobody's payment, and due within the days agreed."""
        near = bill.due_on is None or bill.due_on - today <= timedelta(days=self._days)
        return bill.total > 0 and bill.held_by is None and near


def _due(bill: Bill) -> BillDue:
    return BillDue(bill.bill_no, bill.period or "", bill.title, bill.total, bill.due_on)


def reminder_rounds(scan: ReminderScan, every: float = _EVERY) -> Sequence[Round]:
    """Return the round of reminders; ``every`` is in seconds."""
    return (Round("reminders", every, scan.round, full=_TAKEN),)


class ReminderDeliverer:
    """Sends one reminder through the channel's own deliverer, and writes down where that was not possible.

    A customer who has not written for long cannot be written to (48 hours, channels/official/quota); that is no fault
    of anybody's, so it ends as ``unsent`` and on no desk.
    """

    kind = JOB

    def __init__(self, reminders: Reminders, identities: Identities, channel: Deliverer, clock: Clock) -> None:
        self._reminders = reminders
        self._identities = identities
        self._channel = channel
        self._clock = clock

    async def deliver(self, job: Job) -> Done | Again | Dead:
        """Answer Again through the night; one that was stopped or told already needs nothing."""
        told = job.payload
        reminder_id, customer_id = told["reminder_id"], told["customer_id"]
        if not await self._reminders.waits(reminder_id):
            return Done()
        if not await self._reminders.wanted(customer_id):
            await self._reminders.end(reminder_id, "dropped", "stopped")
            return Done()
        wait = quiet(self._clock.now())
        if wait:
            return Again("quiet_hours", wait)
        answer = await self._send(job)
        match answer:
            case Done():
                await self._reminders.end(reminder_id, "sent")
            case Dead():
                await self._reminders.end(reminder_id, "unsent", answer.reason)
            case Again():
                if job.attempt < _TRIES_MOST:
                    return answer
                await self._reminders.end(reminder_id, "unsent", answer.reason)
        return Done()

    async def _send(self, job: Job) -> Done | Again | Dead:
        told = job.payload
        if told["channel"] != CHANNEL:
            return Dead("no_channel", to_desk=False)
        address = await self._identities.address(told["customer_id"], told["channel"], told["account"])
        if address is None:
            return Dead("unreachable", to_desk=False)
        names = ("item", "mask", "called", "title", "amount", "due_on")
        text = render_message("reminder", address.script, **{name: told[name] for name in names})
        parts: list[Part] = [Text(text)]
        message = outbound.custom_job(
            address.account, address.subject, parts, key=f"{JOB}:{job.key}", trace_id=job.trace_id
        )
        sent = Job(
            job.id, message.kind, message.key, message.dest, message.payload, job.trace_id, job.attempt, job.created_at
        )
        return await self._channel.deliver(sent)
