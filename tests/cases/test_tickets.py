"""The book of complaints on both engines: one a wish and order, with a clock, progress, an end, and no strangers."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from bot.cases import invariants, tickets
from bot.cases.book import Case, waiting
from bot.cases.sla import Service
from bot.cases.tickets import Complaint, Ticket, Tickets
from bot.kernel.errors import Conflict, NotFound
from bot.ledger import invariants as ledger
from tests.cases.office import Office, open_office
from tests.payments.world import World

ABOUT = Complaint("cus-1", "official", "main", "wrong_account", "D21", "trc_1", None, "电费", 12_850)


@pytest.fixture
def office(world: World) -> Office:
    return open_office(world)


@pytest.fixture
def book(office: Office) -> Tickets:
    return Tickets(office.world.database, office.world.vault, Service())


async def opened(office: Office, book: Tickets, complaint: Complaint = ABOUT) -> Ticket:
    ticket, how = await book.open(complaint, office.world.clock.now())
    assert how == "new"
    return ticket


async def again(book: Tickets, ticket: Ticket) -> Ticket:
    found = await book.by_number(ticket.number, ticket.customer_id)
    assert found is not None
    return found


async def case_of(office: Office) -> Case:
    (case,) = await waiting(office.world.database)
    return case


async def broken(office: Office) -> Sequence[str]:
    found = await ledger.inspect(office.world.database, office.world.clock.now(), invariants.CHECKS)
    return [finding.check for finding in found]


async def test_a_complaint_has_a_number_a_clock_and_a_case(office: Office, book: Tickets) -> None:
    ticket = await opened(office, book)
    case = await case_of(office)

    assert re.fullmatch(r"T261123\d{6}", ticket.number)
    assert (case.kind, case.key, case.due_at) == ("customer", ticket.id, ticket.due_at)
    assert case.facts["disposition"] == "D21"
    assert [entry.what for entry in ticket.entries] == ["opened"]
    assert await broken(office) == []


async def test_the_same_wish_and_order_is_the_same_ticket(office: Office, book: Tickets) -> None:
    first = await opened(office, book)
    second, how = await book.open(replace(ABOUT, trace_id="trc_2"), office.world.clock.now())
    other, fresh = await book.open(replace(ABOUT, wish="refund"), office.world.clock.now())

    assert (second.id, how) == (first.id, "known")
    assert (other.id != first.id, fresh) == (True, "new")


async def test_two_messages_at_once_open_one_ticket(office: Office, book: Tickets) -> None:
    now = office.world.clock.now()
    made = await asyncio.gather(*(book.open(ABOUT, now) for _ in range(8)))

    assert len({ticket.id for ticket, _ in made}) == 1
    assert sorted(how for _, how in made) == ["known"] * 7 + ["new"]
    assert len(await waiting(office.world.database)) == 1


async def test_nobody_finds_the_ticket_of_another(office: Office, book: Tickets) -> None:
    ticket = await opened(office, book)
    stranger = replace(ticket, customer_id="cus-2")

    assert await book.by_number(ticket.number, "cus-2") is None
    assert await book.of_customer("cus-2") == []
    assert not await book.withdraw(stranger, office.world.clock.now())
    assert (await again(book, ticket)).state == "open"


async def test_a_withdrawn_ticket_takes_its_case_along(office: Office, book: Tickets) -> None:
    ticket = await opened(office, book)
    case = await case_of(office)
    await office.desk.propose(case.id, "close", actor="Ann", note="seen")

    assert await book.withdraw(ticket, office.world.clock.now())

    assert not await book.withdraw(ticket, office.world.clock.now())
    assert await waiting(office.world.database) == []
    with pytest.raises(Conflict):
        await office.desk.approve(case.id, actor="Bob")
    assert [entry.what for entry in (await again(book, ticket)).entries] == ["opened", "proposed", "withdrawn"]
    assert await broken(office) == []


async def test_a_decision_ends_the_ticket_and_its_customer_is_written_to(office: Office, book: Tickets) -> None:
    ticket = await opened(office, book)
    await office.decide(await case_of(office), "close")

    ended = await again(book, ticket)
    assert ended.state == "closed"
    assert [entry.what for entry in ended.entries] == ["opened", "proposed", "closed"]
    assert len(await office.world.jobs(tickets.MESSAGE)) == 1
    assert await broken(office) == []


async def test_a_refund_that_the_desk_makes_ends_it_as_one(office: Office, book: Tickets) -> None:
    order = await office.world.settled()
    facts = {"orders": [{"id": order.id, "title": order.title, "amount": order.amount}]}
    ticket = await opened(office, book, replace(ABOUT, order_id=order.id, facts=facts))

    (case,) = [case for case in await waiting(office.world.database) if case.key == ticket.id]
    await office.decide(case, f"refund:{order.id}")

    assert [entry.what for entry in (await again(book, ticket)).entries][-1] == "refunded"
    assert await broken(office) == []


async def test_a_refused_proposal_leaves_it_open(office: Office, book: Tickets) -> None:
    ticket = await opened(office, book)
    case = await case_of(office)
    await office.desk.propose(case.id, "close", actor="Ann", note="seen")
    await office.desk.reject(case.id, actor="Bob", note="look again")

    assert [entry.what for entry in (await again(book, ticket)).entries] == ["opened", "proposed", "rejected"]


async def test_what_is_told_is_sealed_and_written_to_the_customer(office: Office, book: Tickets) -> None:
    ticket = await opened(office, book)
    case = await case_of(office)

    await office.desk.tell(case.id, "供电公司  核实中", actor="Ann", vault=office.world.vault)

    (told,) = [entry for entry in (await again(book, ticket)).entries if entry.what == "progress"]
    assert told.words == "供电公司 核实中"
    rows = await office.world.rows("SELECT words_sealed FROM ticket_entries WHERE what = 'progress'")
    assert "供电".encode() not in bytes(rows[0]["words_sealed"])
    assert await office.world.jobs(tickets.MESSAGE) == [told.id]
    audited = await office.world.rows("SELECT detail FROM audit WHERE action = 'case.told'")
    assert "供电" not in audited[0]["detail"]


async def test_a_case_without_a_ticket_has_nobody_to_tell(office: Office) -> None:
    case = await office.open()

    with pytest.raises(NotFound):
        await office.desk.tell(case.id, "hello", actor="Ann", vault=office.world.vault)


async def test_said_again_soon_after_its_end_it_is_opened_again_and_later_it_is_another(
    office: Office, book: Tickets
) -> None:
    ticket = await opened(office, book)
    await office.decide(await case_of(office), "close")
    office.world.clock.advance(86_400)

    same, how = await book.open(ABOUT, office.world.clock.now())
    assert (same.id, how, same.state) == (ticket.id, "again", "open")
    assert same.due_at > ticket.due_at
    assert (await case_of(office)).state == "open"
    assert await broken(office) == []

    await office.decide(await case_of(office), "close")
    office.world.clock.advance(31 * 86_400)
    other, how = await book.open(ABOUT, office.world.clock.now())
    assert (other.id != ticket.id, how) == (True, "new")


async def test_an_overdue_ticket_is_escalated_once(office: Office, book: Tickets) -> None:
    ticket = await opened(office, book)
    world = office.world
    assert await tickets.overdue(world.database, world.clock.now(), 10) == []
    world.clock.advance((ticket.due_at - world.clock.now()).total_seconds() + 7_200)
    assert await broken(office) == ["ticket_not_escalated"]

    assert await tickets.overdue(world.database, world.clock.now(), 10) == [ticket.id]
    assert await world.database.effect(lambda tx: tickets.escalate_in(tx, ticket.id, world.clock.now()))
    assert not await world.database.effect(lambda tx: tickets.escalate_in(tx, ticket.id, world.clock.now()))
    assert await tickets.overdue(world.database, world.clock.now(), 10) == []
    assert await broken(office) == []
    assert (await again(book, ticket)).overdue_at is not None


async def test_the_desk_sees_what_is_overdue_first(office: Office, book: Tickets) -> None:
    late = await opened(office, book)
    office.world.clock.advance(5 * 86_400)
    await office.open(key="fresh")

    assert [case.key for case in await waiting(office.world.database)] == [late.id, "fresh"]


async def test_remarks_are_bounded_and_only_for_what_is_open(office: Office, book: Tickets) -> None:
    ticket = await opened(office, book)
    now = office.world.clock.now()

    assert [await book.remark(ticket, f"第{number}句", now) for number in range(21)] == [True] * 20 + [False]
    assert {len(entry.words) for entry in (await again(book, ticket)).entries} <= {0, 3, 4}
    await book.withdraw(ticket, now)
    assert not await book.remark(ticket, "还有", now)


@pytest.mark.parametrize(
    ("sql", "check"),
    [
        ("UPDATE tickets SET due_at = counted_at", "ticket_without_clock"),
        ("UPDATE tickets SET due_at = counted_at + 6000000000000", "ticket_without_clock"),
        ("UPDATE cases SET state = 'resolved'", "ticket_on_no_desk"),
        ("UPDATE tickets SET state = 'closed'", "ticket_ended_on_the_desk"),
        ("UPDATE orders SET customer_id = 'cus-2'", "ticket_of_another"),
    ],
)
async def test_the_audit_finds_what_must_not_be(office: Office, book: Tickets, sql: str, check: str) -> None:
    order = await office.world.order()
    await opened(office, book, replace(ABOUT, order_id=order.id))
    assert await broken(office) == []

    await office.world.execute(sql)

    assert check in await broken(office)
