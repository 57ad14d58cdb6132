"""The gateway completes every call against the simulator over real HTTP: two codes written from docs/bankapp.md."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from bot.gateways.bankapp.gateway import BankAppGateway, build
from bot.kernel.clock import SystemClock, business_day
from bot.kernel.errors import GatewayTrouble
from bot.kernel.ids import new_out_number
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
    Unknown,
    Unverified,
    Waiting,
    Way,
)
from tests.simulators.bankapp_rig import Rig, credentials, running

CLOCK = SystemClock()


@dataclass
class Shop:
    """The gateway, pointed at a running simulator."""

    gateway: BankAppGateway
    rig: Rig
    http: HttpClient

    def charge(self, *, amount: int = 12_850) -> NewCharge:
        now = CLOCK.now()
        return NewCharge(
            out_trade_no=new_out_number("T", now),
            account="main",
            way=Way.REDIRECT,
            amount=amount,
            currency="CNY",
            description="阳光花园 11月物业费",
            created_at=now,
            expires_at=now + timedelta(minutes=30),
            notify_url=self.rig.notify_url,
            return_url="https://pay.example.com/back",
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

    async def paid(self, charge: NewCharge) -> PaidFact:
        """Create, pay, and return what the query tells."""
        await self.created(charge)
        assert await self.rig.pay(charge.out_trade_no) == "ok"
        fact = await self.query(charge)
        assert isinstance(fact, Paid), fact
        return fact.fact

    def refund(self, charge: NewCharge, amount: int) -> NewRefund:
        return NewRefund(
            out_refund_no=new_out_number("R", CLOCK.now()),
            out_trade_no=charge.out_trade_no,
            account="main",
            amount=amount,
            total=charge.amount,
            currency="CNY",
            reason="多收退款",
            notify_url=self.rig.notify_url,
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


@asynccontextmanager
async def open_shop(**changes: Any) -> AsyncIterator[Shop]:
    http = await HttpClient.create(CLOCK)
    try:
        async with running(**changes) as rig:
            yield Shop(build({"main": credentials().settings(rig.base)}, http, CLOCK), rig, http)
    finally:
        await http.close()


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with open_shop() as opened:
        yield opened


async def test_the_whole_purchase(shop: Shop) -> None:
    """Create, pay on the bank's page, notice, query, refund, its notice, its query, and the statement."""
    charge = shop.charge()
    url = (await shop.created(charge))["url"]
    assert await shop.query(charge) == Waiting("unpaid")
    async with shop.rig.session.get(url) as page:
        assert "128.50" in await page.text()
    async with shop.rig.session.post(url, data={"do": "pay"}, allow_redirects=False) as back:
        assert back.headers["Location"] == charge.return_url
    notice, queried = await shop.notice(), await shop.query(charge)
    assert isinstance(notice, Notice)
    assert isinstance(queried, Paid)
    assert notice.fact == queried.fact
    paid = queried.fact
    merchant, apps = shop.gateway.owner("main")
    assert (paid.out_trade_no, paid.amount, paid.currency) == (charge.out_trade_no, 12_850, "CNY")
    assert (paid.merchant_id, paid.way) == (merchant, "redirect")
    assert paid.app_id in apps

    refund = shop.refund(charge, 850)
    asked = await shop.gateway.refund(refund)
    assert isinstance(asked, RefundFact)
    told = await shop.notice(1)
    assert isinstance(told, Notice)
    assert isinstance(told.fact, RefundFact)
    assert (told.fact.state, told.fact.amount) == (RefundState.SUCCEEDED, 850)
    assert await shop.refund_query(refund) == told.fact
    assert isinstance(await shop.query(charge), Paid)

    lines = [line async for line in shop.gateway.statement("main", business_day(paid.paid_at))]
    assert [(line.kind, line.amount, line.fee) for line in lines] == [("payment", 12_850, 26), ("refund", 850, -2)]
    assert {(line.transaction_id, line.out_trade_no) for line in lines} == {(paid.transaction_id, charge.out_trade_no)}


async def test_a_create_is_repeated_with_the_same_page_and_then_closed(shop: Shop) -> None:
    charge = shop.charge()
    assert await shop.created(charge) == await shop.created(charge)
    for _ in range(2):
        assert await shop.gateway.close(ref(charge)) == Closed("closed")
    assert await shop.rig.pay(charge.out_trade_no) == "refused"
    assert await shop.gateway.create(charge) == Declined("closed", "closed", "closed")


async def test_a_charge_that_is_paid_already_is_told_so_by_create_and_close(shop: Shop) -> None:
    charge = shop.charge()
    fact = await shop.paid(charge)

    assert await shop.gateway.create(charge) == Paid(fact)
    assert await shop.gateway.close(ref(charge)) == Paid(fact)
    assert await shop.gateway.create(replace(charge, amount=1)) == Paid(fact)


async def test_the_same_number_for_another_charge_is_not_created(shop: Shop) -> None:
    charge = shop.charge()
    await shop.created(charge)

    assert await shop.gateway.create(replace(charge, amount=1)) == Unknown("conflict")


async def test_what_does_not_exist_is_missing(shop: Shop) -> None:
    charge = shop.charge()

    assert await shop.query(charge) == Missing()
    assert await shop.gateway.close(ref(charge)) == Missing()
    assert await shop.refund_query(shop.refund(charge, 1)) == Missing()
    assert await shop.gateway.refund(shop.refund(charge, 1)) == Unknown("not_found")
    assert [line async for line in shop.gateway.statement("main", business_day(CLOCK.now()))] == []


async def test_a_create_that_went_wrong_once_is_created_by_its_repetition(shop: Shop) -> None:
    """Lost, 503, reset, unsigned, forged, stale, replayed, a proxy's page, dropped."""
    for suffix in (2, 9, 13, 15, 16, 23, 24, 27, 29):
        charge = shop.charge(amount=12_800 + suffix)

        await shop.created(charge)
        assert isinstance(await shop.gateway.create(charge), Created), suffix


async def test_a_query_is_believed_when_it_is_proven(shop: Shop) -> None:
    for suffix, first in (
        (14, Unknown("trouble")),
        (17, Missing()),
        (15, Unknown("answer_unsigned")),
        (16, Unknown("answer_bad_signature")),
        (23, Unknown("answer_stale")),
        (24, Unknown("answer_bad_signature")),
    ):
        charge = shop.charge(amount=12_800 + suffix)
        await shop.created(charge)
        facts = [await shop.query(charge) for _ in range(3)]

        assert facts[0] == first, suffix
        assert facts[-1] == Waiting("unpaid")


async def test_a_payment_that_overtakes_the_close_is_paid(shop: Shop) -> None:
    charge = shop.charge(amount=12_812)
    await shop.created(charge)
    fact = await shop.gateway.close(ref(charge))

    assert isinstance(fact, Paid)
    assert fact.fact.amount == 12_812


async def test_a_payer_who_is_paying_cannot_be_closed_out(shop: Shop) -> None:
    charge = shop.charge(amount=12_811)
    await shop.created(charge)
    await shop.rig.pay(charge.out_trade_no)

    assert await shop.gateway.close(ref(charge)) == Unknown("not_closed_paying")
    facts = [await shop.query(charge) for _ in range(4)]
    assert facts[:3] == [Waiting("paying")] * 3
    assert isinstance(facts[3], Paid)


async def test_what_the_bank_gave_back_is_told_as_such(shop: Shop) -> None:
    charge = shop.charge(amount=12_826)
    await shop.created(charge)
    await shop.rig.pay(charge.out_trade_no)

    assert await shop.query(charge) == Closed("returned", was_paid=True)


async def test_a_refund_whose_answer_is_lost_is_the_same_refund_when_repeated(shop: Shop) -> None:
    charge = shop.charge()
    await shop.paid(charge)
    refund = shop.refund(charge, 121)
    assert isinstance(await shop.gateway.refund(refund), Unknown)
    again, queried = await shop.gateway.refund(refund), await shop.refund_query(refund)

    assert isinstance(again, RefundFact)
    assert isinstance(queried, RefundFact)
    assert queried.refund_id == again.refund_id


async def test_signed_refusals_of_a_refund_are_a_no(shop: Shop) -> None:
    charge = shop.charge()
    await shop.paid(charge)
    await shop.gateway.refund(shop.refund(charge, 12_850))

    for amount, code in ((1, "amount"), (120, "funds")):
        outcome = await shop.gateway.refund(shop.refund(charge, amount))
        assert isinstance(outcome, Declined)
        assert outcome.code == code


@pytest.mark.parametrize(("amount", "state"), [(110, RefundState.ABNORMAL), (122, RefundState.FAILED)])
async def test_a_refund_may_end_otherwise(shop: Shop, amount: int, state: RefundState) -> None:
    charge = shop.charge()
    await shop.paid(charge)
    await shop.notice()
    await shop.gateway.refund(shop.refund(charge, amount))
    notice = await shop.notice(1)

    assert isinstance(notice, Notice)
    assert isinstance(notice.fact, RefundFact)
    assert notice.fact.state is state


UNTRUE = ("stranger", "stale", "unsigned", "changed", "other_merchant", "unknown_serial", "oversize")
TRUE_BUT_WRONG = {"wrong_amount": ("amount", 12_851), "other_currency": ("currency", "HKD")}


async def test_untrue_notices_are_unverified(shop: Shop) -> None:
    charge = shop.charge()
    await shop.created(charge)
    for index, kind in enumerate(UNTRUE):
        await shop.rig.control("forge", {"out_trade_no": charge.out_trade_no, "kind": kind})

        assert isinstance(await shop.notice(index), Unverified), kind


async def test_a_true_notice_tells_what_is_wrong_with_it(shop: Shop) -> None:
    """Genuine but about something else: the reader tells the facts, and credit compares them."""
    charge = shop.charge()
    await shop.created(charge)
    for index, (kind, (field, value)) in enumerate(TRUE_BUT_WRONG.items()):
        await shop.rig.control("forge", {"out_trade_no": charge.out_trade_no, "kind": kind})
        notice = await shop.notice(index)

        assert isinstance(notice, Notice)
        assert isinstance(notice.fact, PaidFact)
        assert getattr(notice.fact, field) == value
    await shop.rig.control("forge", {"out_trade_no": charge.out_trade_no, "kind": "not_paid"})
    unpaid = await shop.notice(len(TRUE_BUT_WRONG))
    assert isinstance(unpaid, Notice)
    assert unpaid.fact is None


async def test_the_gateway_follows_a_rotation(shop: Shop) -> None:
    """Both keys are configured before the bank changes from one to the other."""
    charge = shop.charge()
    await shop.created(charge)
    await shop.rig.control("rotate")
    await shop.rig.pay(charge.out_trade_no)

    assert isinstance(await shop.notice(), Notice)
    assert isinstance(await shop.query(charge), Paid)


async def test_discrepancies_are_seeded_into_the_statement(shop: Shop) -> None:
    """What a reconciliation has to find: a payment missing, twice, over another amount."""
    charges = {suffix: shop.charge(amount=12_800 + suffix) for suffix in (31, 32, 34)}
    for charge in charges.values():
        await shop.paid(charge)
    lines = [line async for line in shop.gateway.statement("main", business_day(CLOCK.now()))]
    listed = {suffix: [line.amount for line in lines if line.out_trade_no == charge.out_trade_no]
              for suffix, charge in charges.items()}  # fmt: skip

    assert listed == {31: [], 32: [12_833], 34: [12_834, 12_834]}


async def test_a_statement_is_not_read_when_nobody_answers(shop: Shop) -> None:
    broken = build({"main": credentials().settings("http://127.0.0.1:9")}, shop.http, CLOCK)

    with pytest.raises(GatewayTrouble):
        _ = [line async for line in broken.statement("main", business_day(CLOCK.now()))]
