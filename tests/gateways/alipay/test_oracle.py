"""The public client python-alipay-sdk as a second opinion: it buys from our simulator, and each verifies the other."""

import asyncio
import json
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

import pytest
from alipay import AliPay, DCAliPay
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.gateways.alipay.crypto import cert_sn, root_cert_sn, text_to_sign, verifies
from bot.payments.facts import Notice, PaidFact, RawNotice, Way
from tests.gateways.alipay import platform
from tests.gateways.alipay.rig import ACCOUNT, AlipayRig
from tests.simulators.alipay_rig import Rig, credentials, running

# Their reading of certificates goes through a layer that is on its way out.
pytestmark = pytest.mark.filterwarnings("ignore:.*cryptography's:DeprecationWarning")
# What a merchant may write; the client joins and quotes it, and so do we.
VALUE = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)
NAME = st.text(st.characters(min_codepoint=0x61, max_codepoint=0x7A), min_size=1, max_size=8)


def client(kind: type = AliPay, **changes: Any) -> Any:
    """Their client over the tests' own platform's keys, which calls nobody."""
    keys = {
        "appid": platform.APP_ID,
        "app_notify_url": None,
        "app_private_key_string": platform.private_pem("app"),
        "sign_type": "RSA2",
    }
    return kind(**{**keys, **changes})


@cache
def _theirs() -> Any:
    """One for all examples: reading a key takes longer than signing."""
    return client(alipay_public_key_string=platform.public_pem("alipay"))


@pytest.fixture(scope="module")
def oracle() -> Any:
    return _theirs()


@pytest.fixture(scope="module")
def answering() -> Any:
    """Their client in the place of Alipay: it signs with Alipay's key."""
    return client(app_private_key_string=platform.private_pem("alipay"),
                  alipay_public_key_string=platform.public_pem("app"))  # fmt: skip


@pytest.mark.parametrize("way", [Way.JSAPI, Way.NATIVE])
async def test_they_verify_what_we_sign(answering: Any, way: Way) -> None:
    rig = AlipayRig()
    rig.will_create(way)
    await rig.gateway.create(rig.charge(way))
    sent = platform.parameters(rig.http.sent[0])
    signature = sent.pop("sign")
    message = "&".join(f"{name}={value}" for name, value in sorted(sent.items()))

    assert answering._verify(message, signature)
    assert not answering._verify(message.replace("123.45", "123.46"), signature)


@given(fields=st.dictionaries(NAME, VALUE, min_size=1, max_size=6))
@settings(max_examples=40)
def test_both_sign_any_parameters_to_the_same_bytes(fields: dict[str, str]) -> None:
    """RSA PKCS#1 v1.5 is deterministic, so equal inputs give equal signatures."""
    told = dict(parse_qsl(_theirs().sign_data(dict(fields)), keep_blank_values=True, strict_parsing=True))
    kept = {name: value for name, value in fields.items() if name != "sign"}

    assert {name: value for name, value in told.items() if name != "sign"} == kept
    if "sign" not in fields:
        assert told["sign"] == platform.sign(text_to_sign(fields), "app")


def test_a_notice_that_they_sign_is_ours_to_read(answering: Any) -> None:
    rig = AlipayRig()
    charge = rig.charge(Way.JSAPI)
    fields = platform.paid_form(charge)
    body = answering.sign_data(dict(fields)) + "&sign_type=RSA2"
    read = rig.gateway.read_notice(RawNotice(ACCOUNT, {}, body.encode()), rig.clock.now())

    assert isinstance(read, Notice)
    assert isinstance(read.fact, PaidFact)
    assert read.fact.amount == charge.amount


def test_a_notice_of_our_platform_is_theirs_to_verify(oracle: Any) -> None:
    told = dict(parse_qsl(platform.form(platform.paid_form(AlipayRig().charge(Way.JSAPI))).decode(), True))
    signature = told.pop("sign")

    assert oracle.verify(dict(told), signature)
    assert not oracle.verify(told | {"total_amount": "0.01"}, signature)


def test_certificates_are_named_alike() -> None:
    table = platform.by_certificate()
    theirs = client(
        DCAliPay,
        app_public_key_cert_string=table["app_cert"],
        alipay_public_key_cert_string=platform.pem(platform.certificate("alipay")),
        alipay_root_cert_string=table["alipay_root_cert"] + "\n" + platform.pem(platform.certificate("other", "other")),
    )
    loaded = x509.load_pem_x509_certificate(table["app_cert"].encode())

    assert theirs.app_cert_sn == cert_sn(loaded)
    assert theirs.alipay_root_cert_sn == root_cert_sn(theirs._alipay_root_cert_string)
    assert theirs.alipay_root_cert_sn.count("_") == 1


# A purchase by their client at our simulator


def shopper(rig: Rig, kind: type = AliPay) -> Any:
    keys = credentials()
    shared = {"appid": keys.app_id, "app_notify_url": rig.notify_url, "app_private_key_string": keys.app_private_pem}
    if kind is AliPay:
        made: Any = AliPay(**shared, alipay_public_key_string=keys.platform_key.public_pem)
    else:
        made = DCAliPay(
            **shared,
            app_public_key_cert_string=keys.app_certificate_pem,
            alipay_public_key_cert_string=keys.platform_key.certificate_pem,
            alipay_root_cert_string=keys.root_certificate_pem,
        )
    made._gateway = f"{rig.base}/gateway.do"
    return made


@pytest.mark.parametrize("kind", [AliPay, DCAliPay])
async def test_they_complete_a_purchase_at_our_simulator(kind: type) -> None:
    """Precreate, pay, query, refund, its query and close, each answer verified by them; and the notice."""
    async with running() as rig:
        theirs = shopper(rig, kind)

        async def ask(name: str, *values: Any, **named: Any) -> Mapping[str, Any]:
            method = getattr(theirs, f"api_alipay_trade_{name}")
            told: Mapping[str, Any] = await asyncio.to_thread(method, *values, **named)
            return told

        made = await ask("precreate", subject='水费 "11月"', out_trade_no="O1", total_amount="128.50")
        await rig.pay(qr_code=made["qr_code"])
        told = await ask("query", out_trade_no="O1")
        back = await ask("refund", refund_amount="8.50", out_trade_no="O1", out_request_no="B1")
        queried = await ask("fastpay_refund_query", out_request_no="B1", out_trade_no="O1")
        unknown = await ask("fastpay_refund_query", out_request_no="B2", out_trade_no="O1")
        closed = await ask("close", out_trade_no="O1")
        await rig.inbox.wait(2)
        fields = rig.inbox.fields()
        signature = fields.pop("sign")

        assert (made["code"], told["trade_status"], told["total_amount"]) == ("10000", "TRADE_SUCCESS", "128.50")
        assert (back["fund_change"], back["refund_fee"]) == ("Y", "8.50")
        assert (queried["refund_status"], queried["refund_amount"]) == ("REFUND_SUCCESS", "8.50")
        assert (unknown["code"], unknown.get("refund_status")) == ("10000", None)
        assert closed["sub_code"] == "ACQ.TRADE_STATUS_ERROR"
        assert theirs.verify(fields, signature)
        assert fields["out_trade_no"] == "O1"


async def test_they_pay_by_code_and_on_a_page(oracle: Any) -> None:
    async with running() as rig:
        theirs = shopper(rig)
        named = {"out_trade_no": "O2", "scene": "bar_code", "auth_code": "287654321098765432", "subject": "水费"}
        paid = await asyncio.to_thread(theirs.api_alipay_trade_pay, total_amount="1.50", **named)
        query = theirs.api_alipay_trade_wap_pay("水费", "O3", "2.50", return_url="https://pay.example.com/back")
        async with rig.session.get(f"{theirs._gateway}?{query}") as page:
            text = await page.text()

        assert paid["code"] == "10000"
        assert "2.50" in text


def test_our_answers_verify_by_their_rule_too(oracle: Any) -> None:
    facts = platform.trade(AlipayRig().charge(Way.JSAPI))
    raw = platform.body("alipay.trade.query", platform.encoded(facts)).decode()

    told = oracle._verify_and_return_sync_response(raw, "alipay_trade_query_response")
    key = platform.rsa_key("alipay").public_key()
    assert told == facts
    assert verifies(key, platform.encoded(facts), json.loads(raw)["sign"])
