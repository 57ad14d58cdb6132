"""What a share says to WeChat Pay, and what of its answers is believed."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from bot.gateways.wechatpay.sharing import NAME_BYTES
from bot.kernel.masking import Secret
from bot.outside.http import NoAnswer
from bot.payments.facts import Created, Declined, Missing, Unknown, Way
from bot.payments.faculties import PartState, Receiver, ShareFact, SharePart, ShareReturnFact, Sharing
from tests.gateways.wechatpay import platform
from tests.gateways.wechatpay.faculties import WeChatPayFaculties, told_part
from tests.gateways.wechatpay.rig import ACCOUNT

NAME = "诸葛孔明"


@pytest.fixture
def rig() -> WeChatPayFaculties:
    return WeChatPayFaculties()


def sharing(rig: WeChatPayFaculties) -> Sharing:
    assert rig.gateway.sharing is not None
    return rig.gateway.sharing


def body(rig: WeChatPayFaculties, at: int = 0) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(rig.http.sent[at].body)
    return told


def unsealed(text: str) -> str:
    """What WeChat Pay reads of an encrypted field."""
    scheme = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)  # noqa: S303
    return platform.rsa_key("public").decrypt(base64.b64decode(text), scheme).decode()


async def test_a_person_is_named_to_wechat_pay_alone(rig: WeChatPayFaculties) -> None:
    """The name leaves encrypted under the key whose serial the request bears (payments.md §4.1)."""
    rig.will_add_receiver()
    rig.will_share((PartState.PENDING, PartState.PENDING))
    await sharing(rig).add_receiver(ACCOUNT, rig.person())
    await sharing(rig).share(rig.new_share())

    for at, sent in enumerate(rig.http.sent):
        assert NAME.encode() not in sent.body
        assert json.dumps(NAME)[1:-1].encode() not in sent.body
        assert sent.headers["Wechatpay-Serial"] == platform.PUBLIC_KEY_ID
        told = body(rig, at)
        assert unsealed((told["receivers"][1] if "receivers" in told else told)["name"]) == NAME
    assert "name" not in body(rig, 1)["receivers"][0]


async def test_a_name_is_sealed_anew_each_time(rig: WeChatPayFaculties) -> None:
    for _ in range(2):
        rig.will_add_receiver()
        await sharing(rig).add_receiver(ACCOUNT, rig.person())

    assert body(rig, 0)["name"] != body(rig, 1)["name"]


async def test_without_a_key_of_the_platform_no_name_leaves(rig: WeChatPayFaculties) -> None:
    """Before the first refresh an account without a public key has nobody to encrypt for."""
    rig = WeChatPayFaculties(public_key_id=None, public_key=None)

    assert await sharing(rig).add_receiver(ACCOUNT, rig.person()) == Unknown("no_platform_key")
    assert await sharing(rig).share(rig.new_share()) == Unknown("no_platform_key")
    assert rig.http.sent == []


async def test_a_name_longer_than_the_key_carries_is_declined(rig: WeChatPayFaculties) -> None:
    fits, long = (replace(rig.person(), name=Secret("名" * count)) for count in (NAME_BYTES // 3, NAME_BYTES // 3 + 1))
    rig.will_add_receiver()

    assert isinstance(await sharing(rig).add_receiver(ACCOUNT, fits), Created)
    assert await sharing(rig).add_receiver(ACCOUNT, long) == Declined("receiver_name")


async def test_a_share_says_all_that_is_needed(rig: WeChatPayFaculties) -> None:
    rig.will_share((PartState.PENDING, PartState.PENDING))
    await sharing(rig).share(rig.new_share())
    told = body(rig)
    told["receivers"][1].pop("name")

    assert rig.http.sent[0].target == "/v3/profitsharing/orders"
    assert told == {
        "appid": platform.OFFICIAL,
        "transaction_id": "4200001900202611240000000001",
        "out_order_no": "S20261124000000000000000001",
        "receivers": [
            {"type": "MERCHANT_ID", "account": "1900000777", "amount": 1_000, "description": "物业分成"},
            {
                "type": "PERSONAL_OPENID",
                "account": "oHeadOfTheBranch00000000001a",
                "amount": 234,
                "description": "门店分成",
            },
        ],
        "unfreeze_unsplit": False,
    }


async def test_the_other_calls_name_what_they_are_about(rig: WeChatPayFaculties) -> None:
    rig.will_unfreeze()
    rig.will_take_back(PartState.SUCCEEDED)
    rig.will_take_back(PartState.SUCCEEDED)
    rig.will_share((PartState.SUCCEEDED, PartState.SUCCEEDED))
    await sharing(rig).unfreeze(rig.share_ref(), "")
    await sharing(rig).take_back(rig.new_return())
    await sharing(rig).take_back_query(rig.new_return())
    await sharing(rig).share_query(rig.share_ref())

    assert [(sent.method, sent.target) for sent in rig.http.sent] == [
        ("POST", "/v3/profitsharing/orders/unfreeze"),
        ("POST", "/v3/profitsharing/return-orders"),
        (
            "GET",
            "/v3/profitsharing/return-orders/B20261124000000000000000001?out_order_no=S20261124000000000000000001",
        ),
        (
            "GET",
            "/v3/profitsharing/orders/S20261124000000000000000001?transaction_id=4200001900202611240000000001",
        ),
    ]
    assert body(rig, 0)["description"] == "S20261124000000000000000001"
    assert body(rig, 1) == {
        "out_order_no": "S20261124000000000000000001",
        "out_return_no": "B20261124000000000000000001",
        "return_mchid": "1900000777",
        "amount": 300,
        "description": "退款前收回",
    }


async def test_a_relation_that_wechat_pay_has_no_word_for_is_a_custom_one(rig: WeChatPayFaculties) -> None:
    rig.will_add_receiver()
    await sharing(rig).add_receiver(ACCOUNT, replace(rig.person(), relation="门店店长"))

    told = body(rig)
    assert (told["relation_type"], told["custom_relation"]) == ("CUSTOM", "门店店长")
    assert await sharing(rig).add_receiver(ACCOUNT, replace(rig.person(), relation="")) == Declined("relation_missing")


async def test_what_cannot_be_asked_for_is_declined_without_a_call(rig: WeChatPayFaculties) -> None:
    share, person = rig.new_share(), rig.person()
    other = SharePart(replace(person, app_id=platform.MINI), 1)
    foreign = SharePart(replace(person, app_id="wxffffffffffffffff"), 1)
    many = tuple(SharePart(Receiver("merchant", f"19{number:08d}"), 1) for number in range(51))
    for parts, code in (
        ((*share.parts, other), "receivers_of_two_apps"),
        ((foreign,), "app_not_bound"),
        (many, "receivers_count"),
        ((), "receivers_count"),
    ):
        assert await sharing(rig).share(replace(share, parts=parts)) == Declined(code)
    back = replace(rig.new_return(), receiver=person)
    assert await sharing(rig).take_back(back) == Declined("receiver_is_a_person")
    assert rig.http.sent == []


@pytest.mark.parametrize(
    "change",
    [{"out_order_no": "other"}, {"transaction_id": "other"}, {"sub_mchid": "1900000222"}],
    ids=lambda change: next(iter(change)),
)
async def test_an_answer_about_another_share_says_nothing(rig: WeChatPayFaculties, change: dict[str, str]) -> None:
    for _ in range(2):
        rig.http.then(rig.answer(rig.shared((PartState.SUCCEEDED,) * 2, **change)))

    assert await sharing(rig).share(rig.new_share()) == Unknown("answer_about_another")
    assert await sharing(rig).share_query(rig.share_ref()) == Unknown("answer_about_another")


@pytest.mark.parametrize("change", [{"out_return_no": "other"}, {"out_order_no": "other"}, {"amount": 301}])
async def test_an_answer_about_another_return_says_nothing(rig: WeChatPayFaculties, change: dict[str, Any]) -> None:
    rig.http.then(rig.answer(rig.returned(PartState.SUCCEEDED, **change)))

    assert await sharing(rig).take_back(rig.new_return()) == Unknown("answer_about_another")


@pytest.mark.parametrize(
    "change",
    [
        {"state": "ALMOST"},
        {"state": None},
        {"order_id": ""},
        {"receivers": "none"},
        {"receivers": ["none"]},
        {"receivers": [{"type": "MERCHANT_ID", "account": "1", "amount": 1, "result": "MAYBE"}]},
        {"receivers": [{"type": "ROBOT", "account": "1", "amount": 1, "result": "SUCCESS"}]},
        {"receivers": [{"type": "MERCHANT_ID", "account": "1", "amount": "1", "result": "SUCCESS"}]},
    ],
    ids=str,
)
async def test_a_state_that_nobody_knows_is_unknown(rig: WeChatPayFaculties, change: dict[str, Any]) -> None:
    rig.http.then(rig.answer(rig.shared((PartState.SUCCEEDED,) * 2, **change)))

    assert isinstance(await sharing(rig).share_query(rig.share_ref()), Unknown)


async def test_a_share_that_is_finished_with_a_part_under_way_is_not_done(rig: WeChatPayFaculties) -> None:
    rig.http.then(rig.answer(rig.shared((PartState.SUCCEEDED, PartState.PENDING), state="FINISHED")))
    rig.http.then(rig.answer(rig.shared((PartState.SUCCEEDED,) * 2, state="PROCESSING")))
    facts = [await sharing(rig).share_query(rig.share_ref()) for _ in range(2)]

    assert [fact.done for fact in facts if isinstance(fact, ShareFact)] == [False, False]


async def test_a_part_that_failed_without_a_reason_is_told_with_one(rig: WeChatPayFaculties) -> None:
    part = told_part(rig.new_share().parts[0], PartState.FAILED)
    part.pop("fail_reason")
    rig.http.then(rig.answer(rig.shared((PartState.SUCCEEDED,) * 2, receivers=[part])))
    fact = await sharing(rig).share_query(rig.share_ref())

    assert isinstance(fact, ShareFact)
    assert fact.parts[0].reason == "unsaid"


async def test_an_unsigned_refusal_ends_no_share(rig: WeChatPayFaculties) -> None:
    """A share that was refused is made again under another number, which would share twice."""
    rig.will_refuse(403, "NO_AUTH")
    assert await sharing(rig).share(rig.new_share()) == Unknown("NO_AUTH")
    rig.will_refuse(403, "NO_AUTH")
    assert await sharing(rig).take_back(rig.new_return()) == Unknown("NO_AUTH")


@pytest.mark.parametrize("code", ["INVALID_REQUEST", "RESOURCE_ALREADY_EXISTS"])
async def test_a_number_that_may_be_known_is_asked_about(rig: WeChatPayFaculties, code: str) -> None:
    rig.refuse(code, 400)
    rig.will_share((PartState.SUCCEEDED, PartState.PENDING))
    assert isinstance(await sharing(rig).share(rig.new_share()), ShareFact)
    rig.refuse(code, 400)
    rig.will_say_share_missing()
    assert isinstance(await sharing(rig).share(rig.new_share()), Declined)
    rig.will_refuse(400, code)
    rig.will_say_share_missing()
    assert isinstance(await sharing(rig).share(rig.new_share()), Unknown)
    rig.refuse(code, 400)
    rig.will_be_silent()
    assert isinstance(await sharing(rig).share(rig.new_share()), Unknown)

    rig.refuse(code, 400)
    rig.will_take_back(PartState.PENDING)
    assert isinstance(await sharing(rig).take_back(rig.new_return()), ShareReturnFact)
    rig.refuse(code, 400)
    rig.will_say_share_missing()
    assert isinstance(await sharing(rig).take_back(rig.new_return()), Declined)


async def test_a_query_that_finds_nobody_is_no_end(rig: WeChatPayFaculties) -> None:
    rig.will_say_share_missing()
    rig.http.then(NoAnswer("timeout", dest="wechatpay.main", sent=True))

    assert await sharing(rig).share_query(rig.share_ref()) == Missing()
    assert await sharing(rig).share_query(rig.share_ref()) == Unknown("timeout")


async def test_a_charge_to_be_shared_is_created_frozen(rig: WeChatPayFaculties) -> None:
    for share in (True, False):
        rig.will_create(Way.JSAPI)
        await rig.gateway.create(replace(rig.charge(Way.JSAPI), share=share))

    assert body(rig, 0)["settle_info"] == {"profit_sharing": True}
    assert "settle_info" not in body(rig, 1)
