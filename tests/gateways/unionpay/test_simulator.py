"""The gateway completes every call against the simulator over real HTTP: two codes written from the same documents."""

from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from bot.gateways.unionpay.orders import reference
from bot.gateways.unionpay.wallet import spent_code
from bot.kernel.clock import business_day
from bot.kernel.errors import BadRequest
from bot.kernel.masking import Secret
from bot.payments.facts import (
    Closed,
    Created,
    Declined,
    Missing,
    Notice,
    Paid,
    PaidFact,
    PayerId,
    RefundFact,
    RefundState,
    Unknown,
    Unverified,
    Waiting,
    Way,
)
from bot.payments.ports import Wallet
from bot.simulators.unionpay.files import settlement_day
from tests.gateways.unionpay.shop import CLOCK, USER, Shop, open_shop
from tests.simulators.unionpay_rig import credentials

CODE = Secret("6212345678901234567")


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with open_shop() as opened:
        yield opened


@pytest.mark.parametrize("way", [Way.NATIVE, Way.JSAPI])
async def test_the_whole_purchase(shop: Shop, way: Way) -> None:
    """Create, pay, notice, query, refund, its notice, its query, and the file of the day."""
    charge = shop.charge(way)
    await shop.created(charge)
    assert await shop.query(charge) == Waiting("05")
    assert await shop.rig.pay(charge.out_trade_no) == "ok"
    notice, queried = await shop.notice(), await shop.query(charge)
    assert isinstance(notice, Notice)
    assert isinstance(queried, Paid)
    assert notice.fact == queried.fact
    paid = queried.fact
    merchant, apps = shop.gateway.owner("main")
    assert (paid.out_trade_no, paid.amount, paid.currency) == (charge.out_trade_no, 12_850, "CNY")
    assert (paid.merchant_id, paid.way) == (merchant, way.value)
    assert paid.app_id in apps
    assert abs(CLOCK.now() - paid.paid_at) < timedelta(seconds=60)

    refund = shop.refund(charge, paid, 850)
    asked = await shop.refunded(refund)
    assert asked.state in (RefundState.PENDING, RefundState.SUCCEEDED)
    told = await shop.notice(1)
    assert isinstance(told, Notice)
    assert isinstance(told.fact, RefundFact)
    assert (told.fact.state, told.fact.amount, told.fact.total) == (RefundState.SUCCEEDED, 850, 12_850)
    assert told.fact.out_trade_no == charge.out_trade_no
    assert await shop.refund_query(refund) == told.fact

    lines = [line async for line in shop.gateway.statement("main", settlement_day(paid.paid_at))]
    assert [(line.kind, line.amount, line.fee) for line in lines] == [("payment", 12_850, 49), ("refund", 850, -3)]
    assert {line.transaction_id for line in lines} == {paid.transaction_id}
    assert (lines[0].out_trade_no, lines[1].out_refund_no) == (charge.out_trade_no, refund.out_refund_no)
    assert lines[0].at == paid.paid_at


async def test_a_create_is_repeated_with_the_same_handover_and_then_closed(shop: Shop) -> None:
    for way in (Way.NATIVE, Way.JSAPI):
        charge = shop.charge(way)
        assert await shop.created(charge) == await shop.created(charge)
        for _ in range(2):
            assert await shop.gateway.close(reference(charge)) == Closed("69")
        assert await shop.rig.pay(charge.out_trade_no) == "refused"
        assert await shop.gateway.create(charge) == Declined("closed", "12")


async def test_a_charge_that_is_paid_already_is_told_so_by_create_and_close(shop: Shop) -> None:
    charge = shop.charge()
    fact = await shop.paid(charge)

    assert await shop.gateway.create(charge) == Paid(fact)
    assert await shop.gateway.close(reference(charge)) == Paid(fact)


async def test_a_payment_that_overtakes_the_close_is_told_as_given_back(shop: Shop) -> None:
    """The reversal of trap 25: what UnionPay undid is never told as unpaid."""
    charge = shop.charge(amount=12_830)
    await shop.created(charge)

    assert await shop.gateway.close(reference(charge)) == Closed("45", was_paid=True)


async def test_the_same_number_for_another_charge_is_not_created(shop: Shop) -> None:
    charge = shop.charge()
    await shop.created(charge)
    other = shop.charge(amount=1)
    object.__setattr__(other, "out_trade_no", charge.out_trade_no)
    object.__setattr__(other, "created_at", charge.created_at)

    assert await shop.gateway.create(other) == Unknown("resp_12")


async def test_what_does_not_exist_is_missing(shop: Shop) -> None:
    charge = shop.charge()

    assert await shop.query(charge) == Missing()
    assert await shop.gateway.close(reference(charge)) == Missing()
    yesterday = business_day(CLOCK.now()) - timedelta(days=1)
    assert [line async for line in shop.gateway.statement("main", yesterday)] == []


async def test_a_create_that_went_wrong_once_is_created_by_its_repetition(shop: Shop) -> None:
    """Lost, busy, reset, unsigned, forged twice over, dropped: the endings of amounts are the simulator's faults."""
    for suffix in (2, 9, 13, 15, 16, 20, 27, 29):
        charge = shop.charge(amount=12_800 + suffix)

        await shop.created(charge)
        assert isinstance(await shop.gateway.create(charge), Created), suffix


async def test_a_query_is_believed_when_it_is_proven(shop: Shop) -> None:
    for suffix, first in (
        (14, Unknown("status_500")),
        (17, Missing()),
        (15, Unknown("answer_unsigned")),
        (16, Unknown("answer_certificate_chain")),
        (20, Unknown("answer_certificate_owner")),
    ):
        charge = shop.charge(amount=12_800 + suffix)
        await shop.created(charge)
        facts = [await shop.query(charge) for _ in range(3)]

        assert facts[0] == first
        assert facts[-1] == Waiting("05")


async def test_a_query_that_contradicts_itself_never_ends_what_can_be_paid(shop: Shop) -> None:
    charge = shop.charge(amount=12_812)
    await shop.created(charge)
    await shop.rig.pay(charge.out_trade_no)

    assert await shop.query(charge) == Waiting("64")
    assert isinstance(await shop.query(charge), Paid)


async def test_a_payment_that_is_under_way_is_waited_for(shop: Shop) -> None:
    charge = shop.charge(amount=12_811)
    await shop.created(charge)
    await shop.rig.pay(charge.out_trade_no)
    facts = [await shop.query(charge) for _ in range(4)]

    assert facts[:3] == [Waiting("05")] * 3
    assert isinstance(facts[3], Paid)


async def test_a_code_is_charged_once(shop: Shop) -> None:
    codes = shop.gateway.codes
    assert codes is not None
    charge = shop.charge(Way.CODE)
    paid = await codes.pay(charge, CODE)

    assert isinstance(paid, Paid)
    assert (paid.fact.amount, paid.fact.way) == (12_850, "code")
    assert await codes.pay(charge, CODE) == paid
    assert await codes.reverse(reference(charge)) == Closed("45", was_paid=True)
    assert await codes.reverse(reference(charge)) == Closed("45", was_paid=True)


async def test_a_code_that_is_declined_is_a_plain_no(shop: Shop) -> None:
    codes = shop.gateway.codes
    assert codes is not None
    outcome = await codes.pay(shop.charge(Way.CODE, amount=12_801), CODE)

    assert isinstance(outcome, Declined)
    assert outcome.vendor_code == "64"


@pytest.mark.parametrize(("amount", "first"), [(12_823, Unknown), (12_824, Waiting)])
async def test_a_code_without_a_result_is_asked_about_and_reversed(shop: Shop, amount: int, first: type) -> None:
    codes = shop.gateway.codes
    assert codes is not None
    charge = shop.charge(Way.CODE, amount=amount)

    assert isinstance(await codes.pay(charge, CODE), first)
    reversed_ = await codes.reverse(reference(charge))
    assert isinstance(reversed_, Closed)
    assert reversed_.was_paid is (amount == 12_823)


async def test_a_reversal_that_is_refused_leaves_it_to_a_refund(shop: Shop) -> None:
    codes = shop.gateway.codes
    assert codes is not None
    charge = shop.charge(Way.CODE, amount=12_826)
    await codes.pay(charge, CODE)

    assert await codes.reverse(reference(charge)) == Declined("reverse_expired", "39")


async def test_a_reversal_whose_answer_is_lost_is_repeated(shop: Shop) -> None:
    codes = shop.gateway.codes
    assert codes is not None
    charge = shop.charge(Way.CODE, amount=12_825)
    await codes.pay(charge, CODE)

    assert isinstance(await codes.reverse(reference(charge)), Unknown)
    assert await codes.reverse(reference(charge)) == Closed("45", was_paid=True)


async def test_a_refund_whose_answer_is_lost_is_the_same_refund_when_repeated(shop: Shop) -> None:
    charge = shop.charge()
    refund = shop.refund(charge, await shop.paid(charge), 121)
    assert isinstance(await shop.gateway.refund(refund), Unknown)
    again = await shop.refunded(refund)

    queried = await shop.refund_query(refund)
    assert isinstance(queried, RefundFact)
    assert queried.refund_id == again.refund_id


async def test_more_than_was_paid_is_not_refunded(shop: Shop) -> None:
    charge = shop.charge()
    paid = await shop.paid(charge)
    await shop.refunded(shop.refund(charge, paid, 12_850))

    second = await shop.gateway.refund(shop.refund(charge, paid, 1))
    assert second == Declined("original", "36", "与原交易信息不符")


@pytest.mark.parametrize(("amount", "state"), [(110, RefundState.FAILED), (122, RefundState.ABNORMAL)])
async def test_a_refund_may_end_otherwise(amount: int, state: RefundState) -> None:
    async with open_shop(refund_seconds=0.0) as shop:
        charge = shop.charge()
        refund = shop.refund(charge, await shop.paid(charge), amount)
        await shop.refunded(refund)
        fact = await shop.refund_query(refund)

    assert isinstance(fact, RefundFact)
    assert fact.state is state


async def test_a_refund_from_the_console_is_recorded_and_stands_in_the_file(shop: Shop) -> None:
    charge = shop.charge()
    paid = await shop.paid(charge)
    await shop.notice()
    await shop.rig.control("console_refund", {"order_id": charge.out_trade_no, "amount": 1})
    notice = await shop.notice(1)

    assert isinstance(notice, Notice)
    assert notice.fact is None
    lines = [line async for line in shop.gateway.statement("main", settlement_day(paid.paid_at))]
    assert [line.transaction_id for line in lines if line.kind == "refund"] == [paid.transaction_id]


UNTRUE = ("stranger", "other_owner", "unsigned", "changed", "twice", "oversize", "certificate_exchanged")
TRUE_BUT_WRONG = {"wrong_amount": ("amount", 12_851), "other_currency": ("currency", "344")}


async def test_untrue_notices_are_unverified(shop: Shop) -> None:
    charge = shop.charge()
    await shop.created(charge)
    for index, kind in enumerate((*UNTRUE, "other_merchant")):
        await shop.rig.control("forge", {"order_id": charge.out_trade_no, "kind": kind})

        assert isinstance(await shop.notice(index), Unverified), kind


async def test_a_true_notice_tells_what_is_wrong_with_it(shop: Shop) -> None:
    """Genuine but about something else: the reader tells the facts, and credit compares them."""
    charge = shop.charge()
    await shop.created(charge)
    for index, (kind, (field, value)) in enumerate(TRUE_BUT_WRONG.items()):
        await shop.rig.control("forge", {"order_id": charge.out_trade_no, "kind": kind})
        notice = await shop.notice(index)

        assert isinstance(notice, Notice)
        assert isinstance(notice.fact, PaidFact)
        assert getattr(notice.fact, field) == value
    for index, kind in enumerate(("flawed", "not_paid"), len(TRUE_BUT_WRONG)):
        await shop.rig.control("forge", {"order_id": charge.out_trade_no, "kind": kind})
        notice = await shop.notice(index)
        assert isinstance(notice, Notice)
        assert notice.fact is None


async def test_a_new_certificate_of_the_authority_is_believed_at_once(shop: Shop) -> None:
    charge = shop.charge()
    await shop.created(charge)
    await shop.rig.control("rotate")
    await shop.rig.pay(charge.out_trade_no)

    assert isinstance(await shop.notice(), Notice)
    assert isinstance(await shop.query(charge), Paid)


@pytest.fixture
def wallet(shop: Shop) -> Wallet:
    return shop.gateway.wallet("main")


async def test_the_payer_is_found_out_and_a_code_serves_once(shop: Shop, wallet: Wallet) -> None:
    url = wallet.authorize_url("https://pay.example.com/oauth/unionpay/main", "st+te/1")
    async with shop.rig.session.get(url + f"&user={USER}", allow_redirects=False) as response:
        back = urlsplit(response.headers["Location"])
    query = dict(parse_qsl(back.query))
    assert (back.hostname, back.path, query["state"]) == ("pay.example.com", "/oauth/unionpay/main", "st+te/1")
    code = spent_code(query, "UnionPay/1.0 CloudPay")

    assert await wallet.identify(code) == PayerId("unionpay", credentials().mer_id, USER)
    with pytest.raises(BadRequest):
        await wallet.identify(code)
