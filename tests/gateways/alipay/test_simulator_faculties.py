"""Codes, sign-in, shares, contracts and a provider's account against the simulator over real HTTP."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from bot.kernel.clock import business_day
from bot.kernel.errors import BadRequest
from bot.kernel.masking import Secret
from bot.payments.facts import (
    Closed,
    ContractFact,
    ContractState,
    Created,
    Declined,
    Missing,
    Notice,
    Paid,
    Unknown,
    Waiting,
    Way,
)
from bot.payments.faculties import (
    ContractRef,
    NewContract,
    NewShare,
    NewShareReturn,
    PartState,
    Receiver,
    ShareFact,
    SharePart,
    ShareRef,
    ShareReturnFact,
)
from tests.gateways.alipay.shop import CLOCK, Shop, open_shop, ref
from tests.simulators.alipay_rig import BUYER, credentials

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


# 付款码


async def test_a_scanned_code_is_paid_at_once_and_told_alike(shop: Shop) -> None:
    charge = shop.charge(Way.CODE)
    assert shop.gateway.codes is not None
    outcome = await shop.gateway.codes.pay(charge, CODE)

    assert isinstance(outcome, Paid)
    assert (outcome.fact.amount, outcome.fact.way) == (12_850, "code")
    queried = await shop.query(charge)
    assert isinstance(queried, Paid)
    assert replace(outcome.fact, way="") == queried.fact


@pytest.mark.parametrize(
    ("amount", "code", "expected"),
    [
        (12_801, CODE, Declined),
        (12_810, CODE, Unknown),  # Paid, and the answer is lost.
        (12_811, CODE, Waiting),
        (12_835, CODE, Unknown),  # Paid, and 20000 is said.
        (12_836, CODE, Unknown),
        (12_850, Secret("132222222222222222"), Declined),  # WeChat's, not Alipay's.
    ],
)
async def test_a_scanned_code_in_doubt_is_not_concluded(shop: Shop, amount: int, code: Secret, expected: type) -> None:
    assert shop.gateway.codes is not None
    outcome = await shop.gateway.codes.pay(shop.charge(Way.CODE, amount=amount), code)

    assert isinstance(outcome, expected)


async def test_a_payer_who_types_is_waited_for_and_then_paid(shop: Shop) -> None:
    charge = shop.charge(Way.CODE, amount=12_811)
    assert shop.gateway.codes is not None
    await shop.gateway.codes.pay(charge, CODE)
    facts = [await shop.query(charge) for _ in range(4)]

    assert [type(fact) for fact in facts] == [Waiting, Waiting, Waiting, Paid]


async def test_a_reversal_closes_or_gives_back(shop: Shop) -> None:
    assert shop.gateway.codes is not None
    codes = shop.gateway.codes
    waiting, paid = (shop.charge(Way.CODE, amount=n, number=f"T{n}") for n in (12_811, 12_850))
    await codes.pay(waiting, CODE)
    await codes.pay(paid, Secret("287654321098765433"))

    assert await codes.reverse(ref(waiting)) == Closed("cancel_close", was_paid=False)
    for _ in range(2):
        assert await codes.reverse(ref(paid)) == Closed("cancel_refund", was_paid=True)
    assert await shop.query(paid) == Closed("TRADE_CLOSED", was_paid=True)
    assert await codes.reverse(ref(shop.charge(Way.CODE, number="T9"))) == Missing()


async def test_a_reversal_is_repeated_until_it_is_done(shop: Shop) -> None:
    assert shop.gateway.codes is not None
    charge = shop.charge(Way.CODE, amount=12_826)
    await shop.gateway.codes.pay(charge, CODE)
    facts = [await shop.gateway.codes.reverse(ref(charge)) for _ in range(3)]

    assert facts == [Waiting("retry_flag"), Waiting("retry_flag"), Closed("cancel_refund", was_paid=True)]


# The wallet, shares and contracts


async def test_the_wallet_signs_a_payer_in_once(any_shop: Shop) -> None:
    wallet = any_shop.gateway.wallet("main")
    url = wallet.authorize_url("https://pay.example.com/oauth/alipay/main?x=1", "state/+1")
    async with any_shop.rig.session.get(url, allow_redirects=False) as page:
        back = urlsplit(page.headers["Location"])
    told = dict(parse_qsl(back.query))
    payer = await wallet.identify(told["auth_code"])

    assert (back.hostname, told["state"], told["x"]) == ("pay.example.com", "state/+1", "1")
    assert (payer.wallet, payer.app_id, payer.subject) == ("alipay", credentials().app_id, BUYER)
    for code in ("", told["auth_code"], "unheard-of"):
        with pytest.raises(BadRequest):
            await wallet.identify(code)


async def test_money_is_shared_taken_back_and_set_free(shop: Shop) -> None:
    assert shop.gateway.sharing is not None
    sharing, charge = shop.gateway.sharing, replace(shop.charge(), share=True)
    paid = await shop.paid(charge)
    receiver = Receiver("merchant", "2088000000000777")
    part = SharePart(receiver, 1_000, "平台服务费")
    share = NewShare("S1", charge.out_trade_no, paid.transaction_id, "main", (part,), finish=False)
    assert isinstance(await sharing.share(share), Declined), "nobody is given a share who is not bound"
    assert isinstance(await sharing.add_receiver("main", receiver), Created)
    for _ in range(2):
        fact = await sharing.share(share)
        assert isinstance(fact, ShareFact)
        assert fact.done
        told = tuple(replace(each, at=None) for each in fact.parts)
        assert told == (replace(part, description="", state=PartState.SUCCEEDED),)
        assert all(each.at is not None for each in fact.parts)
    assert await sharing.share_query(ShareRef("S9", charge.out_trade_no, paid.transaction_id, "main")) == Missing()
    refused = await shop.gateway.refund(shop.refund(charge, 12_850))
    assert isinstance(refused, Declined), "a share is taken back first"

    back = NewShareReturn("B1", "S1", charge.out_trade_no, "main", receiver, 1_000)
    for ask in (sharing.take_back, sharing.take_back_query):
        came = await ask(back)
        assert isinstance(came, ShareReturnFact)
        assert came.at is not None
        assert replace(came, at=None) == ShareReturnFact("B1", PartState.SUCCEEDED, 1_000)
    too_much = replace(back, out_return_no="B2")
    assert await sharing.take_back(too_much) == ShareReturnFact("B2", PartState.FAILED, 1_000, "BALANCE_NOT_ENOUGH")
    rest = ShareRef("U1", charge.out_trade_no, paid.transaction_id, "main")
    free = await sharing.unfreeze(rest, "解冻")
    assert isinstance(free, ShareFact)
    assert free.done
    assert isinstance(await sharing.share(replace(share, out_order_no="S3")), Unknown | Declined)


async def shared(shop: Shop, numbers: tuple[str, ...]) -> None:
    """Trades of which a part was given away, and some of it taken back."""
    assert shop.gateway.sharing is not None
    receiver = Receiver("merchant", "2088000000000777")
    assert isinstance(await shop.gateway.sharing.add_receiver("main", receiver), Created)
    for number in numbers:
        charge = replace(shop.charge(number=number), share=True)
        paid = await shop.paid(charge)
        part = SharePart(receiver, 1_000, "平台服务费")
        share = NewShare(f"S{number}", number, paid.transaction_id, "main", (part,), finish=False)
        assert isinstance(await shop.gateway.sharing.share(share), ShareFact)
        back = NewShareReturn(f"B{number}", f"S{number}", number, "main", receiver, 400)
        assert isinstance(await shop.gateway.sharing.take_back(back), ShareReturnFact)


@pytest.mark.parametrize(
    ("planted", "given", "back"),
    [
        ((), [1_000, 1_000], [400, 400]),
        (("share_missing",), [1_000], [400, 400]),
        (("share_extra",), [1_000, 1_000, 1_000], [400, 400]),
        (("share_amount",), [1_000, 1_001], [400, 400]),
        (("share_duplicate",), [1_000, 1_000, 1_000], [400, 400]),
        (("share_return_missing",), [1_000, 1_000], [400]),
    ],
)
async def test_the_statement_has_what_was_shared_and_what_is_planted_in_it(
    planted: tuple[str, ...], given: list[int], back: list[int]
) -> None:
    async with open_shop(discrepancies=planted) as shop:
        await shared(shop, ("T1000000001", "T1000000002"))
        day = business_day(shop.rig.sim.clock.now())
        reads = [[line async for line in shop.gateway.statement("main", day)] for _ in range(2)]
        told = (await shop.rig.control("GET", f"discrepancies?day={day}"))["planted"]

    assert reads[0] == reads[1], "the same bill however often it is fetched"
    lines = {kind: [line for line in reads[0] if line.kind == kind] for kind in ("share", "share_returned")}
    assert sorted(line.amount for line in lines["share"]) == given
    assert sorted(line.amount for line in lines["share_returned"]) == back
    assert {line.out_trade_no for line in lines["share_returned"]} <= {"T1000000001", "T1000000002"}
    assert [each["kind"] for each in told] == list(planted)
    numbers = [line.refund_id for line in lines["share"]]
    assert len(set(numbers)) == len(numbers) - (planted == ("share_duplicate",))


async def test_a_contract_is_signed_used_and_ended(shop: Shop) -> None:
    assert shop.gateway.contracts is not None
    contracts = shop.gateway.contracts
    contract = NewContract(
        out_contract_no="C1",
        account="main",
        plan="INDUSTRY|UTILITY",
        shown="物业费",
        maximum=20_000,
        period_days=30,
        created_at=CLOCK.now(),
        notify_url=shop.rig.notify_url,
    )
    known = ContractRef("C1", "main", contract.plan)
    assert await contracts.contract_query(known) == Missing()
    signed = await contracts.sign(contract)
    assert isinstance(signed, Created)
    async with shop.rig.session.get(signed.handover["url"]) as page:
        assert "200.00" in await page.text()
    assert await contracts.contract_query(known) == Missing()
    await shop.rig.control("POST", "agreements/accept", {"external_agreement_no": "C1"})
    told, queried = await shop.notice(), await contracts.contract_query(known)
    assert isinstance(queried, ContractFact)
    assert isinstance(told, Notice)
    assert told.fact == queried
    assert (queried.state, queried.payer_id) == (ContractState.ACTIVE, BUYER)

    for amount, expected in ((20_001, Declined), (12_850, Paid), (12_851, Declined)):
        charge = shop.charge(Way.CONTRACT, amount=amount, number=f"T{amount}")
        assert isinstance(await contracts.deduct(charge, known), expected), amount

    named = ContractRef("C1", "main", contract.plan, queried.contract_id)
    ended = await contracts.terminate(named, "用户要求")
    assert isinstance(ended, ContractFact)
    assert (ended.state, ended.ended_by) == (ContractState.ENDED, "merchant")
    again = await contracts.terminate(named, "用户要求")
    assert isinstance(again, ContractFact)
    assert again.state is ContractState.ENDED
    assert await contracts.contract_query(known) == Missing()
    assert isinstance(await contracts.deduct(shop.charge(Way.CONTRACT, number="T5"), named), Declined)


async def test_a_provider_acts_for_a_merchant_with_its_token() -> None:
    keys = credentials()
    application = replace(
        keys.application(), seller_id="2088000000000555", auth_token="202611BB0001", auth_app_id="2021000000000555"
    )
    settings = {"seller_id": "2088000000000555", "app_auth_token": "202611BB0001", "auth_app_id": "2021000000000555",
                "sys_service_provider_id": keys.seller_id}  # fmt: skip
    async with open_shop(settings=settings, applications=(application,)) as shop:
        fact = await shop.paid(shop.charge())
        notice = await shop.notice()

        assert shop.gateway.owner("main") == ("2088000000000555", frozenset({keys.app_id}))
        assert fact.merchant_id == "2088000000000555"
        assert isinstance(notice, Notice)
        assert notice.fact == fact
    async with open_shop(settings=settings | {"app_auth_token": "wrong"}, applications=(application,)) as shop:
        assert isinstance(await shop.gateway.create(shop.charge()), Unknown)
