"""The bank simulator keeps docs/bankapp.md where the gateway's own tests do not look."""

import json
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from bot.simulators.bankapp import crypto, plan_from_settings
from bot.simulators.bankapp.faults import BANKAPP_FAULTS
from bot.simulators.clock import ManualClock
from tests.simulators.bankapp_rig import Rig, credentials, running


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with running() as started:
        yield started


def payment(rig: Rig, number: str, amount: object = 12_850, **changes: Any) -> dict[str, Any]:
    facts = {
        "merchant": credentials().merchant,
        "out_trade_no": number,
        "amount": amount,
        "currency": "CNY",
        "description": "物业费",
        "expires_at": (rig.clock.now() + timedelta(minutes=30)).isoformat(),
        "notify_url": rig.notify_url,
    }
    return facts | changes


async def call(
    rig: Rig, method: str, path: str, facts: object = None, **headers: str
) -> tuple[int, dict[str, Any], bool]:
    """Status, object, and whether the answer is signed to this request."""
    body = b"" if facts is None else json.dumps(facts).encode()
    given = {
        "Scenepay-Merchant": credentials().merchant,
        "Scenepay-Serial": credentials().serial,
        "Scenepay-Timestamp": str(int(rig.clock.now().timestamp())),
        "Scenepay-Nonce": secrets.token_hex(16),
        **{f"Scenepay-{name.capitalize()}": value for name, value in headers.items()},
    }
    text = crypto.text(method, path, given["Scenepay-Timestamp"], given["Scenepay-Nonce"], body)
    given.setdefault("Scenepay-Signature", crypto.sign(credentials().merchant_private_pem, text))
    async with rig.session.request(method, rig.base + path, data=body or None, headers=given) as response:
        raw, told = await response.read(), response.headers
        first = ("ANSWER", str(response.status), given["Scenepay-Nonce"])
        signed = "Scenepay-Signature" in told and crypto.verifies(
            crypto.public_pem(rig.sim.key.private),
            crypto.text(*first, told["Scenepay-Timestamp"], told["Scenepay-Nonce"], raw),
            told["Scenepay-Signature"],
        )
        return response.status, json.loads(raw), signed


async def test_answers_and_refusals_are_signed_to_the_request(rig: Rig) -> None:
    status, answer, signed = await call(rig, "POST", "/v1/payments", payment(rig, "T20261124001"))

    assert (status, signed) == (200, True)
    assert answer["cashier_url"].startswith(rig.base)
    assert await call(rig, "GET", "/v1/payments/T20261124099") == (
        404, {"code": "not_found", "message": "no such payment"}, True,
    )  # fmt: skip


@pytest.mark.parametrize(
    "headers",
    [
        {"merchant": "M9"},
        {"serial": "other"},
        {"timestamp": "1795464000.5"},
        {"timestamp": "1"},
        {"nonce": "short"},
        {"signature": "AAAA"},
    ],
)
async def test_who_is_not_known_gets_401_unsigned(rig: Rig, headers: dict[str, str]) -> None:
    status, answer, signed = await call(rig, "GET", "/v1/payments/T20261124001", **headers)

    assert (status, answer["code"], signed) == (401, "unauthorized", False)


async def test_a_nonce_is_taken_once(rig: Rig) -> None:
    nonce = secrets.token_hex(16)
    answers = [await call(rig, "GET", "/v1/payments/T20261124001", nonce=nonce) for _ in range(2)]

    assert [status for status, _, _ in answers] == [404, 401]


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 12_850.0},
        {"amount": "12850"},
        {"amount": 0},
        {"currency": "USD"},
        {"merchant": "M9"},
        {"out_trade_no": "T-1"},
        {"expires_at": "2026-11-24"},
        {"expires_at": "2020-01-01T00:00:00+08:00"},
        {"description": ""},
    ],
)
async def test_a_wrong_field_is_a_signed_400(rig: Rig, changes: dict[str, Any]) -> None:
    status, answer, signed = await call(rig, "POST", "/v1/payments", payment(rig, "T20261124002") | changes)

    assert (status, signed) == (400, True)
    assert answer["code"] in ("bad_request", "expired")


async def test_a_payment_is_idempotent_by_its_whole_body(rig: Rig) -> None:
    first = payment(rig, "T20261124003")
    one, again = [await call(rig, "POST", "/v1/payments", first) for _ in range(2)]

    assert one[1] == again[1]
    assert (await call(rig, "POST", "/v1/payments", {**first, "amount": 1}))[1]["code"] == "conflict"
    await rig.pay("T20261124003")
    assert (await call(rig, "POST", "/v1/payments", first))[1]["code"] == "paid"


async def test_a_declined_payment_stays_unpaid(rig: Rig) -> None:
    await call(rig, "POST", "/v1/payments", payment(rig, "T20261124004", 12_801))

    assert await rig.pay("T20261124004") == "declined"
    assert (await call(rig, "GET", "/v1/payments/T20261124004"))[1]["state"] == "unpaid"


async def test_a_notice_is_signed_anew_each_time_until_it_is_accepted() -> None:
    clock = ManualClock()
    async with running(clock) as rig:
        rig.inbox.statuses = [500]
        await call(rig, "POST", "/v1/payments", payment(rig, "T20261124005"))
        await rig.pay("T20261124005")
        await rig.inbox.wait(1)
        while not clock.sleepers:
            await rig.look("faults")
        await clock.advance(15)
        await rig.inbox.wait(2)
        (first, body), (second, repeated) = rig.inbox.received

    assert body == repeated
    assert first["Scenepay-Signature"] != second["Scenepay-Signature"]
    assert int(second["Scenepay-Timestamp"]) == int(first["Scenepay-Timestamp"]) + 15


async def test_a_payment_expires(rig: Rig) -> None:
    clock = ManualClock()
    async with running(clock) as started:
        await call(started, "POST", "/v1/payments", payment(started, "T20261124006"))
        await clock.advance(1801)

        assert (await call(started, "GET", "/v1/payments/T20261124006"))[1]["state"] == "closed"
        assert await started.pay("T20261124006") == "refused"


async def test_the_control_interface_names_what_is_wrong(rig: Rig) -> None:
    await call(rig, "POST", "/v1/payments", payment(rig, "T20261124007"))
    await rig.pay("T20261124007")
    notice = (await rig.look("notices"))["notices"][0]["notice_id"]

    assert (await rig.control(f"redeliver/{notice}", {"times": 2}))["statuses"] == [200, 200]
    assert (await rig.control(f"redeliver/{notice}", {"times": 0}))["http"] == 400
    assert (await rig.control("redeliver/nobody"))["http"] == 404
    assert (await rig.control("forge", {"out_trade_no": "T20261124007", "kind": "teleported"}))["http"] == 400
    assert (await rig.control("pay", {"out_trade_no": "nobody"}))["http"] == 404
    assert (await rig.control("refund_finish", {"out_refund_no": "nobody"}))["http"] == 404
    assert (await rig.look("payments"))["total"] == 1


def test_the_fault_table_has_one_meaning_for_each_ending() -> None:
    endings = [fault.suffix for fault in BANKAPP_FAULTS if fault.suffix is not None]

    assert len(endings) == len(set(endings))


def test_a_plan_takes_no_unknown_setting() -> None:
    assert plan_from_settings(credentials(), {"retry_schedule": [1, 2]}).retry_schedule == (1, 2)
    assert type(credentials()).from_json(credentials().to_json()) == credentials()
    with pytest.raises(ValueError, match="typo"):
        plan_from_settings(credentials(), {"typo": 1})
