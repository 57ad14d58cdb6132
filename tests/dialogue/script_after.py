"""The happenings and checks of the conversations about after-sales."""

from collections.abc import Awaitable, Callable
from typing import Any

from tests.dialogue.counter import ANSWERS, Counter

Doer = Callable[..., Awaitable[None]]


def _does(what: Callable[..., Awaitable[Any]]) -> Doer:
    async def happen(under_way: Any, **values: str) -> None:
        await what(Counter(under_way.town), **values)

    return happen


async def _biller(counter: Counter, what: str) -> None:
    counter.biller(what, 3)


async def _biller_again(counter: Counter) -> None:
    counter.town.power.answers.clear()


async def _lost(counter: Counter) -> None:
    counter.lose_queries(9)


async def _lost_notice(counter: Counter) -> None:
    await counter.pay(tell=False)


async def _refunds_pending(counter: Counter) -> None:
    await counter.work_refunds()


async def _ticket_said(under_way: Any, text: str) -> None:
    """Say something in which # stands for the number of the newest ticket."""
    number = (await Counter(under_way.town).numbers())[-1]
    under_way.answer = await under_way.town.say(text.replace("#", number))


async def _tickets(under_way: Any, count: str, state: str) -> None:
    found = await under_way.town.count("SELECT count(*) AS n FROM tickets WHERE state = $1", state)
    assert found == int(count), f"there are {found}"


async def _disposition(under_way: Any, code: str) -> None:
    row = await under_way.town.database.row("SELECT disposition FROM tickets ORDER BY opened_at DESC LIMIT 1")
    assert row is not None
    assert row["disposition"] == code, f"it is {row['disposition']}"


async def _refunds(under_way: Any, count: str) -> None:
    found = await under_way.town.count("SELECT count(*) AS n FROM refunds")
    assert found == int(count), f"there are {found}"


async def _overdue(under_way: Any, count: str) -> None:
    assert await Counter(under_way.town).escalate() == int(count)


HAPPENINGS: dict[str, Doer] = {
    r"the customer really pays": _does(Counter.pay),
    r"the customer really pays twice": _does(Counter.pay_twice),
    r"the customer pays and the notice is lost": _does(_lost_notice),
    r"the customer begins to pay": _does(Counter.begin),
    r"the gateway does not answer": _does(_lost),
    r"the billers are told": _does(Counter.fulfil),
    rf"the power company (?P<what>{'|'.join(ANSWERS)})": _does(_biller),
    r"the power company books again": _does(_biller_again),
    r"refunds are sent": _does(_refunds_pending),
    r"the desk files its cases": _does(Counter.file),
    r"the desk decides (?P<action>\S+)": _does(Counter.decide),
    r"the desk tells the customer (?P<words>.+)": _does(Counter.tell_customer),
    r"the customer says of the ticket (?P<text>.+)": _ticket_said,
}
CHECKS: dict[str, Doer] = {
    r"(?P<count>\d+) tickets? (?P<state>open|closed|withdrawn)": _tickets,
    r"the ticket is (?P<code>D\d\d)": _disposition,
    r"(?P<count>\d+) refunds?": _refunds,
    r"(?P<count>\d+) tickets? (?:is|are) escalated": _overdue,
}
