"""Two gateways for one wallet: which is asked, when the other may be, and that an order is paid once."""

import asyncio
from random import Random

import pytest

from bot.billers.port import Refusal
from bot.kernel.clock import ManualClock
from bot.payments.charges import AlreadyPaid, Confirming, Ready
from bot.payments.facts import Closed, Declined, PayerId, Unknown, Waiting, Way
from bot.payments.routing import Need, Rule
from bot.storage.port import Database
from tests.payments.scripted_gateway import LOST_AFTER, LOST_BEFORE
from tests.payments.two_gateways import FAILURES, REST, TwoGateways, open_two
from tests.payments.world import OTHER_PAYER, PAYER

ALIPAY_PAYER = PayerId("alipay", "2021000000000001", "2088000000000001")
OUR_FAULT = Declined("credentials", "SIGN_ERROR")


@pytest.fixture
async def two(database: Database, clock: ManualClock) -> TwoGateways:
    return await open_two(database, clock)


# --- where a charge is made -----------------------------------------------------------------------------------------


async def test_the_preferred_gateway_is_asked(two: TwoGateways) -> None:
    order = await two.world.order()
    await two.ready(order)

    assert await two.states(order) == [("scripted", "pending")]
    assert two.second.calls == []


async def test_the_amount_decides(database: Database, clock: ManualClock) -> None:
    two = await open_two(database, clock, [Rule("wechat", "scripted", maximum=3_000), Rule("wechat", "second")])
    small, large = await two.world.order(two.world.meal(3_000)), await two.world.order(two.world.meal(3_001))
    await two.ready(small)
    await two.ready(large)

    # Where both may be asked at the same price the name decides, so "scripted" goes before "second".
    assert await two.states(small) == [("scripted", "pending")]
    assert await two.states(large) == [("second", "pending")]


async def test_a_merchant_without_an_account_there_is_not_taken_there(two: TwoGateways) -> None:
    await two.world.execute('UPDATE merchants SET gateways = \'{"second":"main"}\'')
    order = await two.world.order()
    await two.ready(order)

    assert await two.states(order) == [("second", "pending")]


async def test_a_gateway_in_trouble_is_left_alone_for_a_while(two: TwoGateways, clock: ManualClock) -> None:
    """Timeouts open the breaker of that account; later payers go elsewhere, and after the rest it is tried again."""
    two.first.script("create", *[LOST_BEFORE] * 4)
    for _ in range(2):
        assert isinstance(await two.open(await two.world.order()), Confirming)
    calls = two.first.count("create")
    order = await two.world.order()
    await two.ready(order)

    assert await two.states(order) == [("second", "pending")]
    assert two.first.count("create") == calls, "nothing was sent to the one in trouble"
    clock.advance(REST)
    after = await two.world.order()
    await two.ready(after)
    assert await two.states(after) == [("scripted", "pending")]


async def test_nobody_well_means_no_route(two: TwoGateways) -> None:
    gateways = two.world.payments.gateways
    for name in ("scripted", "second"):
        for _ in range(FAILURES):
            gateways.saw(name, "main", "create", Unknown("timeout"))
    order = await two.world.order()

    assert await two.open(order) == Refusal("no_way")
    assert len(await gateways.candidates(two.world.database, Need("wechat", "mer", Way.JSAPI))) == 2
    assert await two.world.charges(order) == []


async def test_the_sweepers_questions_count_too(two: TwoGateways) -> None:
    order = await two.world.order()
    ready = await two.ready(order)
    two.first.script("query", *[Unknown("timeout")] * FAILURES)
    for _ in range(FAILURES):
        await two.world.payments.sweeper.sweep_charge(ready.charge_id)
    other = await two.world.order()
    await two.ready(other)

    assert await two.states(other) == [("second", "pending")]
    assert (await two.ready(order)).charge_id == ready.charge_id, "who can pay already pays where he is"


# --- the next one ---------------------------------------------------------------------------------------------------


async def test_an_explicit_refusal_of_the_gateways_own_leads_to_the_next(two: TwoGateways) -> None:
    order = await two.world.order()
    two.first.script("create", OUR_FAULT)
    ready = await two.ready(order)

    assert await two.states(order) == [("scripted", "failed"), ("second", "pending")]
    assert (await two.ready(order)).charge_id == ready.charge_id, "and stays there"
    await two.tell(two.second, ready.out_trade_no)
    assert await two.world.state(order) == "paid"
    assert await two.world.audit() == []


@pytest.mark.parametrize("code", ["funds_short", "payer_account", "payer_mismatch", "rule", "declined", "closed"])
async def test_a_refusal_for_the_payers_sake_is_told_to_the_payer(two: TwoGateways, code: str) -> None:
    order = await two.world.order()
    two.first.script("create", Declined(code))

    assert await two.open(order) == Refusal("declined", {"code": code})
    assert two.second.calls == []


async def test_when_all_refuse_the_last_word_is_told_and_all_may_be_asked_anew(two: TwoGateways) -> None:
    order = await two.world.order()
    two.first.script("create", OUR_FAULT)
    two.second.script("create", Declined("not_allowed"))

    assert await two.open(order) == Refusal("declined", {"code": "not_allowed"})
    await two.ready(order)
    assert await two.states(order) == [("scripted", "failed"), ("second", "failed"), ("scripted", "pending")]


@pytest.mark.parametrize("lost", [LOST_BEFORE, LOST_AFTER])
async def test_after_a_missing_answer_no_other_gateway_is_asked(two: TwoGateways, lost: str) -> None:
    """Nobody knows whether the charge was made, so a second one could be paid beside it (DESIGN §1.2)."""
    order = await two.world.order()
    two.first.script("create", lost, lost)

    assert isinstance(await two.open(order), Confirming)
    assert await two.states(order) == [("scripted", "unknown")]
    assert two.second.calls == []
    await two.ready(order)
    assert await two.states(order) == [("scripted", "pending")]


async def test_a_refusal_after_a_missing_answer_is_no_reason_either(two: TwoGateways) -> None:
    """The refusal speaks of the repetition; what became of the first sending it does not say."""
    order = await two.world.order()
    two.first.script("create", LOST_AFTER, OUR_FAULT)

    assert await two.open(order) == Refusal("declined", {"code": "credentials"})
    assert two.second.calls == []


async def test_a_charge_that_an_earlier_process_may_have_sent_is_no_reason_either(two: TwoGateways) -> None:
    order = await two.world.order()
    two.first.script("create", LOST_AFTER, LOST_AFTER)
    await two.open(order)
    await two.world.execute("UPDATE charges SET state = 'created'")
    two.first.script("create", OUR_FAULT)

    assert await two.open(order) == Refusal("declined", {"code": "credentials"})
    assert two.second.calls == []


async def test_away_from_an_unanswered_charge_only_by_a_confirmed_close(two: TwoGateways) -> None:
    order = await two.world.order()
    two.first.script("create", *[LOST_AFTER] * 4)
    two.first.script("close", Unknown("timeout"), Waiting("NOTPAY"))
    for _ in range(2):
        assert isinstance(await two.open(order), Confirming)
    [charge] = await two.world.charges(order)
    assert charge.state == "unknown"

    for _ in range(2):
        assert isinstance(await two.open(order), Confirming)
        assert await two.states(order) == [("scripted", "closing")]
        assert two.second.calls == []
    await two.ready(order)
    assert await two.states(order) == [("scripted", "closed"), ("second", "pending")]
    assert two.first.charges[charge.out_trade_no].state == "closed"


async def test_two_payers_of_a_refused_order_meet_in_one_charge(two: TwoGateways) -> None:
    order = await two.world.order()
    two.first.script("create", *[OUR_FAULT] * 8)
    opened = await asyncio.gather(*(two.open(order) for _ in range(8)))

    assert await two.live() == 1
    numbers = {ready.out_trade_no for ready in opened if isinstance(ready, Ready)}
    assert len(numbers) == 1 and numbers <= set(two.second.charges)


# --- another wallet -------------------------------------------------------------------------------------------------


async def test_another_wallet_closes_the_first_charge_at_its_own_gateway_first(two: TwoGateways) -> None:
    order = await two.world.order()
    first = await two.ready(order, payer=PAYER)
    second = await two.ready(order, wallet="alipay", payer=ALIPAY_PAYER)

    assert await two.states(order) == [("scripted", "closed"), ("second", "pending")]
    assert two.first.charges[first.out_trade_no].state == "closed"
    assert [call for call, _ in two.first.calls] == ["create", "close"]
    assert two.second.charges[second.out_trade_no].request.payer_id == ALIPAY_PAYER.subject
    with pytest.raises(ValueError, match="closed"):
        two.first.pay(first.out_trade_no)


async def test_a_first_wallet_that_cannot_be_closed_keeps_the_second_away(two: TwoGateways) -> None:
    order = await two.world.order()
    await two.ready(order)
    two.first.script("close", Unknown("timeout"), Waiting("USERPAYING"))

    for _ in range(2):
        assert isinstance(await two.open(order, wallet="alipay", payer=ALIPAY_PAYER), Confirming)
    assert two.second.calls == []
    await two.ready(order, wallet="alipay", payer=ALIPAY_PAYER)


async def test_the_first_wallet_paid_in_the_meantime(two: TwoGateways) -> None:
    order = await two.world.order()
    first = await two.ready(order)
    two.first.pay(first.out_trade_no)

    assert await two.open(order, wallet="alipay", payer=ALIPAY_PAYER) == AlreadyPaid(order.id)
    assert two.second.calls == [] and await two.world.state(order) == "paid"


@pytest.mark.parametrize("paid_first", ["closed one", "live one"])
async def test_a_second_payment_at_another_gateway_is_surplus_and_goes_back(two: TwoGateways, paid_first: str) -> None:
    """The first gateway said closed and took the money all the same: whichever comes second goes back where it came."""
    order = await two.world.order()
    first = await two.ready(order)
    second = await two.ready(order, wallet="alipay", payer=ALIPAY_PAYER)
    two.first.charges[first.out_trade_no].state = "waiting"

    notices = [(two.first, first.out_trade_no), (two.second, second.out_trade_no)]
    for gateway, number in notices if paid_first == "closed one" else reversed(notices):
        await two.tell(gateway, number)
    await two.world.work_off()

    kept, returned = (two.first, two.second) if paid_first == "closed one" else (two.second, two.first)
    assert await two.world.state(order) == "paid"
    assert await two.world.suspense() != []
    assert kept.refunds == {}
    assert [refund.request.amount for refund in returned.refunds.values()] == [order.amount]
    assert await two.world.audit() == []


# --- whatever happens -----------------------------------------------------------------------------------------------

_ANSWERS = (LOST_BEFORE, LOST_AFTER, OUR_FAULT, Declined("funds_short"), Declined("not_allowed"))
# A gateway may even say closed and take the money all the same.
_ENDS = (Unknown("timeout"), Waiting("USERPAYING"), LOST_BEFORE, LOST_AFTER, Closed("CLOSED"))
_PAYERS = (("wechat", PAYER), ("wechat", OTHER_PAYER), ("alipay", ALIPAY_PAYER))


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_is_answered_one_charge_is_live_and_one_payment_kept(two: TwoGateways, seed: int) -> None:
    """Wallets change, answers fail and payers pay what they hold: the order is credited once and the rest goes back."""
    chance = Random(seed)
    order = await two.world.order()
    held: list[str] = []
    for _ in range(12):
        for gateway in (two.first, two.second):
            gateway.scripts["create"].clear()
            gateway.scripts["close"].clear()
            gateway.script("create", *chance.choices(_ANSWERS, k=chance.randrange(3)))
            gateway.script("close", *chance.choices(_ENDS, k=chance.randrange(3)))
        wallet, payer = chance.choice(_PAYERS)
        opened = await two.open(order, wallet=wallet, payer=payer)
        assert await two.live() <= 1
        if isinstance(opened, Ready):
            held.append(opened.out_trade_no)
        if held and chance.random() < 0.2:
            await _try_to_pay(two, chance.choice(held))
        two.world.clock.advance(1)
    paid = 0
    for gateway in (two.first, two.second):
        gateway.scripts.clear()
        paid += sum(charge.fact is not None for charge in gateway.charges.values())
    await two.world.work_off()

    kept = paid - len(two.first.refunds) - len(two.second.refunds)
    assert kept == (1 if paid else 0)
    assert (await two.world.state(order) == "paid") == bool(paid)
    assert await two.world.audit() == []


async def _try_to_pay(two: TwoGateways, number: str) -> None:
    for gateway in (two.first, two.second):
        if number in gateway.charges and gateway.charges[number].state != "closed":
            await two.tell(gateway, number)
