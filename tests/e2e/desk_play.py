"""What happens at the bank's desk in the files of ``scenes/``: two people work a customer's newest application."""

from collections.abc import Awaitable, Callable
from typing import Any

from bot.cases.book import Case, show
from tests.e2e.leaping import City

FIRST, SECOND = "Ann", "Bob"

Told = Callable[[str], Awaitable[None]]


async def case_of(city: City, openid: str) -> Case:
    """Wait until the customer's newest application lies on the desk, as it stands now."""
    house = city.town.demo.house
    address = await house.identities.recognise("official", next(iter(house.clients)), openid)

    async def waits() -> Any:
        return await house.database.row(
            "SELECT c.id, c.facts, a.state FROM cases c JOIN applications a ON a.id = c.key "
            "WHERE c.kind = 'application' AND c.state IN ('open', 'proposed') AND a.customer_id = $1 "
            "ORDER BY a.created_at DESC LIMIT 1",
            address.id,
        )

    row = await city.town.until(waits)
    return await show(house.database, row["id"])


async def decide(city: City, openid: str, action: str, note: str) -> None:
    """One proposes and another agrees; what comes of it, the customer is written about."""
    case = await case_of(city, openid)
    desk = city.town.demo.house.desk
    await desk.propose(case.id, action, actor=FIRST, note=note)
    await desk.approve(case.id, actor=SECOND)
