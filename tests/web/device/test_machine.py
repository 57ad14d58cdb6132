"""A machine proves itself for each request, charges a code once, and sees every state that a payment can have."""

import asyncio
import json
from typing import Any

import pytest

from bot.web.device.proof import SKEW_SECONDS
from tests.payments.scripted_codes import BROKE, PAYS, TYPES
from tests.payments.scripted_gateway import LOST_AFTER
from tests.web.device.rig import CHARGES, Machine, devices, machine
from tests.web.rig import Shop


@pytest.fixture
async def till(shop: Shop) -> Machine:
    return await machine(shop)


async def sweep(shop: Shop, seconds: float) -> None:
    sweeper = shop.house.payments.sweeper
    for _ in range(round(seconds)):
        shop.clock.advance(1)  # type: ignore[attr-defined]
        for charge_id in await sweeper.due_charges(50):
            await sweeper.sweep_charge(charge_id)


async def test_a_code_that_pays(shop: Shop, till: Machine) -> None:
    seen = await till.charge()
    order = await shop.house.payments.orders.get(seen.json["order"])

    assert seen.status == 201
    assert (seen.json["state"], seen.json["final"], seen.json["amount"]) == ("paid", True, 2_550)
    assert seen.json["paid_at"].endswith("+08:00")
    assert (order.state, order.origin, order.store_id) == ("paid", "device", "sto_1")
    assert PAYS not in seen.text


async def test_the_same_request_is_one_charge(shop: Shop, till: Machine) -> None:
    first = await till.charge(number="R1")
    again = await till.charge(number="R1")
    other_code = await till.charge(TYPES, number="R1")
    both = await asyncio.gather(*(till.charge(number="R2") for _ in range(5)))

    assert first.json == again.json == other_code.json
    assert len({seen.json["id"] for seen in both}) == 1
    assert len(shop.gateway.codes.seen) == 2  # type: ignore[union-attr]
    assert (await till.charge(number="R1", amount=999)).json["code"] == "quote_conflict"


async def test_two_machines_may_use_the_same_number(shop: Shop, till: Machine) -> None:
    other = await machine(shop, "2号收银机")

    assert (await till.charge(number="R1")).json["id"] != (await other.charge(number="R1")).json["id"]


async def test_a_refused_code_says_why(till: Machine) -> None:
    seen = await till.charge(BROKE)

    assert (seen.status, seen.json["state"], seen.json["failure"]) == (201, "failed", "balance_too_low")


async def test_a_password_is_waited_for_and_a_long_poll_tells_when_it_came(shop: Shop, till: Machine) -> None:
    charge = (await till.charge(TYPES)).json
    assert (charge["state"], charge["final"]) == ("waiting", False)
    polled = asyncio.create_task(till.get(charge, "?since=waiting&wait=20"))
    await asyncio.sleep(0.02)
    assert not polled.done()
    shop.gateway.pay(charge["out_trade_no"])
    await sweep(shop, 6)

    assert (await polled).json["state"] == "paid"


async def test_a_long_poll_ends_by_itself(shop: Shop, till: Machine) -> None:
    charge = (await till.charge(TYPES)).json
    polled = asyncio.create_task(till.get(charge, "?since=waiting&wait=1"))
    for _ in range(40):
        await asyncio.sleep(0.01)
        shop.clock.advance(0.1)  # type: ignore[attr-defined]

    assert (await asyncio.wait_for(polled, 5)).json["state"] == "waiting"


async def test_a_payment_can_be_given_up(shop: Shop, till: Machine) -> None:
    charge = (await till.charge(TYPES)).json
    given_up = await till.cancel(charge)
    assert (given_up.json["state"], given_up.json["final"]) == ("cancelling", False)
    await sweep(shop, 20)

    assert (await till.get(charge)).json["state"] == "cancelled"
    assert (await till.cancel(charge)).json["state"] == "cancelled"


async def test_a_paid_one_stays_paid(till: Machine) -> None:
    charge = (await till.charge()).json

    assert (await till.cancel(charge)).json["state"] == "paid"


async def test_no_answer_is_confirming_and_then_known(shop: Shop, till: Machine) -> None:
    shop.gateway.script("pay", LOST_AFTER)
    charge = (await till.charge()).json
    assert charge["state"] == "confirming"
    await sweep(shop, 6)

    assert (await till.get(charge)).json["state"] == "paid"


async def test_other_stores_payments_are_nobodys(shop: Shop, till: Machine) -> None:
    charge = (await till.charge()).json
    await shop.execute(
        "INSERT INTO stores (id, merchant_id, name, address, state, created_at) "
        "VALUES ('sto_2', 'mer_1', '二店', '', 'active', 0)"
    )
    made, key = await devices(shop).add_machine(merchant_id="mer_1", store_id="sto_2", item_id="itm_meal", name="别店")
    stranger = Machine(shop, made, key, till.browser)

    assert (await stranger.get(charge)).status == 404
    assert (await stranger.cancel(charge)).status == 404


BODIES: list[tuple[Any, str]] = [
    ({"request_no": "R1", "amount": 0, "auth_code": PAYS}, "amount"),
    ({"request_no": "R1", "amount": 1.5, "auth_code": PAYS}, "amount"),
    ({"request_no": "R1", "amount": "100", "auth_code": PAYS}, "amount"),
    ({"request_no": "", "amount": 100, "auth_code": PAYS}, "request_no"),
    ({"amount": 100, "auth_code": PAYS}, "request_no"),
    ({"request_no": "R1", "amount": 100, "auth_code": PAYS, "x": 1}, "x"),
    ([], "body"),
    ("{", "body"),
]


@pytest.mark.parametrize(("body", "named"), BODIES)
async def test_a_faulty_request_is_named_and_charges_nothing(till: Machine, body: Any, named: str) -> None:
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    seen = await till.call("POST", CHARGES, raw)

    assert (seen.status, seen.json["code"]) == (400, "device_request")
    assert named in seen.json["message"] and PAYS not in seen.text
    assert till.shop.gateway.codes.seen == []  # type: ignore[union-attr]


@pytest.mark.parametrize("code", ["123", "991234567890123456", "13456789012345678x", "1345678901234567890123"])
async def test_what_is_no_payment_code_is_sent_to_nobody(till: Machine, code: str) -> None:
    seen = await till.charge(code)

    assert (seen.status, seen.json["code"]) == (400, "auth_code")
    assert code not in seen.text
    assert till.shop.gateway.codes.seen == []  # type: ignore[union-attr]


async def test_a_wallet_that_nobody_serves_is_refused(till: Machine) -> None:
    seen = await till.charge("281234567890123456")

    assert (seen.status, seen.json["code"]) == (409, "wallet_unsupported")


@pytest.mark.parametrize("amount", [99, 500_001])
async def test_the_items_rule_holds_at_the_till_too(till: Machine, amount: int) -> None:
    assert (await till.charge(amount=amount)).json["code"] == "amount_range"


async def test_a_wrong_number_is_named(till: Machine) -> None:
    seen = await till.charge(number="R-1")

    assert (seen.status, seen.json["code"]) == (400, "request_no")


@pytest.mark.parametrize("wait", ["26", "-1", "x", "1.5", "99999"])
async def test_a_wait_has_a_bound(till: Machine, wait: str) -> None:
    charge = (await till.charge()).json

    assert (await till.get(charge, f"?wait={wait}")).status == 400


FORGED = {
    "another key": ({"Scenepay_Signature": "0" * 64}, "device_signature"),
    "another path": ({"sent_to": f"{CHARGES}/chg_1"}, "device_signature"),
    "another time": ({"Scenepay_Timestamp": "1700000000"}, "device_signature"),
    "another nonce": ({"Scenepay_Nonce": "a" * 24}, "device_signature"),
    "no signature": ({"Scenepay_Signature": ""}, "device_headers"),
    "odd nonce": ({"Scenepay_Nonce": "a b"}, "device_headers"),
    "unknown device": ({"Scenepay_Device": "dev_00000000000000000000000000"}, "device_unknown"),
}


@pytest.mark.parametrize("how", sorted(FORGED))
async def test_a_forged_request_is_let_in_by_nobody(till: Machine, how: str) -> None:
    changes, code = FORGED[how]
    seen = await till.call("GET", f"{CHARGES}/chg_0", **changes)

    assert (seen.status, seen.json["code"]) == (401, code)


async def test_a_changed_body_is_seen(till: Machine) -> None:
    body = json.dumps({"request_no": "R1", "amount": 2_550, "auth_code": PAYS}).encode()
    original = till.browser._ask

    async def tampered(method: str, path: str, headers: Any, data: Any) -> Any:
        return await original(method, path, headers, data.replace(b"2550", b"2551"))

    till.browser._ask = tampered  # type: ignore[method-assign]

    assert (await till.call("POST", CHARGES, body)).json["code"] == "device_signature"


async def test_a_request_is_taken_once(till: Machine) -> None:
    first = await till.call("GET", f"{CHARGES}/chg_0", nonce="n" * 20)
    again = await till.call("GET", f"{CHARGES}/chg_0", nonce="n" * 20)

    assert (first.status, again.status, again.json["code"]) == (404, 401, "device_replay")


@pytest.mark.parametrize("off", [-SKEW_SECONDS - 2, SKEW_SECONDS + 2])
async def test_a_clock_may_be_off_by_little(till: Machine, off: float) -> None:
    stamp = str(int(till.shop.clock.now().timestamp() + off))

    assert (await till.call("GET", f"{CHARGES}/chg_0", stamp=stamp)).json["code"] == "device_clock"


async def test_a_revoked_machine_is_unknown(shop: Shop, till: Machine) -> None:
    assert await devices(shop).revoke(till.id)

    assert (await till.charge()).json["code"] == "device_unknown"
    assert not await devices(shop).revoke(till.id)


async def test_a_page_is_no_machine(shop: Shop, till: Machine) -> None:
    made, _ = await devices(shop).add_page(merchant_id="mer_1", store_id="sto_1", item_id="itm_meal", name="前台")
    till.id = made

    assert (await till.charge()).json["code"] == "device_unknown"
