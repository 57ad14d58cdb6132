"""Customers are written to when their complaints move on, in their own script; a round escalates overdue ones."""

import json
from collections.abc import Sequence
from datetime import timedelta

import pytest

from bot.cases import tickets
from bot.cases.book import waiting
from bot.cases.sla import Service
from bot.cases.tickets import Complaint, Ticket, Tickets
from bot.channels.official.outbound import unpacked
from bot.customers.identities import Identities
from bot.dialogue.reply import Text
from bot.jobs.port import Done, Job, NewJob
from bot.workers.tickets import TicketNews, ticket_rounds
from tests.cases.office import open_office
from tests.payments.world import World

OPENID = "oCustomer0000000000000000001"


class Rig:
    """The deliverer over a world, a customer with a ticket, and what it queued."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.office = open_office(world)
        self.queued: list[NewJob] = []
        self.identities = Identities(world.database, world.vault, world.clock)
        self.book = Tickets(world.database, world.vault, Service())
        self.deliverer = TicketNews(self.book, self.identities, self._enqueue, world.clock)

    async def _enqueue(self, jobs: Sequence[NewJob]) -> None:
        self.queued += jobs

    async def ticket(self, script: str = "zh_hans", channel: str = "official") -> Ticket:
        customer = await self.identities.recognise("official", "main", OPENID, script=script)
        complaint = Complaint(customer.id, channel, "main", "wrong_account", "D21", "trc_1", None, "电费", 12_850)
        return (await self.book.open(complaint, self.world.clock.now()))[0]

    async def tell(self, words: str = "核实中") -> None:
        (case,) = await waiting(self.world.database)
        await self.office.desk.tell(case.id, words, actor="Ann", vault=self.world.vault)

    async def deliver(self) -> list[str]:
        """Deliver the newest message about a ticket; return the texts that were queued."""
        row = await self.world.row(
            "SELECT * FROM outbox WHERE kind = $1 ORDER BY created_at DESC LIMIT 1", tickets.MESSAGE
        )
        job = Job(
            id=row["id"],
            kind=row["kind"],
            key=row["key"],
            dest=row["dest"],
            payload=json.loads(row["payload"]),
            trace_id=row["trace_id"],
            attempt=1,
            created_at=self.world.clock.now() if not self.old else self.world.clock.now() - timedelta(days=3),
        )
        assert isinstance(await self.deliverer.deliver(job), Done)
        parts = [unpacked(part) for queued in self.queued for part in queued.payload["parts"]]
        return [part.text for part in parts if isinstance(part, Text)]

    old = False


@pytest.fixture
def rig(world: World) -> Rig:
    return Rig(world)


@pytest.mark.parametrize(("script", "begin"), [("zh_hans", "工单 T"), ("zh_hant", "工單 T"), ("en", "Ticket T")])
async def test_what_the_desk_tells_is_written_in_the_customer_s_script(rig: Rig, script: str, begin: str) -> None:
    ticket = await rig.ticket(script)
    await rig.tell("核实中")

    (text,) = await rig.deliver()

    assert text.startswith(begin)
    assert ticket.number in text
    assert "核实中" in text
    assert rig.queued[0].dest.endswith("main")


async def test_its_end_is_written_too(rig: Rig) -> None:
    await rig.ticket()
    (case,) = await waiting(rig.world.database)
    await rig.office.decide(case, "close")

    assert "已办结" in (await rig.deliver())[0]


async def test_nobody_is_written_to_about_old_news_a_withdrawn_ticket_or_elsewhere(rig: Rig) -> None:
    ticket = await rig.ticket()
    await rig.tell()
    rig.old = True
    assert await rig.deliver() == []
    rig.old = False
    await rig.identities.set_reachable("official", "main", OPENID, False)
    assert await rig.deliver() == []
    await rig.identities.set_reachable("official", "main", OPENID, True)
    await rig.book.withdraw(ticket, rig.world.clock.now())
    assert await rig.deliver() == []


async def test_a_ticket_of_another_channel_is_left_to_it(rig: Rig) -> None:
    await rig.ticket(channel="mini")
    await rig.tell()

    assert await rig.deliver() == []


async def test_the_round_escalates_what_is_overdue_and_says_so(rig: Rig) -> None:
    ticket = await rig.ticket()
    (overdue,) = ticket_rounds(rig.world.database, rig.world.clock)
    assert await overdue.work() == 0

    rig.world.clock.advance((ticket.due_at - rig.world.clock.now()).total_seconds() + 60)

    assert await overdue.work() == 1
    assert await overdue.work() == 0
    assert "没能按时答复您" in (await rig.deliver())[0]
