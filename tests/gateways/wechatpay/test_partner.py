"""A service provider acts for one sub-merchant, and nothing about another counts."""

import gzip
import json
from dataclasses import replace
from typing import Any

import pytest

from bot.gateways.wechatpay import sharebill, statement
from bot.gateways.wechatpay.account import WeChatPayAccount
from bot.kernel.errors import GatewayTrouble, Misconfigured
from bot.outside.http import Answer
from bot.payments.facts import Closed, Notice, Paid, PaidFact, RefundFact, RefundState, Unknown, Waiting, Way
from tests.gateways.wechatpay import bills, platform
from tests.gateways.wechatpay.faculties import URL, WeChatPayFaculties
from tests.gateways.wechatpay.rig import ACCOUNT
from tests.gateways.wechatpay.test_statement import DAY

SP, SUB, SP_APP, SUB_APP = "1900000100", "1900000222", platform.OFFICIAL, "wx00000000000000aa"
PARTNER: dict[str, Any] = {
    "mchid": None,
    "appids": None,
    "sp_mchid": SP,
    "sub_mchid": SUB,
    "sp_appid": SP_APP,
    "sub_appid": SUB_APP,
}
OWNER = f"{SP}/{SUB}"
ORDER = "/v3/pay/partner/transactions/out-trade-no/T20261124000000000000000001"


@pytest.fixture
def rig() -> WeChatPayFaculties:
    return WeChatPayFaculties(**PARTNER)


def told(facts: dict[str, Any], *, app: str = "", **changes: Any) -> dict[str, Any]:
    """A transaction or refund as a service provider hears of it."""
    facts = {name: value for name, value in facts.items() if name not in ("mchid", "appid")}
    payer = facts.get("payer")
    if payer:
        names = {"sp_openid": payer["openid"]} | ({"sub_openid": "oSubKnowsThem"} if app == SUB_APP else {})
        facts["payer"] = names
    sub = {"sub_appid": SUB_APP} if app == SUB_APP else {}
    return {"sp_mchid": SP, "sub_mchid": SUB, "sp_appid": SP_APP, **sub, **facts, **changes}


def test_the_owner_is_both_numbers(rig: WeChatPayFaculties) -> None:
    assert rig.gateway.owner(ACCOUNT) == (OWNER, frozenset({SP_APP, SUB_APP}))


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"sub_mchid": None}, "set 'sub_mchid'"),
        ({"sp_mchid": None}, "set 'sp_mchid'"),
        ({"sp_appid": None}, "set 'sp_appid'"),
        ({"sub_mchid": "1900x"}, "sub_mchid"),
        ({"sub_mchid": SP}, "to another"),
        ({"mchid": SP}, "leave out 'mchid'"),
        ({"appids": [SP_APP]}, "leave out 'appids'"),
        ({"sub_appid": "wx1"}, "wx1"),
        ({"mini_appids": ["wx00000000000000bb"]}, "mini_appid"),
    ],
)
def test_a_half_configured_provider_is_refused_with_its_remedy(changes: dict[str, Any], remedy: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        WeChatPayAccount.from_settings("main", platform.settings(**{**PARTNER, **changes}))

    assert remedy in refusal.value.remedy


def test_the_sub_merchants_app_may_be_left_out() -> None:
    account = WeChatPayAccount.from_settings("main", platform.settings(**{**PARTNER, "sub_appid": None}))

    assert (account.mchid, account.appids, account.owner) == (SP, (SP_APP,), OWNER)


@pytest.mark.parametrize(
    ("app", "whose", "payer"),
    [(SP_APP, {}, {"sp_openid": "o1"}), (SUB_APP, {"sub_appid": SUB_APP}, {"sub_openid": "o1"})],
)
async def test_a_charge_is_created_for_the_sub_merchant(
    rig: WeChatPayFaculties, app: str, whose: dict[str, str], payer: dict[str, str]
) -> None:
    rig.will_create(Way.JSAPI)
    await rig.gateway.create(replace(rig.charge(Way.JSAPI), payer_id="o1", payer_app=app))
    (sent,) = rig.http.sent
    facts = json.loads(sent.body)

    assert sent.target == "/v3/pay/partner/transactions/jsapi"
    assert f'mchid="{SP}"' in sent.headers["Authorization"]
    assert {name: facts[name] for name in facts if name.endswith(("mchid", "appid"))} == {
        "sp_appid": SP_APP,
        "sp_mchid": SP,
        "sub_mchid": SUB,
        **whose,
    }
    assert facts["payer"] == payer


async def test_each_call_names_both(rig: WeChatPayFaculties) -> None:
    charge = replace(rig.charge(Way.NATIVE), payer_app=None)
    rig.http.then(rig.answer(told(platform.transaction(charge, "NOTPAY"))), rig.answer(None, 204))
    rig.will_refund(RefundState.PENDING)
    rig.will_refund(RefundState.PENDING)
    assert await rig.gateway.query(rig.ref(charge)) == Waiting("NOTPAY")
    assert await rig.gateway.close(rig.ref(charge)) == Closed("CLOSED")
    asked = await rig.gateway.refund(rig.new_refund())
    assert asked == await rig.gateway.refund_query(rig.refund_ref())
    assert isinstance(asked, RefundFact)
    assert asked.merchant_id == OWNER

    query, close, refund, refund_query = rig.http.sent
    assert query.target == f"{ORDER}?sp_mchid={SP}&sub_mchid={SUB}"
    assert (close.target, json.loads(close.body)) == (f"{ORDER}/close", {"sp_mchid": SP, "sub_mchid": SUB})
    assert json.loads(refund.body)["sub_mchid"] == SUB
    assert refund_query.target.endswith(f"?sub_mchid={SUB}")


@pytest.mark.parametrize(
    "change",
    [
        {"sub_mchid": "1900000333"},
        {"sp_mchid": "1900000101"},
        {"sub_mchid": None},
        {"sp_mchid": None},
        {"sub_mchid": SP, "sp_mchid": SUB},
    ],
    ids=str,
)
async def test_an_answer_about_another_sub_merchant_says_nothing(
    rig: WeChatPayFaculties, change: dict[str, Any]
) -> None:
    charge = rig.charge(Way.NATIVE)
    rig.http.then(rig.answer(told(platform.transaction(charge), **change)))

    assert await rig.gateway.query(rig.ref(charge)) == Unknown("answer_about_another")


@pytest.mark.parametrize("facts", ["direct", "composite"])
async def test_a_message_in_the_other_modes_form_is_nobodys(rig: WeChatPayFaculties, facts: str) -> None:
    """One number that reads as both is not both."""
    charge = rig.charge(Way.NATIVE)
    mchid = SP if facts == "direct" else OWNER
    rig.http.then(rig.answer(platform.transaction(charge) | {"mchid": mchid}))

    answer = await rig.gateway.query(rig.ref(charge))
    assert answer == Unknown("answer_about_another")


@pytest.mark.parametrize(("app", "known_as"), [(SP_APP, "oPayer"), (SUB_APP, "oSubKnowsThem")])
async def test_the_payer_is_told_under_the_app_that_they_paid_in(
    rig: WeChatPayFaculties, app: str, known_as: str
) -> None:
    charge = replace(rig.charge(Way.JSAPI), payer_id="oPayer", payer_app=app)
    facts = told(platform.transaction(charge), app=app)
    rig.http.then(rig.answer(facts))
    queried = await rig.gateway.query(rig.ref(charge))
    raw = rig.notice(platform.encoded(platform.envelope("TRANSACTION.SUCCESS", "transaction", facts)))
    notice = rig.gateway.read_notice(raw, rig.clock.now())

    assert isinstance(queried, Paid)
    assert (queried.fact.merchant_id, queried.fact.app_id, queried.fact.payer_id) == (OWNER, app, known_as)
    assert isinstance(notice, Notice)
    assert notice.fact == queried.fact


@pytest.mark.parametrize("change", [{"sub_mchid": "1900000333"}, {"sp_mchid": "1900000101"}])
def test_a_notice_about_another_sub_merchant_carries_another_owner(
    rig: WeChatPayFaculties, change: dict[str, Any]
) -> None:
    """Credit compares the owner, so a genuine notice about another's money ends in suspense."""
    paid = told(platform.transaction(rig.charge(Way.NATIVE)), **change)
    refunded = told(rig.refund_facts("SUCCESS", notice=True), **change)
    facts = []
    for kind, subject, content in (("TRANSACTION", "transaction", paid), ("REFUND", "refund", refunded)):
        raw = rig.notice(platform.encoded(platform.envelope(f"{kind}.SUCCESS", subject, content)))
        notice = rig.gateway.read_notice(raw, rig.clock.now())
        assert isinstance(notice, Notice)
        facts.append(notice.fact)

    assert [type(fact) for fact in facts] == [PaidFact, RefundFact]
    assert all(fact.merchant_id != OWNER for fact in facts if isinstance(fact, PaidFact | RefundFact))


async def test_a_bill_is_asked_for_one_sub_merchant_and_holds_no_other(rig: WeChatPayFaculties) -> None:
    mine = bills.payment(1, DAY).replace(f"`{platform.MCHID},`0,", f"`{SP},`{SUB},")
    text = bills.text([mine], 1, 100, 0)
    named = {"hash_type": "SHA1", "hash_value": bills.sha1(text), "download_url": URL}
    shares = bills.share_text([bills.share(1, DAY, by=SUB)])
    rig.http.then(rig.answer(named), Answer(200, {}, gzip.compress(text)))
    rig.http.then(rig.answer({**named, "hash_value": bills.sha1(shares)}), Answer(200, {}, shares))

    lines = [line async for line in rig.gateway.statement(ACCOUNT, DAY)]
    assert [line.kind for line in lines] == ["payment", "share"]
    for asked in (rig.http.sent[0], rig.http.sent[2]):
        assert asked.target.endswith(f"&tar_type=GZIP&sub_mchid={SUB}")
    foreign = bills.text([mine.replace(SUB, "1900000333")], 1, 100, 0)
    with pytest.raises(GatewayTrouble):
        list(statement.read(foreign, SUB))
    with pytest.raises(GatewayTrouble):
        list(sharebill.read(bills.share_text([bills.share(1, DAY, by="1900000333")]), SUB))


async def test_a_sub_merchants_flows_are_not_read_from_the_providers_bill(rig: WeChatPayFaculties) -> None:
    rig.will_refuse(403, "NO_AUTH")
    assert rig.gateway.flows is not None
    with pytest.raises(GatewayTrouble):
        _ = [line async for line in rig.gateway.flows.lines(ACCOUNT, DAY)]
    assert [sent.target.partition("?")[0] for sent in rig.http.sent] == ["/v3/bill/sub-merchant-fundflowbill"]
