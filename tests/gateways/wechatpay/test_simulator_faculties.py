"""Codes, bills and shares run against the simulator over real HTTP: two codes written from the same documents."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.kernel.masking import Secret
from bot.payments.facts import (
    Closed,
    Created,
    Declined,
    Missing,
    Paid,
    Unknown,
    Waiting,
)
from bot.payments.faculties import (
    NewShare,
    NewShareReturn,
    PartState,
    ShareFact,
    SharePart,
    ShareReturnFact,
)
from tests.gateways.wechatpay.shop import MERCHANT, PERSON, TODAY, Shop, opened, ref, share_ref
from tests.simulators.pay_rig import OPENID, credentials


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with opened() as started:
        yield started


# 付款码


async def test_a_code_is_paid_at_once_and_told_alike_by_its_query(shop: Shop) -> None:
    charge = shop.charge()
    answer = await shop.scan(charge)

    assert isinstance(answer, Paid)
    assert (answer.fact.amount, answer.fact.payer_id, answer.fact.way) == (12_800, OPENID, "code")
    assert await shop.gateway.query(ref(charge)) == answer


@pytest.mark.parametrize(("behaviour", "end"), [("password", Paid), ("never", Waiting), ("cancel", Waiting)])
async def test_a_payer_who_is_asked_for_the_password(shop: Shop, behaviour: str, end: type) -> None:
    charge = shop.charge()
    assert await shop.scan(charge, behaviour) == Waiting("USERPAYING")
    assert await shop.gateway.query(ref(charge)) == Waiting("USERPAYING")
    await shop.clock.advance(30)

    assert isinstance(await shop.gateway.query(ref(charge)), end)
    fact = await shop.reverse(charge)
    assert fact == Closed("REVOKED", was_paid=end is Paid)
    assert await shop.gateway.query(ref(charge)) == fact
    assert await shop.reverse(charge) == fact


async def test_a_large_amount_asks_for_the_password(shop: Shop) -> None:
    charge = shop.charge(amount=100_100)

    assert await shop.scan(charge) == Waiting("USERPAYING")
    await shop.clock.advance(15)
    assert isinstance(await shop.gateway.query(ref(charge)), Paid)


async def test_a_code_serves_once_and_for_a_minute(shop: Shop) -> None:
    assert shop.gateway.codes is not None
    pay = shop.gateway.codes.pay
    shown = Secret((await shop.rig.merchant.control("POST", "code", {}))["auth_code"])
    assert isinstance(await pay(shop.charge(), shown), Paid)
    again = await pay(shop.charge(number="T1000000002"), shown)
    late = Secret((await shop.rig.merchant.control("POST", "code", {}))["auth_code"])
    await shop.clock.advance(61)

    assert again == Declined("code_refused", "AUTH_CODE_INVALID", "每个二维码仅限使用一次，请刷新再试")
    over = await pay(shop.charge(number="T1000000003"), late)
    assert isinstance(over, Declined)
    assert over.vendor_code == "AUTH_CODE_EXPIRED"


async def test_a_payer_without_money_is_declined(shop: Shop) -> None:
    answer = await shop.scan(shop.charge(), "not_enough")

    assert isinstance(answer, Declined)
    assert answer.code == "funds_short"


@pytest.mark.parametrize(
    ("fault", "paid"), [("code_answer_lost", True), ("code_system_error", True), ("code_bank_error", False)]
)
async def test_an_unclear_answer_to_a_code_is_found_out_and_reversed(shop: Shop, fault: str, paid: bool) -> None:
    charge = shop.charge()
    await shop.rig.merchant.control("POST", "faults", {"next": [fault]})
    assert isinstance(await shop.scan(charge), Unknown)
    await shop.clock.advance(16)
    found = await shop.gateway.query(ref(charge))

    assert isinstance(found, Paid if paid else Missing)
    assert await shop.reverse(charge) == (Closed("REVOKED", was_paid=True) if paid else Missing())


@pytest.mark.parametrize(
    "fault",
    ["reverse_recall", "reverse_system_error", "reverse_userpaying", "reverse_answer_lost", "query_contradicts"],
)
async def test_a_reversal_is_repeated_until_a_query_confirms_it(shop: Shop, fault: str) -> None:
    charge = shop.charge()
    await shop.scan(charge)
    await shop.clock.advance(16)
    await shop.rig.merchant.control("POST", "faults", {"next": [fault]})
    first = await shop.reverse(charge)

    if fault != "query_contradicts":
        assert isinstance(first, Waiting | Unknown)
    assert await shop.reverse(charge) == Closed("REVOKED", was_paid=True)


async def test_after_a_week_only_a_refund_gives_back(shop: Shop) -> None:
    charge = shop.charge()
    await shop.scan(charge)
    await shop.rig.merchant.control("POST", "faults", {"next": ["reverse_over"]})
    told = await shop.reverse(charge)
    await shop.clock.advance(7 * 86_400 + 1)

    assert isinstance(told, Declined)
    assert told.vendor_code == "REVERSE_EXPIRE"
    assert await shop.reverse(charge) == Declined("reverse_over")


async def test_a_contradicting_query_never_ends_a_charge(shop: Shop) -> None:
    charge = shop.charge()
    await shop.scan(charge)
    await shop.rig.merchant.control("POST", "faults", {"next": ["query_contradicts"]})

    told = [await shop.gateway.query(ref(charge)) for _ in range(3)]
    assert told[:2] == [Waiting("NOTPAY"), Waiting("NOTPAY")]
    assert isinstance(told[2], Paid)


# Bills


async def test_flows_and_trades_of_one_day_explain_each_other(shop: Shop) -> None:
    kept, undone = shop.charge(), shop.charge(number="T1000000002", amount=5_000)
    for charge in (kept, undone):
        assert isinstance(await shop.scan(charge), Paid)
    await shop.clock.advance(20)
    assert isinstance(await shop.reverse(undone), Closed)
    assert shop.gateway.flows is not None
    flows = [line async for line in shop.gateway.flows.lines("main", TODAY)]
    trades = [line async for line in shop.gateway.statement("main", TODAY)]

    assert [(line.kind, line.amount) for line in flows] == [
        ("payment", 12_800), ("fee", -77), ("payment", 5_000), ("fee", -30), ("refund", -5_000),
    ]  # fmt: skip
    assert [line.balance for line in flows] == [12_800, 12_723, 17_723, 17_693, 12_693]
    assert [(line.kind, line.out_trade_no, line.amount, line.settlement_amount) for line in trades] == [
        ("payment", kept.out_trade_no, 12_800, 12_800),
        ("payment", undone.out_trade_no, 5_000, 5_000),
        ("reversal", undone.out_trade_no, 5_000, None),
    ]
    assert {line.reference for line in flows} == {kept.out_trade_no, undone.out_trade_no}


@pytest.mark.parametrize("kind", ["missing", "extra", "amount", "state", "fee", "duplicate"])
async def test_a_bill_that_differs_from_the_books_is_still_a_bill(kind: str) -> None:
    async with opened(bill_discrepancies={kind: 1.0}) as shop:
        charge = shop.charge()
        await shop.scan(charge)
        lines = [line async for line in shop.gateway.statement("main", TODAY)] if kind != "missing" else []
        told = await shop.rig.merchant.control("GET", "discrepancies?bill_date=2026-11-10")

    assert told["discrepancies"] == [{"kind": kind, "out_trade_no": charge.out_trade_no, "out_refund_no": ""}]
    found = [(line.kind, line.out_trade_no == charge.out_trade_no, line.amount, line.fee) for line in lines]
    good = ("payment", True, 12_800, 77)
    assert (
        found
        == {
            "missing": [],
            "extra": [good, ("payment", False, 12_800, 77)],
            "amount": [("payment", True, 12_801, 77)],
            "state": [("reversal", True, 12_800, 77)],
            "fee": [("payment", True, 12_800, 99)],
            "duplicate": [good, good],
        }[kind]
    )


# 分账


async def test_the_whole_life_of_a_share(shop: Shop) -> None:
    assert shop.gateway.sharing is not None
    sharing, share = shop.gateway.sharing, await shop.shared()
    early = await sharing.share(share)
    for receiver in (MERCHANT, PERSON):
        assert isinstance(await sharing.add_receiver("main", receiver), Created)
    asked = await sharing.share(share)
    assert await sharing.share_query(share_ref(share)) == asked
    await shop.clock.advance(6)
    done = await sharing.share_query(share_ref(share))

    assert isinstance(early, Declined)
    assert isinstance(asked, ShareFact)
    assert not asked.done
    assert isinstance(done, ShareFact)
    assert done.done
    assert [(part.receiver.number, part.amount, part.state) for part in done.parts] == [
        (MERCHANT.number, 20_000, PartState.SUCCEEDED),
        (PERSON.number, 1_000, PartState.SUCCEEDED),
    ]
    assert await sharing.share(share) == done

    back = NewShareReturn("B1000000001", share.out_order_no, share.out_trade_no, "main", MERCHANT, 5_000, "退款")
    taken = await sharing.take_back(back)
    assert isinstance(taken, ShareReturnFact)
    assert replace(taken, at=None) == ShareReturnFact("B1000000001", PartState.SUCCEEDED, 5_000)
    assert taken.at is not None
    assert await sharing.take_back(back) == await sharing.take_back_query(back) == taken
    assert isinstance(await sharing.take_back(replace(back, out_return_no="B2", amount=15_001)), Declined)

    left = await sharing.unfreeze(share_ref(share, "S1000000002"), "余款")
    assert isinstance(left, ShareFact)
    assert [part.amount for part in left.parts] == [79_000]
    assert isinstance(await sharing.share(replace(share, out_order_no="S1000000003")), Declined)
    flows = [line async for line in shop.gateway.flows.lines("main", TODAY)] if shop.gateway.flows else []
    assert [(line.kind, line.amount) for line in flows if line.kind.startswith("share")] == [
        ("share", -20_000), ("share", -1_000), ("share_returned", 5_000),
    ]  # fmt: skip
    lines = [line async for line in shop.gateway.statement("main", TODAY)]
    told = [(line.kind, line.out_order_no, line.amount) for line in lines if line.kind.startswith("share")]
    assert sorted(told) == [
        ("share", share.out_order_no, 1_000), ("share", share.out_order_no, 20_000),
        ("share_returned", "B1000000001", 5_000),
    ]  # fmt: skip
    assert {line.at for line in lines if line.kind == "share"} == {part.at for part in done.parts}


@pytest.mark.parametrize("kind", ["missing", "extra", "amount", "duplicate"])
async def test_shares_that_differ_from_the_books_are_planted_and_named(kind: str) -> None:
    async with opened(bill_discrepancies={kind: 1.0}) as shop:
        assert shop.gateway.sharing is not None
        share = await shop.shared()
        for receiver in (MERCHANT, PERSON):
            await shop.gateway.sharing.add_receiver("main", receiver)
        await shop.gateway.sharing.share(share)
        await shop.clock.advance(6)
        text = shop.gateway.statement("main", TODAY)
        # The trade is spoilt alike; a bill that lacks its only trade says nothing of shares either.
        found = [line async for line in text if line.kind == "share"] if kind != "missing" else []
        told = (await shop.rig.merchant.control("GET", "discrepancies?bill_date=2026-11-10"))["discrepancies"]

    assert [(each["kind"], each["out_order_no"]) for each in told if "out_order_no" in each] == [
        (kind, share.out_order_no),
        (kind, share.out_order_no),
    ]
    ours = sum(line.amount for line in found if line.out_order_no == share.out_order_no)
    every = sum(line.amount for line in found)
    assert (ours, every) == {
        "missing": (0, 0),
        "extra": (21_000, 42_000),
        "amount": (21_002, 21_002),
        "duplicate": (42_000, 42_000),
    }[kind]
    assert len({line.refund_id for line in found}) == {"missing": 0, "extra": 3}.get(kind, 2)


@pytest.mark.parametrize("mode", ["certificate", "public"])
async def test_a_name_is_sealed_with_the_key_that_the_account_holds(mode: str) -> None:
    async with opened(mode=mode) as shop:
        assert shop.gateway.sharing is not None
        assert isinstance(await shop.gateway.sharing.add_receiver("main", PERSON), Created)
        known = shop.rig.sim.shares.receivers[(credentials().mchid, PERSON.number)]

    assert known == {"type": "PERSONAL_OPENID", "name": "诸葛孔明", "relation": "CUSTOM"}


async def test_a_name_is_sealed_with_the_new_certificate_while_two_overlap() -> None:
    async with opened(mode="certificate") as shop:
        assert shop.gateway.sharing is not None
        await shop.rig.merchant.control("POST", "rotate", {"step": "introduce"})
        await shop.clock.advance(7 * 3600)
        await shop.gateway.refresh()
        await shop.rig.merchant.control("POST", "rotate", {"step": "switch"})
        assert isinstance(await shop.gateway.sharing.add_receiver("main", PERSON), Created)
        await shop.rig.merchant.control("POST", "rotate", {"step": "retire"})

        assert isinstance(await shop.gateway.sharing.add_receiver("main", MERCHANT), Created)


async def test_parts_that_fail_say_why(shop: Shop) -> None:
    assert shop.gateway.sharing is not None
    share = await shop.shared()
    for receiver in (MERCHANT, PERSON):
        await shop.gateway.sharing.add_receiver("main", receiver)
    await shop.rig.merchant.control("POST", "faults", {"next": ["share_part_failed", "share_answer_lost"]})
    lost = await shop.gateway.sharing.share(share)
    await shop.clock.advance(6)
    found = await shop.gateway.sharing.share_query(share_ref(share))

    assert isinstance(lost, Unknown)
    assert isinstance(found, ShareFact)
    assert found.done
    assert [(part.state, part.reason) for part in found.parts] == [
        (PartState.FAILED, "ACCOUNT_ABNORMAL"),
        (PartState.SUCCEEDED, ""),
    ]


async def test_a_charge_that_was_not_made_to_be_shared_is_not(shop: Shop) -> None:
    assert shop.gateway.sharing is not None
    paid = await shop.scan(shop.charge())
    assert isinstance(paid, Paid)
    await shop.gateway.sharing.add_receiver("main", MERCHANT)
    parts = (SharePart(MERCHANT, 100),)
    share = NewShare("S1", paid.fact.out_trade_no, paid.fact.transaction_id, "main", parts, finish=True)

    assert isinstance(await shop.gateway.sharing.share(share), Declined)
    assert await shop.gateway.sharing.share_query(share_ref(share)) == Missing()
