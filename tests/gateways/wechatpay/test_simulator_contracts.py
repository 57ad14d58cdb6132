"""Contracts, and everything that a service provider does, run against the simulator over real HTTP."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from bot.payments.facts import (
    Closed,
    ContractFact,
    ContractState,
    Created,
    Declined,
    Missing,
    NewRefund,
    Notice,
    Paid,
    RefundFact,
    RefundRef,
    Unknown,
    Unverified,
    Waiting,
    Way,
)
from bot.payments.faculties import (
    ContractRef,
    NewContract,
    NewShare,
    PreNotice,
    ShareFact,
    SharePart,
)
from tests.gateways.wechatpay.shop import MERCHANT, NINE, SUB_APP, TODAY, Shop, opened, ref, share_ref
from tests.simulators.pay_rig import APPID, OPENID


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with opened() as started:
        yield started


@pytest.fixture
async def provider() -> AsyncIterator[Shop]:
    async with opened(partner=True) as started:
        yield started


# 委托代扣


def contract_of(shop: Shop, **changes: Any) -> NewContract:
    contract = NewContract(
        out_contract_no="C1000000001",
        account="main",
        plan="12535",
        shown="3栋201",
        maximum=50_000,
        period_days=30,
        created_at=shop.clock.now(),
        notify_url=shop.rig.merchant.notify_url,
        payer_id=OPENID,
        payer_app=APPID,
    )
    return replace(contract, **changes)


async def signed(shop: Shop, **changes: Any) -> ContractRef:
    assert shop.gateway.contracts is not None
    contract = contract_of(shop, **changes)
    assert isinstance(await shop.gateway.contracts.sign(contract), Created)
    known = ContractRef(contract.out_contract_no, "main", contract.plan)
    assert await shop.gateway.contracts.contract_query(known) == Missing()
    await shop.rig.merchant.control("POST", "contract/sign", {"out_contract_code": contract.out_contract_no})
    fact = await shop.gateway.contracts.contract_query(known)
    assert isinstance(fact, ContractFact)
    assert (fact.state, fact.payer_id) == (ContractState.ACTIVE, contract.payer_id)
    return replace(known, contract_id=fact.contract_id)


async def test_the_whole_life_of_a_contract(shop: Shop) -> None:
    assert shop.gateway.contracts is not None
    contracts, ref_ = shop.gateway.contracts, await signed(shop)
    assert isinstance(await contracts.deduct(shop.charge(Way.CONTRACT), ref_), Declined)
    told = await contracts.announce(PreNotice(ref_, 13_000, date(2026, 11, 13)))
    assert told == {"from": "2026-11-12", "until": "2026-11-13"}
    await shop.clock.advance(2 * 86_400)
    charge = shop.charge(Way.CONTRACT, number="T1000000009")
    assert await contracts.deduct(charge, ref_) == await contracts.deduct(charge, ref_) == Waiting("ACCEPTED")
    assert await shop.gateway.query(ref(charge)) == Waiting("ACCEPT")
    await shop.clock.advance(6)
    paid = await shop.gateway.query(ref(charge))
    notices = await shop.notices(2)

    assert isinstance(paid, Paid)
    assert (paid.fact.way, paid.fact.payer_id, paid.fact.amount) == ("contract", OPENID, 12_800)
    assert isinstance(notices[0], Unverified)  # Signed two days ago.
    assert isinstance(notices[1], Notice)
    assert notices[1].fact == paid.fact

    ended = await contracts.terminate(ref_, "搬家")
    assert isinstance(ended, ContractFact)
    assert (ended.state, ended.ended_by) == (ContractState.ENDED, "merchant")
    assert await contracts.contract_query(ref_) == await contracts.terminate(ref_, "搬家") == ended
    last = (await shop.notices(3))[2]
    assert isinstance(last, Notice)
    assert (last.fact, last.kind) == (ended, "ENTRUST.TERMINATE")


async def test_a_payer_ends_a_contract_in_their_wallet(shop: Shop) -> None:
    assert shop.gateway.contracts is not None
    ref_ = await signed(shop)
    await shop.rig.merchant.control("POST", "contract/end", {"out_contract_code": ref_.out_contract_no})
    fact = await shop.gateway.contracts.contract_query(ref_)

    assert isinstance(fact, ContractFact)
    assert (fact.state, fact.ended_by, fact.at) == (ContractState.ENDED, "payer", NINE)
    refused = await shop.gateway.contracts.deduct(shop.charge(Way.CONTRACT), ref_)
    assert isinstance(refused, Declined)


async def test_a_deduction_that_fails_later_is_waiting_until_it_is_closed(shop: Shop) -> None:
    assert shop.gateway.contracts is not None
    shop.rig.sim.plan = replace(shop.rig.sim.plan, deduct_needs_notice=False)
    ref_, charge = await signed(shop), shop.charge(Way.CONTRACT)
    await shop.rig.merchant.control("POST", "faults", {"next": ["deduct_not_enough", "deduct_answer_lost"]})
    assert isinstance(await shop.gateway.contracts.deduct(charge, ref_), Unknown)
    await shop.clock.advance(6)

    assert await shop.gateway.query(ref(charge)) == Waiting("PAYERROR")
    assert await shop.gateway.close(ref(charge)) == Closed("CLOSED")
    assert isinstance(await shop.gateway.contracts.deduct(charge, ref_), Declined)


async def test_each_scene_of_signing_hands_over_what_it_needs(shop: Shop) -> None:
    assert shop.gateway.contracts is not None
    page = await shop.gateway.contracts.sign(contract_of(shop))
    browser = await shop.gateway.contracts.sign(contract_of(shop, out_contract_no="C2", payer_id=None, payer_app=None))

    assert isinstance(page, Created)
    assert isinstance(browser, Created)
    assert set(page.handover) == set(browser.handover) == {"redirect_url"}


# 服务商


async def test_a_provider_sells_for_a_sub_merchant(provider: Shop) -> None:
    charge = provider.charge(Way.JSAPI, payer_id=OPENID, payer_app=SUB_APP)
    created = await provider.gateway.create(charge)
    assert isinstance(created, Created)
    assert created.handover["appId"] == SUB_APP
    assert await provider.gateway.query(ref(charge)) == Waiting("NOTPAY")
    assert (await provider.rig.merchant.pay(out_trade_no=charge.out_trade_no))["result"] == "ok"
    queried, notices = await provider.gateway.query(ref(charge)), await provider.notices(1)

    owner, apps = provider.gateway.owner("main")
    assert isinstance(queried, Paid)
    assert (queried.fact.merchant_id, queried.fact.payer_id) == (owner, OPENID)
    assert queried.fact.app_id in apps
    assert isinstance(notices[0], Notice)
    assert notices[0].fact == queried.fact

    wanted = NewRefund("R1000000001", charge.out_trade_no, "main", 800, 12_800, "CNY", "多收", charge.notify_url)
    refund = await provider.gateway.refund(wanted)
    await provider.clock.advance(6)
    told = (await provider.notices(2))[1]
    assert isinstance(refund, RefundFact)
    assert isinstance(told, Notice)
    assert isinstance(told.fact, RefundFact)
    known = RefundRef("R1000000001", charge.out_trade_no, "main", 800)
    assert await provider.gateway.refund_query(known) == told.fact
    assert told.fact.merchant_id == owner
    lines = [line async for line in provider.gateway.statement("main", TODAY)]
    assert [(line.kind, line.amount) for line in lines] == [("payment", 12_800), ("refund", 800)]
    assert provider.gateway.flows is not None
    flows = [line async for line in provider.gateway.flows.lines("main", TODAY)]
    assert [(line.kind, line.amount) for line in flows] == [("payment", 12_800), ("fee", -77), ("refund", -800)]


async def test_a_providers_own_app_names_the_payer_by_its_own_openid(provider: Shop) -> None:
    charge = provider.charge(Way.JSAPI, payer_id=OPENID, payer_app=APPID)
    assert isinstance(await provider.gateway.create(charge), Created)
    assert (await provider.rig.merchant.pay(out_trade_no=charge.out_trade_no))["result"] == "ok"
    queried = await provider.gateway.query(ref(charge))

    assert isinstance(queried, Paid)
    assert (queried.fact.app_id, queried.fact.payer_id) == (APPID, OPENID)


async def test_a_provider_scans_closes_reverses_and_shares(provider: Shop) -> None:
    native, code = provider.charge(Way.NATIVE), provider.charge(number="T1000000002", share=True)
    assert isinstance(await provider.gateway.create(native), Created)
    assert await provider.gateway.close(ref(native)) == Closed("CLOSED")
    paid = await provider.scan(code)
    assert isinstance(paid, Paid)
    assert provider.gateway.sharing is not None
    assert isinstance(await provider.gateway.sharing.add_receiver("main", MERCHANT), Created)
    parts = (SharePart(MERCHANT, 1_000),)
    share = NewShare("S1000000001", code.out_trade_no, paid.fact.transaction_id, "main", parts, finish=False)
    assert isinstance(await provider.gateway.sharing.share(share), ShareFact)
    assert isinstance(await provider.gateway.sharing.share_query(share_ref(share)), ShareFact)
    await provider.clock.advance(16)

    assert await provider.reverse(code) == Closed("REVOKED", was_paid=True)


async def test_a_provider_signs_contracts_for_a_sub_merchant(provider: Shop) -> None:
    assert provider.gateway.contracts is not None
    provider.rig.sim.plan = replace(provider.rig.sim.plan, deduct_needs_notice=False)
    ref_ = await signed(provider)
    told = await provider.gateway.contracts.announce(PreNotice(ref_, 100, date(2026, 11, 12)))
    charge = provider.charge(Way.CONTRACT)

    assert not isinstance(told, Declined | Unknown)
    assert await provider.gateway.contracts.deduct(charge, ref_) == Waiting("ACCEPTED")
    await provider.clock.advance(6)
    assert isinstance(await provider.gateway.query(ref(charge)), Paid)
    notice = (await provider.notices(1))[0]
    assert isinstance(notice, Notice)
    assert isinstance(notice.fact, ContractFact)


async def test_a_sub_merchant_that_is_not_the_providers_gets_nothing() -> None:
    async with opened(partner=True, sub="1900000999") as shop:
        refused = await shop.gateway.create(shop.charge(Way.NATIVE))

    assert isinstance(refused, Declined)
    assert refused.vendor_code == "NO_AUTH"
