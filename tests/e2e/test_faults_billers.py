"""Every fault of a biller behind the connector: told exactly once, or the money back, or a person called.

An account's last two digits choose the fault (bot/simulators/faults.py); time is leapt over.
"""

from collections.abc import AsyncIterator
from functools import partial

import pytest
import pytest_asyncio

from bot.payments.refunds import RefundAsk
from bot.payments.values import Refund
from tests.e2e.leaping import City, Purchase

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module")
async def faulty(city: City) -> AsyncIterator[City]:
    """The city with the biller's faults chosen by account; WeChat Pay behaves."""
    await city.town.sim("biller", "faults", by_account=True)
    yield city


async def bought(city: City, account: str) -> tuple[Purchase, int]:
    purchase = await city.paid(await city.power(account))
    return purchase, int((await city.town.order(purchase.token))["amount"])


async def held_by_biller(city: City, purchase: Purchase) -> dict[str, int]:
    """Return, of an order's lines, what the biller's own books say it holds."""
    settled = await city.town.look("biller", "settled")
    ids = {line["id"] for line in await city.of_order(purchase, "order_lines")}
    return {id_: amount for id_, amount in settled.items() if id_ in ids}


async def line_states(city: City, purchase: Purchase) -> set[str]:
    return {line["state"] for line in await city.of_order(purchase, "order_lines")}


TELLINGS = {
    "pending": "0500000083",
    "answer_lost": "0500000087",
    "twice_500": "0500000088",
    "reset": "0500000089",
    "answer_unsigned": "0500000090",
    "answer_forged": "0500000091",
    "other_nonce": "0500000092",
    "garbage": "0500000093",
}


@pytest.mark.parametrize("account", TELLINGS.values(), ids=TELLINGS.keys())
async def test_a_biller_is_told_exactly_once(faulty: City, account: str) -> None:
    """No believable answer is UNKNOWN: the line's id makes asking and telling again safe."""
    purchase, amount = await bought(faulty, account)

    await faulty.leaps(lambda: faulty.is_settled(purchase))

    await faulty.told(purchase, "付款成功")
    lines = await faulty.of_order(purchase, "order_lines")
    assert await held_by_biller(faulty, purchase) == {line["id"]: line["amount"] for line in lines}
    await faulty.explained(purchase, applied=amount)


async def test_a_bill_paid_elsewhere_meanwhile_is_refunded_by_itself(faulty: City) -> None:
    purchase, amount = await bought(faulty, "0500000085")

    await faulty.leaps(lambda: refunded(faulty, purchase, amount))

    await faulty.told(purchase, "退款")
    assert await line_states(faulty, purchase) == {"refused"}
    assert await held_by_biller(faulty, purchase) == {}
    await faulty.explained(purchase, applied=0, refunded=amount)


REFUSALS = {"closed": "0500000086", "refused_later": "0500000084"}


@pytest.mark.parametrize("account", REFUSALS.values(), ids=REFUSALS.keys())
async def test_a_refused_payment_is_for_two_people_at_the_desk(faulty: City, account: str) -> None:
    """The biller gives no reason to return the money by itself; one person proposes it, another agrees."""
    purchase, amount = await bought(faulty, account)

    await faulty.leaps(lambda: all_refused(faulty, purchase))
    await faulty.told(purchase, "没有入账")
    await faulty.explained(purchase, applied=amount)
    desk = faulty.town.demo.house.desk
    for line in await faulty.of_order(purchase, "order_lines"):
        case = await faulty.town.until(partial(case_of, faulty, line["id"]))
        await desk.propose(case, "refund", actor="wang", note="account closed")
        await desk.approve(case, actor="li")

    await faulty.leaps(lambda: refunded(faulty, purchase, amount))
    await faulty.told(purchase, "退款")
    await faulty.explained(purchase, applied=0, refunded=amount)


UNDOINGS = {"at_once": "0500000002", "pending": "0500000094", "answer_lost": "0500000096", "500": "0500000097"}


@pytest.mark.parametrize("account", UNDOINGS.values(), ids=UNDOINGS.keys())
async def test_money_goes_back_only_after_the_biller_gave_the_payment_up(faulty: City, account: str) -> None:
    purchase, amount = await bought(faulty, account)
    await faulty.town.settled(purchase.token)

    await asked_back(faulty, purchase)

    assert (await faulty.at_gateway(purchase))[0]["refunded"] == 0
    await faulty.leaps(lambda: refunded(faulty, purchase, amount))
    await faulty.told(purchase, "退款")
    assert await line_states(faulty, purchase) == {"reversed"}
    assert await held_by_biller(faulty, purchase) == {}
    await faulty.explained(purchase, applied=0, refunded=amount)


async def test_what_a_biller_will_not_give_up_is_not_refunded_and_a_person_is_called(faulty: City) -> None:
    purchase, amount = await bought(faulty, "0500000095")
    await faulty.town.settled(purchase.token)

    await asked_back(faulty, purchase)

    async def refused() -> bool:
        return [refund["state"] for refund in await faulty.of_order(purchase, "refunds")] == ["rejected"]

    await faulty.leaps(refused)
    assert "reversal_refused" in await line_states(faulty, purchase)

    async def on_the_desk() -> bool:
        return bool(await faulty.rows("SELECT 1 AS one FROM cases WHERE kind = 'reversal_refused'"))

    await faulty.town.until(on_the_desk)
    await faulty.explained(purchase, applied=amount)


ASKINGS = {"later": "0500000080", "500": "0500000081", "lost": "0500000082"}


@pytest.mark.parametrize("account", ASKINGS.values(), ids=ASKINGS.keys())
async def test_a_biller_that_does_not_show_its_bills_is_asked_again_by_the_customer(faulty: City, account: str) -> None:
    """In words that say so, never as a bill over nothing; a second question after a short trouble finds the bills."""
    person = await faulty.person()

    first = await faulty.town.say(f"查电费 {account}", person)
    second = await faulty.town.say(f"查电费 {account}", person)

    silent = account.endswith("82")
    assert ("过几分钟" in first) or not silent
    assert ("合计" in second) is not silent


async def all_refused(city: City, purchase: Purchase) -> bool:
    return await line_states(city, purchase) == {"refused"}


async def refunded(city: City, purchase: Purchase, amount: int) -> bool:
    refunds = await city.of_order(purchase, "refunds")
    given_back: int = sum(refund["amount"] for refund in refunds if refund["state"] == "succeeded")
    return given_back == amount


async def case_of(city: City, key: str) -> str | None:
    rows = await city.rows("SELECT id FROM cases WHERE kind = 'settle_refused' AND key = $1", key)
    return str(rows[0]["id"]) if rows else None


async def asked_back(city: City, purchase: Purchase) -> None:
    """Ask for the whole order back; above 100 yuan a second person agrees."""
    order = await city.town.order(purchase.token)
    refunds = city.town.demo.house.payments.refunds
    made = await refunds.request(RefundAsk(order["id"], f"once:{order['id']}", "wang", "moved out"))
    assert isinstance(made, Refund), made
    if made.state == "requested":
        await refunds.approve(made.id, "li")
