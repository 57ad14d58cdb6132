"""The gateway completes every call against the simulator over real HTTP: two codes written from the same documents."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from bot.gateways.wechatpay.gateway import WeChatPayGateway, build
from bot.kernel.clock import SystemClock, business_day
from bot.outside.http import HttpClient
from bot.payments.facts import (
    ChargeFact,
    ChargeRef,
    Closed,
    Created,
    Declined,
    Missing,
    NewCharge,
    NewRefund,
    Notice,
    Paid,
    PaidFact,
    RawNotice,
    RefundFact,
    RefundRef,
    RefundState,
    StatementLine,
    Unknown,
    Unverified,
    Waiting,
    Way,
)
from tests.simulators.pay_rig import APPID, OPENID, Rig, credentials, running

CLOCK = SystemClock()
MINI = "wx0000000000000002"
WAYS = (Way.JSAPI, Way.MINI, Way.NATIVE, Way.H5)


@dataclass
class Shop:
    """The gateway, pointed at a running simulator."""

    gateway: WeChatPayGateway
    rig: Rig
    http: HttpClient

    def charge(self, way: Way = Way.JSAPI, *, amount: int = 12_850, number: str = "T1000000001") -> NewCharge:
        app = {Way.JSAPI: APPID, Way.MINI: MINI}.get(way)
        now = CLOCK.now()
        return NewCharge(
            out_trade_no=number,
            account="main",
            way=way,
            amount=amount,
            currency="CNY",
            description="阳光花园 11月物业费",
            created_at=now,
            expires_at=now + timedelta(minutes=30),
            notify_url=self.rig.merchant.notify_url,
            payer_id=OPENID if app else None,
            payer_app=app,
            payer_ip="203.0.113.9",
            attach="chg_1",
        )

    async def created(self, charge: NewCharge) -> Mapping[str, str]:
        outcome = await self.gateway.create(charge)
        assert isinstance(outcome, Created), outcome
        return outcome.handover

    async def query(self, charge: NewCharge) -> ChargeFact:
        return await self.gateway.query(ref(charge))

    async def notice(self, index: int = 0) -> Notice | Unverified:
        headers, body = (await self.rig.inbox.wait(index + 1))[index]
        lower = {name.lower(): value for name, value in headers.items()}
        return self.gateway.read_notice(RawNotice("main", lower, body), CLOCK.now())

    async def paid(self, charge: NewCharge, **facts: Any) -> PaidFact:
        """Create, pay, and return what the query tells."""
        await self.created(charge)
        assert (await self.rig.merchant.pay(out_trade_no=charge.out_trade_no, **facts))["result"] == "ok"
        fact = await self.query(charge)
        assert isinstance(fact, Paid), fact
        return fact.fact

    def refund(self, charge: NewCharge, amount: int, number: str = "R1000000001") -> NewRefund:
        return NewRefund(
            out_refund_no=number,
            out_trade_no=charge.out_trade_no,
            account="main",
            amount=amount,
            total=charge.amount,
            currency="CNY",
            reason="多收退款",
            notify_url=self.rig.merchant.notify_url,
        )

    async def refund_query(self, refund: NewRefund) -> object:
        known = RefundRef(refund.out_refund_no, refund.out_trade_no, refund.account, refund.amount)
        return await self.gateway.refund_query(known)


def ref(charge: NewCharge) -> ChargeRef:
    return ChargeRef(
        out_trade_no=charge.out_trade_no,
        account=charge.account,
        way=charge.way,
        amount=charge.amount,
        currency=charge.currency,
        created_at=charge.created_at,
        expires_at=charge.expires_at,
    )


def table(base: str, mode: str) -> dict[str, Any]:
    keys = credentials()
    settings: dict[str, Any] = {
        "mchid": keys.mchid,
        "appids": list(keys.appids),
        "private_key": keys.merchant_private_pem,
        "serial": keys.merchant_cert_serial,
        "apiv3_key": keys.apiv3_key,
        "base_url": base,
    }
    if mode != "certificate":
        public = keys.platform_public_key
        settings |= {"public_key_id": public.key_id, "public_key": public.public_pem}
    return settings


async def open_shop(mode: str = "certificate", **changes: Any) -> AsyncIterator[Shop]:
    http = await HttpClient.create(CLOCK)
    try:
        async with running(notice_signing="alternate" if mode == "both" else mode, **changes) as rig:
            gateway = build({"main": table(rig.merchant.base, mode)}, http, CLOCK)
            await gateway.refresh()
            assert gateway.usable("main")
            yield Shop(gateway, rig, http)
    finally:
        await http.close()


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async for opened in open_shop():
        yield opened


@pytest.fixture(params=["certificate", "public_key", "both"])
async def any_shop(request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    """With certificates alone, with the public key, and with both while notices alternate."""
    async for opened in open_shop(request.param):
        yield opened


async def test_the_whole_purchase(any_shop: Shop) -> None:
    """Create, pay with the bridge parameters, notice, query, refund, its notice, its query, and the bill."""
    shop, charge = any_shop, any_shop.charge()
    handover = await shop.created(charge)
    assert await shop.query(charge) == Waiting("NOTPAY")
    assert (await shop.rig.merchant.pay(jsapi=dict(handover)))["result"] == "ok"
    notice, queried = await shop.notice(), await shop.query(charge)
    assert isinstance(notice, Notice)
    assert isinstance(queried, Paid)
    assert notice.fact == queried.fact
    paid = queried.fact
    merchant, apps = shop.gateway.owner("main")
    assert (paid.out_trade_no, paid.amount, paid.currency) == (charge.out_trade_no, 12_850, "CNY")
    assert (paid.merchant_id, paid.payer_id, paid.way) == (merchant, OPENID, "jsapi")
    assert paid.app_id in apps
    assert CLOCK.now() - paid.paid_at < timedelta(seconds=60)

    refund = shop.refund(charge, 850)
    asked = await shop.gateway.refund(refund)
    assert isinstance(asked, RefundFact)
    assert asked.state is RefundState.PENDING
    refunded = await shop.notice(1)
    assert isinstance(refunded, Notice)
    assert isinstance(refunded.fact, RefundFact)
    assert (refunded.fact.state, refunded.fact.amount) == (RefundState.SUCCEEDED, 850)
    assert await shop.refund_query(refund) == refunded.fact
    assert await shop.query(charge) == Closed("REFUND", was_paid=True)

    lines = [line async for line in shop.gateway.statement("main", business_day(paid.paid_at))]
    assert _short(lines) == [
        ("payment", charge.out_trade_no, 12_850, ""),
        ("refund", charge.out_trade_no, 850, "R1000000001"),
    ]
    assert {line.transaction_id for line in lines} == {paid.transaction_id}
    assert lines[0].fee == 77


async def test_every_way_is_created_repeated_and_closed(shop: Shop) -> None:
    for number, way in enumerate(WAYS):
        charge = shop.charge(way, number=f"T100000000{number}")
        first, second = await shop.created(charge), await shop.created(charge)

        same = {"package"} if "package" in first else set(first)
        assert all(first[name] == second[name] for name in same)
        for _ in range(2):
            assert await shop.gateway.close(ref(charge)) == Closed("CLOSED")
        assert await shop.query(charge) == Closed("CLOSED")
        assert isinstance(await shop.gateway.create(charge), Declined)


async def test_parameters_signed_again_still_pay(shop: Shop) -> None:
    charge = shop.charge(Way.MINI)
    handover = shop.gateway.renew(ref(charge), await shop.created(charge))

    assert (await shop.rig.merchant.pay(jsapi=dict(handover)))["result"] == "ok"


async def test_the_same_number_for_another_charge_is_not_created(shop: Shop) -> None:
    await shop.created(shop.charge())

    assert await shop.gateway.create(shop.charge(amount=12_851)) == Unknown("INVALID_REQUEST")
    assert isinstance(await shop.gateway.create(shop.charge(Way.NATIVE)), Unknown)


async def test_a_charge_that_is_paid_already_is_told_so_by_create_and_close(shop: Shop) -> None:
    charge = shop.charge()
    fact = await shop.paid(charge)

    assert await shop.gateway.create(charge) == Paid(fact)
    assert await shop.gateway.close(ref(charge)) == Paid(fact)


async def test_a_coupon_leaves_the_order_amount_and_lowers_what_it_lowers(shop: Shop) -> None:
    free = await shop.paid(shop.charge(), coupon=850)
    prefunded = await shop.paid(shop.charge(number="T1000000002"), coupon=850, coupon_type="CASH")

    assert (free.amount, free.payer_amount, free.settlement_amount) == (12_850, 12_000, 12_000)
    assert (prefunded.amount, prefunded.payer_amount, prefunded.settlement_amount) == (12_850, 12_000, 12_850)
    assert (free.discounts, prefunded.discounts) == ({"merchant": 850}, {"wechatpay": 850})


async def test_what_does_not_exist_is_missing(shop: Shop) -> None:
    charge = shop.charge()

    assert await shop.query(charge) == Missing()
    assert await shop.gateway.close(ref(charge)) == Missing()
    assert await shop.refund_query(shop.refund(charge, 1)) == Missing()
    assert isinstance(await shop.gateway.refund(shop.refund(charge, 1)), Unknown)
    yesterday = business_day(CLOCK.now()) - timedelta(days=1)
    assert [line async for line in shop.gateway.statement("main", yesterday)] == []


async def test_a_create_that_went_wrong_once_is_created_by_its_repetition(shop: Shop) -> None:
    """Lost, 500, reset, unsigned, forged, dropped: the endings of amounts are the simulator's faults."""
    for suffix in (2, 9, 13, 15, 16, 29):
        charge = shop.charge(amount=12_800 + suffix, number=f"T10000000{suffix:02d}")

        await shop.created(charge)
        assert isinstance(await shop.gateway.create(charge), Created)


async def test_a_proxys_page_is_no_answer(shop: Shop) -> None:
    charge = shop.charge(amount=12_827)

    await shop.created(charge)
    assert [await shop.query(charge) for _ in range(2)] == [Unknown("status_502"), Waiting("NOTPAY")]


async def test_too_many_creates_are_unknown_until_later(shop: Shop) -> None:
    charge = shop.charge(amount=12_826)

    assert await shop.gateway.create(charge) == Unknown("FREQUENCY_LIMITED")
    assert isinstance(await shop.gateway.create(charge), Created)


async def test_a_query_is_believed_when_it_is_proven(shop: Shop) -> None:
    """Twice 500, then the truth; twice denied, then the truth."""
    for suffix, first in ((14, Unknown("SYSTEM_ERROR")), (17, Missing())):
        charge = shop.charge(amount=12_800 + suffix, number=f"T10000000{suffix}")
        await shop.created(charge)

        assert [await shop.query(charge) for _ in range(3)] == [first, first, Waiting("NOTPAY")]


async def test_a_payment_that_overtakes_the_close_is_paid(shop: Shop) -> None:
    charge = shop.charge(amount=12_812)
    await shop.created(charge)
    fact = await shop.gateway.close(ref(charge))

    assert isinstance(fact, Paid)
    assert fact.fact.amount == 12_812


async def test_a_close_whose_answer_is_lost_is_unknown_and_then_closed(shop: Shop) -> None:
    charge = shop.charge(amount=12_825)
    await shop.created(charge)

    assert isinstance(await shop.gateway.close(ref(charge)), Unknown)
    assert await shop.query(charge) == Closed("CLOSED")


async def test_a_payer_who_is_typing_cannot_be_closed_out(shop: Shop) -> None:
    charge = shop.charge(amount=12_811)
    await shop.created(charge)
    await shop.rig.merchant.pay(out_trade_no=charge.out_trade_no)

    assert isinstance(await shop.gateway.close(ref(charge)), Unknown)
    facts = [await shop.query(charge) for _ in range(4)]
    assert Waiting("USERPAYING") in facts
    assert isinstance(facts[-1], Paid)


async def test_a_refund_whose_answer_is_lost_is_the_same_refund_when_repeated(shop: Shop) -> None:
    charge = shop.charge()
    await shop.paid(charge)
    refund = shop.refund(charge, 121)
    assert isinstance(await shop.gateway.refund(refund), Unknown)
    again = await shop.gateway.refund(refund)

    assert isinstance(again, RefundFact)
    queried = await shop.refund_query(refund)
    assert isinstance(queried, RefundFact)
    assert queried.refund_id == again.refund_id


async def test_a_refund_without_funds_is_a_signed_no(shop: Shop) -> None:
    charge = shop.charge()
    await shop.paid(charge)
    outcome = await shop.gateway.refund(shop.refund(charge, 120))

    assert isinstance(outcome, Declined)
    assert (outcome.code, outcome.vendor_code) == ("funds_short", "NOT_ENOUGH")


async def test_more_than_was_paid_is_not_refunded(shop: Shop) -> None:
    charge = shop.charge()
    await shop.paid(charge)
    first = await shop.gateway.refund(shop.refund(charge, 12_850))
    second = await shop.gateway.refund(shop.refund(charge, 1, "R1000000002"))

    assert isinstance(first, RefundFact)
    assert isinstance(second, Declined)


async def test_a_refund_may_end_otherwise(shop: Shop) -> None:
    for number, (amount, state) in enumerate(((110, RefundState.ABNORMAL), (122, RefundState.FAILED))):
        charge = shop.charge(number=f"T100000000{number}")
        await shop.paid(charge)
        await shop.notice(2 * number)
        await shop.gateway.refund(shop.refund(charge, amount, f"R100000000{number}"))
        notice = await shop.notice(2 * number + 1)

        assert isinstance(notice, Notice)
        assert isinstance(notice.fact, RefundFact)
        assert notice.fact.state is state


async def test_a_refund_from_the_console_is_seen_in_the_order(shop: Shop) -> None:
    charge = shop.charge()
    await shop.paid(charge)
    await shop.rig.merchant.control("POST", "console_refund", {"out_trade_no": charge.out_trade_no, "amount": 1})

    assert await shop.query(charge) == Closed("REFUND", was_paid=True)


UNTRUE = (
    "forged_signature", "unknown_serial", "stale_timestamp", "signtest", "unsigned", "flipped_byte", "other_key",
    "oversize",
)  # fmt: skip
TRUE_BUT_WRONG = {"wrong_amount": ("amount", 12_851), "other_currency": ("currency", "HKD"),
                  "other_appid": ("app_id", "wx" + "f" * 16)}  # fmt: skip


async def test_untrue_notices_are_unverified(any_shop: Shop) -> None:
    charge = any_shop.charge()
    await any_shop.created(charge)
    for index, kind in enumerate(UNTRUE):
        wish = {"out_trade_no": charge.out_trade_no, "kind": kind, "part": "signature", "position": index}
        await any_shop.rig.merchant.control("POST", "forge", wish)

        assert isinstance(await any_shop.notice(index), Unverified), kind


async def test_a_true_notice_tells_what_is_wrong_with_it(shop: Shop) -> None:
    """Genuine but about something else: the reader tells the facts, and credit compares them."""
    charge = shop.charge()
    await shop.created(charge)
    for index, (kind, (field, value)) in enumerate(TRUE_BUT_WRONG.items()):
        await shop.rig.merchant.control("POST", "forge", {"out_trade_no": charge.out_trade_no, "kind": kind})
        notice = await shop.notice(index)

        assert isinstance(notice, Notice)
        assert isinstance(notice.fact, PaidFact)
        assert getattr(notice.fact, field) == value
    await shop.rig.merchant.control("POST", "forge", {"out_trade_no": charge.out_trade_no, "kind": "not_paid"})
    unpaid = await shop.notice(len(TRUE_BUT_WRONG))
    assert isinstance(unpaid, Notice)
    assert unpaid.fact is None


async def test_the_gateway_follows_a_rotation() -> None:
    """Before the renewal the new certificate is nobody's; after it both serve."""
    async for shop in open_shop():
        charge = shop.charge()
        await shop.created(charge)
        await shop.rig.merchant.control("POST", "rotate", {"step": "introduce"})
        await shop.rig.merchant.control("POST", "rotate", {"step": "switch"})
        assert await shop.query(charge) == Unknown("answer_unknown_serial")

        second = build({"main": table(shop.rig.merchant.base, "certificate")}, shop.http, CLOCK)
        await second.refresh()
        assert await second.query(ref(charge)) == Waiting("NOTPAY")


def _short(lines: list[StatementLine]) -> list[tuple[str, str, int, str]]:
    return sorted((line.kind, line.out_trade_no, line.amount, line.out_refund_no) for line in lines)
