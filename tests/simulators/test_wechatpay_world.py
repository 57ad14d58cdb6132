"""The simulator as a rig uses it: several merchants, lists and tokens, plans and keys, a crowd of payers."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.simulators.clock import FactorClock, ManualClock
from bot.simulators.wechatpay import (
    Credentials,
    Merchant,
    WeChatPayPlan,
    crypto,
    generate_credentials,
    plan_from_settings,
)
from tests.simulators.pay_rig import APPID, OPENID, Rig, credentials, opened, running, until

OTHER_MCHID = "1900000222"


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with running() as started:
        yield started


def _two_merchants() -> tuple[Merchant, Merchant]:
    """Two merchants that share a key pair, because making one is slow; the platform tells them by number."""
    first = credentials().merchant()
    return first, replace(first, mchid=OTHER_MCHID, apiv3_key="z" * 32, name="另一商户")


async def test_merchants_do_not_see_each_other() -> None:
    async with running(merchants=_two_merchants()) as rig:
        other = replace(rig.merchant, keys=replace(credentials(), mchid=OTHER_MCHID))
        await rig.merchant.create("ORDER0001")
        paid = await rig.merchant.pay(out_trade_no="ORDER0001")
        await rig.merchant.refund("ORDER0001", "R1", 1, 12850)

        unseen = [
            await other.query("ORDER0001"),
            await other.close("ORDER0001"),
            await other.refund("ORDER0001", "R1", 1, 12850),
            await other.call("GET", "/v3/refund/domestic/refunds/R1"),
            await other.call("GET", f"/v3/pay/transactions/id/{paid['transaction_id']}?mchid={OTHER_MCHID}"),
        ]
        own = await other.create("ORDER0001", 500)

        assert [answer.status for answer in unseen] == [404] * 5
        assert own.status == 200, "a number is unique within one merchant only"
        assert (await other.query("ORDER0001")).json["amount"]["total"] == 500


async def test_a_merchants_notice_is_locked_with_its_own_key() -> None:
    async with running(merchants=_two_merchants()) as rig:
        other = replace(rig.merchant, keys=replace(credentials(), mchid=OTHER_MCHID))
        prepay_id = (await other.create("ORDER0001")).json["prepay_id"]
        await rig.merchant.pay(prepay_id=prepay_id)
        [(_, body)] = await rig.inbox.wait(1)

        resource = json.loads(body)["resource"]

        assert opened(resource, "z" * 32)["mchid"] == OTHER_MCHID
        with pytest.raises(InvalidTag):
            opened(resource, credentials().apiv3_key)


@pytest.mark.parametrize("way", ["native", "h5", "app"])
async def test_every_token_leads_to_its_order(rig: Rig, way: str) -> None:
    scene = {"payer_client_ip": "1.2.3.4", "h5_info": {"type": "iOS"}} if way == "h5" else None
    token = (await rig.merchant.create("ORDER0001", way=way, scene_info=scene)).json
    name = {"native": "code_url", "h5": "h5", "app": "prepay_id"}[way]

    paid = await rig.merchant.pay(**{name: next(iter(token.values()))})

    assert paid["result"] == "ok"
    trade_type = (await rig.merchant.query("ORDER0001")).json["trade_type"]
    assert trade_type == {"native": "NATIVE", "h5": "MWEB", "app": "APP"}[way]


async def test_without_a_payer_the_named_or_the_plans_openid_pays(rig: Rig) -> None:
    await rig.merchant.create("ORDER0001")
    await rig.merchant.create("ORDER0002", way="native")
    for number in ("ORDER0001", "ORDER0002"):
        await rig.merchant.control("POST", "pay", {"out_trade_no": number})

    payers = [(await rig.merchant.query(number)).json["payer"]["openid"] for number in ("ORDER0001", "ORDER0002")]

    assert payers == [OPENID, rig.sim.plan.default_openid]


async def test_orders_are_listed_narrowed_and_paged(rig: Rig) -> None:
    for number in range(5):
        await rig.merchant.create(f"ORDER000{number}")
    await rig.merchant.pay(out_trade_no="ORDER0003")

    every = await rig.merchant.control("GET", "orders")
    paid = await rig.merchant.control("GET", "orders?state=SUCCESS")
    one = await rig.merchant.control("GET", "orders?out_trade_no=ORDER0001")
    rest = await rig.merchant.control("GET", "orders?after=4")
    wrong = await rig.merchant.control("GET", "orders?after=x")

    assert every["total"] == 5
    assert [order["out_trade_no"] for order in paid["orders"]] == ["ORDER0003"]
    assert [order["state"] for order in one["orders"]] == ["NOTPAY"]
    assert [order["out_trade_no"] for order in rest["orders"]] == ["ORDER0004"]
    assert wrong["http"] == 400


async def test_notices_can_change_their_key_at_run_time(rig: Rig) -> None:
    told = await rig.merchant.control("POST", "rotate", {"notice_signing": "public_key"})
    await rig.merchant.create("ORDER0001")
    await rig.merchant.pay(out_trade_no="ORDER0001")

    [(headers, _)] = await rig.inbox.wait(1)

    assert headers["Wechatpay-Serial"] == told["public_key_id"]
    assert told["listed"] == [credentials().platform_certificate.serial], "no rotation was asked for"


async def test_latency_passes_on_the_clock() -> None:
    clock = ManualClock()
    async with running(clock, latency=1.5) as rig:
        task = asyncio.create_task(rig.merchant.create("ORDER0001"))
        await until(lambda: clock.sleepers == 1)
        assert not task.done()

        await clock.advance(1.5)

        assert (await task).status == 200


async def test_a_crowd_pays_under_faults_and_every_payment_is_told_as_planned() -> None:
    """80 payments with duplicates, losses and forgeries: what arrives is what the log says, once or thrice."""
    rates = {"notice_duplicate": 0.2, "notice_never": 0.1, "notice_forged": 0.1, "answer_dropped": 0.05}
    async with running(FactorClock(10_000), rates=rates, seed=3, faults_by_amount=False) as rig:
        await asyncio.gather(*(_purchase(rig, f"CROWD{number:05d}") for number in range(80)))
        await until(lambda: len(rig.sim.background) == 0, seconds=20)

        log = rig.sim.notifier.log()
        genuine = Counter(notice.subject for notice in log if notice.kind == "genuine")
        sent = Counter(len(notice.attempts) for notice in log if notice.kind == "genuine")
        bodies = Counter(body for _, body in rig.inbox.received)

    assert set(genuine.values()) == {1}, "one notice a payment"
    assert len(genuine) == 80
    assert set(sent) == {0, 1, 3}
    assert 2 <= sent[0] <= 20
    assert 6 <= sent[3] <= 30
    assert sum(bodies.values()) == sum(len(notice.attempts) for notice in log)


async def _purchase(rig: Rig, number: str) -> None:
    for _ in range(6):
        try:
            if (await rig.merchant.create(number)).status == 200:
                break
        except aiohttp.ClientError:
            continue
    assert (await rig.merchant.pay(out_trade_no=number))["result"] == "ok"


class TestPlans:
    """Plans and credentials: refused where they cannot work, whole after a trip through JSON."""

    def test_credentials_survive_json(self) -> None:
        trip = Credentials.from_json(json.loads(json.dumps(credentials().to_json())))

        assert trip == credentials()
        assert trip.plan() == credentials().plan()

    def test_generated_credentials_fit_the_documents(self) -> None:
        made = generate_credentials("1900000333", (APPID,))

        assert len(made.apiv3_key) == 32
        assert made.platform_public_key.key_id.startswith("PUB_KEY_ID_")
        assert len(made.merchant_cert_serial) == 40
        assert made.merchant_cert_serial == made.merchant_cert_serial.upper()
        message = b"a\n"
        signature = crypto.sign(made.merchant_private_pem, message)
        assert crypto.verifies(made.merchant().public_key_pem, message, signature)

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"merchants": ()}, "needs a merchant"),
            ({"certificates": (), "public_key": None}, "needs a platform certificate"),
        ],
    )
    def test_impossible_plans(self, changes: dict[str, Any], says: str) -> None:
        with pytest.raises(ValueError, match=says):
            credentials().plan(**changes)

    def test_the_apiv3_key_has_32_bytes(self) -> None:
        with pytest.raises(ValueError, match="32 bytes"):
            Merchant("1", (APPID,), "00", "", "short")

    def test_settings_of_a_configuration_file(self) -> None:
        plan = plan_from_settings(credentials(), {"seed": 5, "retry_schedule": [1, 2]})

        assert isinstance(plan, WeChatPayPlan)
        assert (plan.seed, plan.retry_schedule) == (5, (1, 2))
        with pytest.raises(ValueError, match="unknown settings: merchants"):
            plan_from_settings(credentials(), {"merchants": []})


@settings(max_examples=40)
@given(message=st.binary(min_size=1, max_size=200), data=st.data())
def test_any_changed_bit_breaks_a_signature(message: bytes, data: st.DataObject) -> None:
    keys = credentials()
    public = crypto.public_pem(keys.merchant_private_pem)
    signature = crypto.sign(keys.merchant_private_pem, message)
    at, bit = data.draw(st.integers(0, len(message) - 1)), data.draw(st.integers(0, 7))
    changed = bytearray(message)
    changed[at] ^= 1 << bit

    assert crypto.verifies(public, message, signature)
    assert not crypto.verifies(public, bytes(changed), signature)


@pytest.mark.parametrize("signature", ["", "AAAA", "=", "ä", "A" * 344, "\ud800"])
def test_junk_is_no_signature(signature: str) -> None:
    assert not crypto.verifies(crypto.public_pem(credentials().merchant_private_pem), b"x", signature)


@settings(max_examples=40)
@given(parts=st.lists(st.text(st.sampled_from("aé电\n😀"), max_size=9), max_size=6))
def test_signed_lines_end_each_with_a_line_feed(parts: list[str]) -> None:
    assert crypto.lines(*parts) == "".join(part + "\n" for part in parts).encode()
