"""Every fault of WeChat Pay that a payment can meet: paid once or not at all, explained to the fen, the payer told.

An amount's last two digits choose the fault (bot/simulators/faults.py); time is leapt over.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.leaping import City, Purchase

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

# Past a quote at the shop (600 s) and the grace behind it.
EXPIRY = 630.0


@pytest_asyncio.fixture(loop_scope="module")
async def faulty(city: City) -> AsyncIterator[City]:
    """The city with faults chosen by amount; what a test forced and did not use is gone afterwards."""
    await city.town.sim("pay", "faults", by_amount=True)
    yield city
    assert (await city.town.look("pay", "faults"))["forced"] == []


async def settles(city: City, purchase: Purchase, fen: int) -> None:
    """The ordinary end: paid, told to the biller, receipt in the chat, one charge, the whole amount with the shop."""
    await city.town.settled(purchase.token)
    await city.told(purchase, "付款成功")
    assert [charge["state"] for charge in await city.of_order(purchase, "charges")] == ["paid"]
    await city.explained(purchase, applied=fen)


# --- making the charge ---------------------------------------------------------------------------------------------

CREATES = {
    "create_answer_lost": 2502,
    "create_500": 2509,
    "create_reset": 2513,
    "answer_unsigned": 2515,
    "answer_forged": 2516,
    "create_429": 2526,
    "bad_gateway": 2527,
    "answer_dropped": 2529,
}


@pytest.mark.parametrize("fen", CREATES.values(), ids=CREATES.keys())
async def test_a_create_without_a_good_answer_is_repeated_and_then_paid(faulty: City, fen: int) -> None:
    """The identical request again, under the same number: WeChat Pay knows one order and the payer pays one."""
    purchase = await faulty.paid(await faulty.lunch(fen))

    await settles(faulty, purchase, fen)
    assert len(await faulty.at_gateway(purchase)) == 1


async def test_declined_leaves_the_order_to_be_paid_otherwise_and_it_expires_unpaid(faulty: City) -> None:
    purchase = await faulty.lunch(2501)

    told = await faulty.pay(purchase)

    assert (told["result"], told["reason"]) == ("declined", "not_enough")
    assert await faulty.state(purchase) == "created"
    assert (await faulty.press(purchase))["result"] == "pay"
    await faulty.leaps(lambda: is_state(faulty, purchase, "closed"), step=EXPIRY, most=3)
    assert [order["state"] for order in await faulty.at_gateway(purchase)] == ["CLOSED"]
    await faulty.explained(purchase, applied=0)


# --- being told of the payment -------------------------------------------------------------------------------------


async def test_a_notice_that_never_comes_is_asked_for(faulty: City) -> None:
    """The sweeper's first question is due five seconds after the charge was made."""
    purchase = await faulty.paid(await faulty.lunch(2504))
    assert await faulty.state(purchase) == "created"

    faulty.clock.leap(5.5)

    await settles(faulty, purchase, 2504)
    charge = (await faulty.of_order(purchase, "charges"))[0]
    inbox = await faulty.rows("SELECT kind FROM inbox WHERE charge_id = $1", charge["id"])
    assert inbox == [{"kind": "query"}]


NOTICES = {"duplicate": 2503, "first": 2506, "wrong_amount": 2507, "forged": 2508, "other_mchid": 2518, "stale": 2519}


@pytest.mark.parametrize("fen", NOTICES.values(), ids=NOTICES.keys())
async def test_bad_notices_around_the_true_one_change_nothing(faulty: City, fen: int) -> None:
    """What is signed and wrong lies in suspense until the true word about the same transaction takes its place."""
    purchase = await faulty.paid(await faulty.lunch(fen))

    await settles(faulty, purchase, fen)
    order = await faulty.town.order(purchase.token)
    suspense = await faulty.rows("SELECT state FROM suspense WHERE order_id = $1", order["id"])
    assert [row["state"] for row in suspense] in ([], ["applied"])
    told = [text for text in await faulty.town.messages(purchase.openid) if "付款成功" in text]
    assert len(told) == 1


async def test_a_late_notice_and_the_question_before_it_are_one_payment(faulty: City) -> None:
    purchase = await faulty.paid(await faulty.lunch(2505))
    faulty.clock.leap(5.5)
    await settles(faulty, purchase, 2505)

    faulty.clock.leap(120)

    number = (await faulty.of_order(purchase, "charges"))[0]["out_trade_no"]
    await faulty.town.until(lambda: delivered(faulty, number))
    await settles(faulty, purchase, 2505)


async def test_while_the_payer_types_a_password_nothing_is_decided(faulty: City) -> None:
    """USERPAYING three times, at 5, 10 and 30 s; the next answer is the payment."""
    purchase = await faulty.paid(await faulty.lunch(2511))
    for pause in (5.2, 5.2, 20.2):
        faulty.clock.leap(pause)
        await asyncio.sleep(0.15)
        assert await faulty.state(purchase) == "created"

    faulty.clock.leap(30.2)

    await settles(faulty, purchase, 2511)


QUERIES = {"query_500": 2514, "not_found": 2517, "lost": 2528, "unsigned": 2515, "bad_gateway": 2527, "dropped": 2529}


@pytest.mark.parametrize("fen", QUERIES.values(), ids=QUERIES.keys())
async def test_a_question_without_a_good_answer_is_asked_again(faulty: City, fen: int) -> None:
    """Not found, refused, lost and unproven answers are all UNKNOWN: nothing is decided by them (trap 3)."""
    purchase = await faulty.lunch(fen)
    await faulty.town.sim("pay", "faults", next=["notice_never"])
    await faulty.paid(purchase)

    await faulty.leaps(lambda: faulty.is_settled(purchase), most=12)
    await settles(faulty, purchase, fen)


# --- closing -------------------------------------------------------------------------------------------------------


async def test_paid_while_we_close_is_paid(faulty: City) -> None:
    """The order is called off, our close meets ORDERPAID, and the question after it finds the payment (trap 2)."""
    purchase = await faulty.lunch(2512)

    assert await call_off(faulty, purchase) == "paid"

    await settles(faulty, purchase, 2512)


async def test_paid_and_untold_until_the_order_expires_is_paid(faulty: City) -> None:
    """Nobody asked in between, as when every worker was down: closing finds the payment (trap 1)."""
    purchase = await faulty.lunch(2596)
    await faulty.town.sim("pay", "faults", next=["notice_never"])
    await faulty.paid(purchase)

    faulty.clock.leap(EXPIRY)

    await settles(faulty, purchase, 2596)


async def test_a_close_whose_answer_is_lost_is_repeated(faulty: City) -> None:
    purchase = await faulty.lunch(2525)

    await faulty.leaps(lambda: is_state(faulty, purchase, "closed"), step=EXPIRY, most=6)

    assert (await faulty.pay(purchase))["result"] == "refused"
    assert [order["state"] for order in await faulty.at_gateway(purchase)] == ["CLOSED"]
    await faulty.explained(purchase, applied=0)


async def test_paid_after_the_close_was_confirmed_is_applied_when_it_still_can_be(faulty: City) -> None:
    """A payment on a closed order passes through suspense and reaches the shop; the customer hears of it."""
    purchase = await faulty.lunch(2530)
    assert await call_off(faulty, purchase) == "closed"

    await faulty.paid(purchase)

    await settles(faulty, purchase, 2530)


async def test_both_payers_of_one_link_pay_and_the_second_gets_the_money_back(faulty: City) -> None:
    """A forwarded link: the first charge is closed for the second payer, and yet both are paid (trap 7)."""
    first = await faulty.lunch(2630)
    other = await faulty.person()
    second = await faulty.open(first, other)
    assert second.bridge["package"] != first.bridge["package"]
    await faulty.paid(second)
    await faulty.town.settled(second.token)

    await faulty.paid(first)

    async def refunded() -> bool:
        return [refund["state"] for refund in await faulty.of_order(first, "refunds")] == ["succeeded"]

    await faulty.leaps(refunded)
    refund = (await faulty.of_order(first, "refunds"))[0]
    assert (refund["source"], refund["amount"]) == ("surplus", 2630)
    await faulty.told(first, "付款成功")
    await faulty.told(first, "退款")
    await faulty.explained(first, applied=2630, refunded=2630)


# --- hostile notices -----------------------------------------------------------------------------------------------

UNTRUE: tuple[dict[str, str | int], ...] = (
    {"kind": "forged_signature"},
    {"kind": "unknown_serial"},
    {"kind": "stale_timestamp"},
    {"kind": "signtest"},
    {"kind": "other_key"},
    {"kind": "unsigned"},
    {"kind": "oversize"},
    {"kind": "flipped_byte", "part": "body", "position": 7},
    {"kind": "flipped_byte", "part": "signature", "position": 7},
    {"kind": "flipped_byte", "part": "timestamp", "position": 7},
    {"kind": "flipped_byte", "part": "nonce", "position": 7},
    {"kind": "flipped_byte", "part": "serial", "position": 12},
)


async def test_untrue_notices_are_refused_and_leave_no_trace_in_the_books(faulty: City) -> None:
    purchase = await faulty.lunch(2599)
    number = (await faulty.of_order(purchase, "charges"))[0]["out_trade_no"]
    before = await books(faulty)

    statuses = [(await faulty.town.sim("pay", "forge", out_trade_no=number, **wish))["status"] for wish in UNTRUE]

    assert all(400 <= status < 500 for status in statuses), statuses
    assert await books(faulty) == before
    await settles(faulty, await faulty.paid(purchase), 2599)


async def test_true_notices_that_do_not_fit_pay_nothing_and_call_a_person(faulty: City) -> None:
    """Each is received money: kept in suspense under its own transaction, while the order waits for its own."""
    purchase = await faulty.lunch(2598)
    number = (await faulty.of_order(purchase, "charges"))[0]["out_trade_no"]
    kinds = ("wrong_amount", "other_currency", "other_mchid", "other_appid", "unknown_order", "not_paid")

    statuses = [(await faulty.town.sim("pay", "forge", out_trade_no=number, kind=kind))["status"] for kind in kinds]

    assert statuses == [204] * 6
    assert await faulty.state(purchase) == "created"
    order = await faulty.town.order(purchase.token)
    held = await faulty.rows("SELECT id, reason, state FROM suspense WHERE order_id = $1", order["id"])
    assert sorted((row["reason"], row["state"]) for row in held) == [("amount", "held"), *[("mismatch", "held")] * 3]
    await faulty.paid(purchase)
    await faulty.town.settled(purchase.token)
    await faulty.told(purchase, "付款成功")

    async def on_the_desk() -> bool:
        cases = await faulty.rows("SELECT key FROM cases WHERE kind = 'suspense'")
        return {row["id"] for row in held} <= {case["key"] for case in cases}

    await faulty.town.until(on_the_desk)
    assert await faulty.town.audit() == []


async def test_the_very_bytes_of_a_notice_again_are_acknowledged_and_change_nothing(faulty: City) -> None:
    purchase = await faulty.paid(await faulty.lunch(2597))
    await settles(faulty, purchase, 2597)
    number = (await faulty.of_order(purchase, "charges"))[0]["out_trade_no"]
    notice = (await faulty.town.look("pay", f"notices?subject={number}"))["notices"][0]["notice_id"]
    before = await books(faulty)

    again = await faulty.town.sim("pay", f"redeliver/{notice}", fresh=False, times=5)
    fresh = await faulty.town.sim("pay", f"redeliver/{notice}", fresh=True, times=5)

    assert again["statuses"] + fresh["statuses"] == [204] * 10
    assert await books(faulty) == before
    faulty.clock.leap(310)
    stale = await faulty.town.sim("pay", f"redeliver/{notice}", fresh=False)
    assert stale["statuses"] == [401]
    assert await books(faulty) == before
    assert await faulty.town.audit() == []


# --- helpers -------------------------------------------------------------------------------------------------------


async def call_off(city: City, purchase: Purchase) -> str:
    """Close an order before its time, as for a customer who cancels; return its state after one attempt."""
    order = await city.town.order(purchase.token)
    return await city.town.demo.house.payments.sweeper.close_order(order["id"])


async def is_state(city: City, purchase: Purchase, state: str) -> bool:
    return await city.state(purchase) == state


async def delivered(city: City, number: str) -> bool:
    notices = (await city.town.look("pay", f"notices?subject={number}"))["notices"]
    return any(notice["kind"] == "genuine" and notice["delivered"] for notice in notices)


async def books(city: City) -> list[dict[str, object]]:
    """Everything that a notice could have moved."""
    return await city.rows(
        "SELECT (SELECT COUNT(*) FROM inbox) AS inbox, (SELECT COUNT(*) FROM postings) AS postings, "
        "(SELECT COUNT(*) FROM suspense) AS suspense, (SELECT COUNT(*) FROM orders WHERE state = 'paid') AS paid, "
        "(SELECT COUNT(*) FROM outbox WHERE kind = 'fulfil') AS told"
    )
