"""Every fault of WeChat Pay that a refund can meet: given back once or not at all, never ended by a timer (trap 8).

An amount's last two digits choose the fault; time is leapt over.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bot.payments.refunds import RefundAsk
from bot.payments.values import Refund
from tests.e2e.leaping import City, Purchase

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module")
async def faulty(city: City) -> AsyncIterator[City]:
    """The city with faults chosen by amount."""
    await city.town.sim("pay", "faults", by_amount=True)
    yield city
    assert (await city.town.look("pay", "faults"))["forced"] == []


async def bought(city: City, fen: int) -> Purchase:
    purchase = await city.paid(await city.lunch(fen))
    await city.town.settled(purchase.token)
    return purchase


async def asked(city: City, purchase: Purchase, key: str = "once") -> Refund:
    """Ask for the whole order back, as the desk does after a complaint."""
    order = await city.town.order(purchase.token)
    made = await city.town.demo.house.payments.refunds.request(
        RefundAsk(order["id"], f"{key}:{order['id']}", "wang", "wrong table")
    )
    assert isinstance(made, Refund), made
    return made


async def is_state(city: City, purchase: Purchase, *states: str) -> bool:
    return tuple(refund["state"] for refund in await city.of_order(purchase, "refunds")) == states


async def gives_back(city: City, purchase: Purchase, fen: int) -> None:
    """The ordinary end: one refund here and one there, the customer told, every fen explained."""
    await city.leaps(lambda: is_state(city, purchase, "succeeded"))
    await city.told(purchase, "退款")
    order = await city.town.order(purchase.token)
    number = (await city.of_order(purchase, "refunds"))[0]["out_refund_no"]
    known = [
        refund for refund in (await city.town.look("pay", "refunds"))["refunds"] if refund["out_refund_no"] == number
    ]
    assert (order["refunded"], len(known)) == (fen, 1)
    lines = await city.of_order(purchase, "order_lines")
    assert [line["state"] for line in lines] == ["reversed"]
    await city.explained(purchase, applied=0, refunded=fen)


FAULTS = {
    "none": 2599,
    "answer_lost": 2521,
    "system_error": 2523,
    "notice_never": 2524,
    "notice_first": 2506,
    "answer_unsigned": 2515,
    "answer_forged": 2516,
    "bad_gateway": 2527,
    "answer_dropped": 2529,
}


@pytest.mark.parametrize("fen", FAULTS.values(), ids=FAULTS.keys())
async def test_a_refund_reaches_its_end_once(faulty: City, fen: int) -> None:
    """Whatever is missing, the same number is sent or asked about again."""
    purchase = await bought(faulty, fen)

    first = await asked(faulty, purchase)
    again = await asked(faulty, purchase)

    assert again.id == first.id
    await gives_back(faulty, purchase, fen)


async def test_an_abnormal_refund_waits_for_a_person_and_can_still_succeed(faulty: City) -> None:
    purchase = await bought(faulty, 2510)
    refund = await asked(faulty, purchase)

    await faulty.leaps(lambda: is_state(faulty, purchase, "abnormal"))
    await faulty.town.until(lambda: on_the_desk(faulty, "refund_abnormal", refund.id))
    faulty.clock.leap(86_400)
    assert await is_state(faulty, purchase, "abnormal")
    assert (await faulty.town.order(purchase.token))["refunded"] == 2510
    await faulty.town.sim("pay", "refund_finish", out_refund_no=refund.out_refund_no, status="SUCCESS")

    await gives_back(faulty, purchase, 2510)


async def test_a_refund_that_the_gateway_closed_frees_its_money_and_calls_a_person(faulty: City) -> None:
    """CLOSED is final: no money moved, the shop is told of the payment again, a new number would be needed."""
    purchase = await bought(faulty, 2522)
    refund = await asked(faulty, purchase)

    await faulty.leaps(lambda: is_state(faulty, purchase, "failed"))

    await faulty.town.until(lambda: on_the_desk(faulty, "refund_failed", refund.id))
    assert (await faulty.town.order(purchase.token))["refunded"] == 0
    await faulty.explained(purchase, applied=2522)


async def test_a_refund_that_the_account_had_no_money_for_is_made_again_by_two_people(faulty: City) -> None:
    """A signed refusal is final for its number; after a deposit the desk makes another refund."""
    purchase = await bought(faulty, 2520)
    refund = await asked(faulty, purchase)
    # No leap here: it would let a lease run out, and a second sending under the same number would succeed.
    await faulty.town.until(lambda: is_state(faulty, purchase, "failed"))
    case = await faulty.town.until(lambda: on_the_desk(faulty, "refund_failed", refund.id))
    await faulty.town.sim("pay", "faults", by_amount=False)

    desk = faulty.town.demo.house.desk
    await desk.propose(case, "again", actor="wang", note="deposited")
    await desk.approve(case, actor="li")

    await faulty.leaps(lambda: is_state(faulty, purchase, "failed", "succeeded"))
    await faulty.explained(purchase, applied=0, refunded=2520)


async def test_two_people_pay_one_bill_and_the_second_gets_the_money_back(faulty: City) -> None:
    """Husband and wife: one bill of the power company, two orders, both paid (DESIGN §4, surplus)."""
    await faulty.town.sim("pay", "faults", by_amount=False)
    first = await faulty.power("0500000001")
    second = await faulty.power("0500000001")
    amount = int((await faulty.town.order(first.token))["amount"])
    await faulty.paid(first)
    await faulty.town.settled(first.token)

    await faulty.paid(second)

    await faulty.leaps(lambda: is_state(faulty, second, "succeeded"))
    await faulty.told(second, "退款")
    await faulty.explained(first, applied=amount)
    await faulty.explained(second, applied=0, refunded=amount)
    told = await faulty.town.look("biller", "settled")
    lines = await faulty.of_order(first, "order_lines")
    assert [told.get(line["id"]) for line in lines] == [line["amount"] for line in lines]
    assert not any(line["id"] in told for line in await faulty.of_order(second, "order_lines"))


async def on_the_desk(city: City, kind: str, key: str) -> str | None:
    rows = await city.rows("SELECT id FROM cases WHERE kind = $1 AND key = $2 AND state = 'open'", kind, key)
    return str(rows[0]["id"]) if rows else None
