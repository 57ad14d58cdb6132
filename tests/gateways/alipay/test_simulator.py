"""The gateway completes every call against the simulator over real HTTP: two codes written from the same documents."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.kernel.clock import business_day
from bot.kernel.masking import Secret
from bot.payments.facts import (
    Closed,
    Created,
    Declined,
    Missing,
    Notice,
    Paid,
    RefundedSum,
    RefundFact,
    RefundRef,
    RefundState,
    Unknown,
    Unverified,
    Waiting,
    Way,
)
from tests.gateways.alipay.shop import CLOCK, Shop, open_shop, ref
from tests.simulators.alipay_rig import BUYER, until

CODE = Secret("287654321098765432")
TODAY_LIMIT = timedelta(seconds=60)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with open_shop() as opened:
        yield opened


@pytest.fixture(params=["key", "certificate"])
async def any_shop(request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    async with open_shop(request.param) as opened:
        yield opened


async def test_the_whole_purchase(any_shop: Shop) -> None:
    """Create, pay with the bridge's number, notice, query, refund, its notice and query, and both bills."""
    shop, charge = any_shop, any_shop.charge()
    handover = await shop.created(charge)
    assert await shop.query(charge) == Waiting("WAIT_BUYER_PAY")
    assert (await shop.rig.pay(trade_no=handover["trade_no"]))["resultCode"] == "9000"
    notice, queried = await shop.notice(), await shop.query(charge)
    assert isinstance(notice, Notice)
    assert isinstance(queried, Paid)
    assert notice.fact == queried.fact
    paid = queried.fact
    merchant, apps = shop.gateway.owner("main")
    assert (paid.out_trade_no, paid.amount, paid.currency) == (charge.out_trade_no, 12_850, "CNY")
    assert (paid.merchant_id, paid.payer_id, paid.transaction_id) == (merchant, BUYER, handover["trade_no"])
    assert paid.app_id in apps
    assert CLOCK.now() - paid.paid_at < TODAY_LIMIT

    asked = await shop.refunded(charge, 850)
    assert (asked.state, asked.amount, asked.total) == (RefundState.SUCCEEDED, 850, 12_850)
    assert await shop.refund_query(shop.refund(charge, 850)) == asked
    told = await shop.notice(1)
    assert isinstance(told, Notice)
    assert told.kind == "trade_status_sync.REFUND"
    assert told.fact == RefundedSum(charge.out_trade_no, "R1000000001", 850, merchant)
    assert await shop.query(charge) == queried, "a trade refunded in part stays paid"

    day = business_day(paid.paid_at)
    lines = [line async for line in shop.gateway.statement("main", day)]
    assert [(line.kind, line.out_trade_no, line.amount, line.out_refund_no, line.fee) for line in lines] == [
        ("payment", charge.out_trade_no, 12_850, "", 77),
        ("refund", charge.out_trade_no, 850, "R1000000001", 0),
    ]
    assert shop.gateway.flows is not None
    flows = [line async for line in shop.gateway.flows.lines("main", day)]
    assert [(line.kind, line.amount, line.balance) for line in flows] == [
        ("payment", 12_850, 12_850),
        ("fee", -77, 12_773),
        ("refund", -850, 11_923),
    ]


async def test_a_refund_of_the_console_is_found_by_its_notice_whatever_it_was(shop: Shop) -> None:
    """The sum of both refunds is told; what the second one was the query tells to who does not know it."""
    charge = shop.charge()
    await shop.paid(charge)
    await shop.refunded(charge, 850)
    asked = {"out_trade_no": charge.out_trade_no, "amount": 400}
    await shop.rig.control("POST", "console_refund", asked)
    told = await shop.notice(2)
    assert isinstance(told, Notice)
    assert isinstance(told.fact, RefundedSum)
    assert told.fact.so_far == 1_250
    number = told.fact.out_refund_no
    found = await shop.gateway.refund_query(RefundRef(number, charge.out_trade_no, "main", None))

    assert isinstance(found, RefundFact)
    assert (found.out_refund_no, found.amount, found.state) == (number, 400, RefundState.SUCCEEDED)
    wrong = RefundRef(number, charge.out_trade_no, "main", 1_250)
    assert await shop.gateway.refund_query(wrong) == Unknown("answer_about_another")


async def test_a_code_is_no_trade_before_it_is_scanned(shop: Shop) -> None:
    charge = shop.charge(Way.NATIVE)
    handover = await shop.created(charge)
    assert await shop.query(charge) == Missing()
    assert await shop.gateway.close(ref(charge)) == Missing()

    sheet = await shop.rig.control("GET", f"sheet?qr_code={handover['qr_code']}")

    assert sheet["amount"] == charge.amount
    assert await shop.query(charge) == Waiting("WAIT_BUYER_PAY")
    assert (await shop.rig.pay(qr_code=handover["qr_code"]))["result"] == "ok"
    assert isinstance(await shop.query(charge), Paid)


async def test_a_browsers_page_is_paid_with_its_button(shop: Shop) -> None:
    charge = shop.charge(Way.H5)
    handover = await shop.created(charge)
    assert await shop.query(charge) == Missing()
    for url in (handover["url"], shop.gateway.renew(ref(charge), handover)["url"]):
        async with shop.rig.session.get(url) as page:
            text = await page.text()
        assert "128.50" in text
        assert "确认付款" in text
    token = text.split('value="')[1].split('"')[0]
    press = shop.rig.session.post(f"{shop.rig.base}/_sim/page/pay", data={"token": token}, allow_redirects=False)
    async with press as back:
        assert back.headers["Location"] == "https://pay.example.com/cashier/back"

    assert isinstance(await shop.query(charge), Paid)


async def test_an_address_that_was_changed_opens_nothing(shop: Shop) -> None:
    url = (await shop.created(shop.charge(Way.H5)))["url"]
    async with shop.rig.session.get(url.replace("128.50", "1.50")) as page:
        assert "确认付款" not in await page.text()


async def test_creates_are_repeated_and_closed(shop: Shop) -> None:
    charge = shop.charge()
    assert await shop.created(charge) == await shop.created(charge)
    assert await shop.gateway.close(ref(charge)) == Closed("TRADE_CLOSED")
    assert await shop.gateway.close(ref(charge)) == Closed("TRADE_CLOSED")
    assert await shop.query(charge) == Closed("TRADE_CLOSED")
    assert await shop.gateway.create(charge) == Declined("closed", "ACQ.TRADE_HAS_CLOSE", "交易已经关闭")


async def test_the_same_number_for_another_charge_is_not_created(shop: Shop) -> None:
    await shop.created(shop.charge())

    assert await shop.gateway.create(shop.charge(amount=12_851)) == Unknown("ACQ.CONTEXT_INCONSISTENT")


async def test_a_charge_that_is_paid_already_is_told_so_by_create_and_close(shop: Shop) -> None:
    charge = shop.charge()
    fact = await shop.paid(charge)

    assert await shop.gateway.create(charge) == Paid(fact)
    assert await shop.gateway.close(ref(charge)) == Paid(fact)
    assert await shop.query(charge) == Paid(fact)


async def test_coupons_leave_the_order_amount_and_name_their_funders(shop: Shop) -> None:
    fact = await shop.paid(shop.charge(), merchant_coupon=850, alipay_coupon=1_000)
    notice = await shop.notice()

    assert (fact.amount, fact.payer_amount, fact.settlement_amount) == (12_850, 11_000, 12_000)
    assert fact.discounts == {"merchant": 850, "alipay": 1_000}
    assert isinstance(notice, Notice)
    assert notice.fact == fact


async def test_what_does_not_exist_is_missing(shop: Shop) -> None:
    charge = shop.charge()

    assert await shop.query(charge) == Missing()
    assert await shop.gateway.close(ref(charge)) == Missing()
    assert await shop.refund_query(shop.refund(charge, 1)) == Missing()
    assert isinstance(await shop.gateway.refund(shop.refund(charge, 1)), Unknown)
    yesterday = business_day(CLOCK.now()) - timedelta(days=2)
    assert [line async for line in shop.gateway.statement("main", yesterday)] == []


@pytest.mark.parametrize("suffix", [2, 9, 13, 15, 16, 27, 29, 37])
async def test_a_create_that_went_wrong_once_is_created_by_its_repetition(shop: Shop, suffix: int) -> None:
    """Lost, 20000, reset, unsigned, forged, 502, dropped, 500: the endings of amounts are the simulator's faults."""
    charge = shop.charge(amount=12_800 + suffix)

    await shop.created(charge)
    assert isinstance(await shop.gateway.create(charge), Created)


async def test_a_query_is_believed_when_it_is_proven(shop: Shop) -> None:
    """Twice 20000, then the truth; twice denied, then the truth; lost, then the truth."""
    for suffix, first in ((14, Unknown("aop.ACQ.SYSTEM_ERROR")), (17, Missing())):
        charge = shop.charge(amount=12_800 + suffix, number=f"T10000000{suffix}")
        await shop.created(charge)

        assert [await shop.query(charge) for _ in range(3)] == [first, first, Waiting("WAIT_BUYER_PAY")]


async def test_queries_that_contradict_end_with_the_payment(shop: Shop) -> None:
    charge = shop.charge(amount=12_833)
    await shop.created(charge)
    await shop.rig.pay(out_trade_no=charge.out_trade_no)
    facts = [await shop.query(charge) for _ in range(3)]

    assert [type(fact) for fact in facts] == [Waiting, Waiting, Paid]


async def test_a_payment_that_overtakes_the_close_is_paid(shop: Shop) -> None:
    charge = shop.charge(amount=12_812)
    await shop.created(charge)
    fact = await shop.gateway.close(ref(charge))

    assert isinstance(fact, Paid)
    assert fact.fact.amount == 12_812


async def test_closing_a_paid_trade_never_gives_its_money_back(shop: Shop) -> None:
    """Cancel would (payments.md, trap 25), and its answer would look like a close that went well."""
    charge = shop.charge()
    await shop.paid(charge)
    await shop.gateway.close(ref(charge))

    assert (await shop.rig.control("GET", "trades"))["trades"][0]["refunded"] == 0
    assert isinstance(await shop.query(charge), Paid)


async def test_a_close_whose_answer_is_lost_is_unknown_and_then_closed(shop: Shop) -> None:
    charge = shop.charge(amount=12_825)
    await shop.created(charge)

    assert isinstance(await shop.gateway.close(ref(charge)), Unknown)
    assert await shop.query(charge) == Closed("TRADE_CLOSED")


@pytest.mark.parametrize("amount", [121, 122, 134])
async def test_a_refund_in_doubt_is_the_same_refund_when_asked(shop: Shop, amount: int) -> None:
    """Its answer is lost, says that nothing moved, or the first queries tell no status."""
    charge = shop.charge()
    await shop.paid(charge)
    refund = shop.refund(charge, amount)
    outcome = await shop.gateway.refund(refund)
    again = await shop.gateway.refund(refund)
    for _ in range(3):
        told = await shop.refund_query(refund)

    assert isinstance(outcome, Unknown | RefundFact)
    assert isinstance(told, RefundFact)
    assert isinstance(again, Unknown | RefundFact)
    assert (await shop.rig.control("GET", "trades"))["trades"][0]["refunded"] == amount


async def test_a_refund_that_never_was_is_missing_though_alipay_says_success(shop: Shop) -> None:
    charge = shop.charge()
    await shop.paid(charge)

    assert await shop.refund_query(shop.refund(charge, 100)) == Missing()


async def test_refunds_in_parts_are_each_their_own(shop: Shop) -> None:
    charge = shop.charge()
    await shop.paid(charge)
    first, second = await shop.refunded(charge, 2_850), await shop.refunded(charge, 10_000, "R2")

    assert (first.amount, second.amount) == (2_850, 10_000)
    assert await shop.refund_query(shop.refund(charge, 10_000, "R2")) == second
    assert await shop.query(charge) == Closed("TRADE_CLOSED", was_paid=True)
    assert isinstance(await shop.gateway.refund(shop.refund(charge, 1, "R3")), Declined)


async def test_a_refund_without_funds_is_a_no_and_may_be_asked_again(shop: Shop) -> None:
    charge = shop.charge()
    await shop.paid(charge)
    outcome = await shop.gateway.refund(shop.refund(charge, 120))

    assert outcome == Declined("funds_short", "ACQ.SELLER_BALANCE_NOT_ENOUGH", "商户的支付宝账户中无足够的资金进行撤销")
    assert isinstance(await shop.gateway.refund(shop.refund(charge, 120)), RefundFact)


UNTRUE = ("forged_signature", "unsigned", "flipped_byte", "added_field", "oversize", "other_sign_type",
          "other_seller", "other_app", "stale_time")  # fmt: skip


async def test_untrue_and_foreign_notices_are_unverified(any_shop: Shop) -> None:
    charge = any_shop.charge()
    await any_shop.created(charge)
    for index, kind in enumerate(UNTRUE):
        await any_shop.rig.control("POST", "forge", {"out_trade_no": charge.out_trade_no, "kind": kind})
        outcome = await any_shop.notice(index)

        assert isinstance(outcome, Unverified), kind
        assert 400 <= outcome.status < 500, kind


async def test_a_true_notice_over_a_wrong_amount_says_that_amount(shop: Shop) -> None:
    """Credit compares it with the charge's and takes it into suspense."""
    charge = shop.charge(amount=12_807)
    await shop.paid(charge)
    wrong, right = await shop.notice(0), await shop.notice(1)

    assert isinstance(wrong, Notice)
    assert isinstance(right, Notice)
    assert [notice.fact.amount for notice in (wrong, right)] == [12_808, 12_807]  # type: ignore[union-attr]


async def test_every_copy_of_a_notice_has_the_same_number(shop: Shop) -> None:
    await shop.paid(shop.charge(amount=12_803))
    await shop.rig.inbox.wait(3)
    read = [await shop.notice(index) for index in range(3)]

    assert len({notice.id for notice in read if isinstance(notice, Notice)}) == 1
    assert all(isinstance(notice, Notice) for notice in read)


async def test_only_the_word_success_ends_the_repetitions(shop: Shop) -> None:
    refused, taken = (shop.gateway.acknowledge(accepted) for accepted in (False, True))
    shop.rig.inbox.answers = [(refused[0], refused[2].decode()), (200, "SUCCESS"), (taken[0], taken[2].decode())]
    await shop.paid(shop.charge())
    await shop.rig.inbox.wait(3)
    await until(lambda: shop.rig.sim.notifier.log()[0].delivered)

    assert len(shop.rig.inbox.received) == 3


async def test_keys_are_rotated_while_it_runs() -> None:
    """With the new certificate beside the old one nothing is lost; without it everything is Unknown, never wrong."""
    async with open_shop("certificate") as shop:
        charge = shop.charge()
        await shop.created(charge)
        told = await shop.rig.control("POST", "rotate", {"step": "introduce"})
        assert isinstance(await shop.query(charge), Waiting)
        await shop.rig.control("POST", "rotate", {"step": "switch"})
        assert await shop.query(charge) == Unknown("answer_unknown_serial")
        await shop.rig.pay(out_trade_no=charge.out_trade_no)
        body = (await shop.rig.inbox.wait(1))[0]
        assert isinstance(shop.read(body), Unverified)
        both = "".join(key["certificate"] for key in told["listed"])
        async with open_shop("certificate", {"alipay_cert": both}) as ready:
            assert isinstance(ready.read(body), Notice)
