"""The public client wechatpayv3 as a second opinion: each side signs and seals what the other verifies and opens."""

import base64
import re
import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from wechatpayv3 import SignType, WeChatPay, WeChatPayType
from wechatpayv3 import utils as theirs

from bot.gateways.wechatpay import client, gateway
from bot.gateways.wechatpay.account import WeChatPayAccount
from bot.gateways.wechatpay.client import Client, serialise
from bot.gateways.wechatpay.crypto import unseal
from bot.gateways.wechatpay.keys import MerchantKey, PlatformKey, PlatformKeys, signature_fault
from bot.kernel.clock import ManualClock
from bot.payments.facts import Notice, RawNotice, RefundState, Unverified, Way
from tests.gateways.rig import ScriptedHttp
from tests.gateways.wechatpay import platform
from tests.gateways.wechatpay.rig import ACCOUNT, WeChatPayRig

NONCE = "593BEC0C930BF1AFEB40B4A08C8FB242"
PUBLIC = platform.rsa_key("public").public_key()
HEADER = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40)


@pytest.fixture(scope="module")
def oracle() -> Any:
    """Their client in public-key mode, which calls nobody."""
    return WeChatPay(
        wechatpay_type=WeChatPayType.JSAPI,
        mchid=platform.MCHID,
        private_key=platform.private_pem("merchant"),
        cert_serial_no=platform.MERCHANT_SERIAL,
        appid=platform.OFFICIAL,
        apiv3_key=platform.APIV3_KEY,
        notify_url="https://pay.example.com/notify",
        public_key=platform.public_pem("public"),
        public_key_id=platform.PUBLIC_KEY_ID,
    )


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> WeChatPayRig:
    monkeypatch.setattr(client, "new_nonce", lambda: NONCE)
    monkeypatch.setattr(gateway, "new_nonce", lambda: NONCE)
    return WeChatPayRig()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v3/certificates", None),
        ("GET", "/v3/pay/transactions/out-trade-no/T1?mchid=1900000109", None),
        ("POST", "/v3/pay/transactions/jsapi", {"description": "物业费", "amount": {"total": 1}}),
    ],
)
async def test_both_sign_a_request_to_the_same_bytes(
    rig: WeChatPayRig, monkeypatch: pytest.MonkeyPatch, method: str, path: str, body: dict[str, Any] | None
) -> None:
    """RSA PKCS#1 v1.5 is deterministic, so equal inputs give equal headers."""
    sent_body = serialise(body) if body else b""
    account = WeChatPayAccount.from_settings(ACCOUNT, platform.settings())
    http = ScriptedHttp()
    http.then(platform.answer(None, platform.NOW))
    await Client(account, MerchantKey(account), PlatformKeys(account), http, rig.clock).send(method, path, sent_body)
    monkeypatch.setattr(theirs, "time", SimpleNamespace(time=platform.NOW.timestamp))
    expected = theirs.build_authorization(
        path,
        method,
        platform.MCHID,
        platform.MERCHANT_SERIAL,
        theirs.load_private_key(platform.private_pem("merchant")),
        data=sent_body.decode(),
        nonce_str=NONCE,
    )

    assert http.sent[0].headers["Authorization"] == expected


def test_both_sign_the_bridge_parameters_alike(rig: WeChatPayRig, oracle: Any) -> None:
    handover = rig.gateway.handover(ACCOUNT, platform.OFFICIAL, "wx24040000000000000000000000000001")
    parts = [handover[name] for name in ("appId", "timeStamp", "nonceStr", "package")]

    assert oracle.sign(parts, SignType.RSA_SHA256) == handover["paySign"]


@given(nonce=HEADER, body=st.binary(max_size=200).map(lambda raw: raw.decode("utf-8", "replace")))
def test_what_they_sign_we_verify(nonce: str, body: str) -> None:
    at = datetime.fromtimestamp(int(time.time()), UTC)
    timestamp = str(int(at.timestamp()))
    signature = theirs.rsa_sign(platform.rsa_key("public"), f"{timestamp}\n{nonce}\n{body}\n")
    headers = {
        "wechatpay-timestamp": timestamp,
        "wechatpay-nonce": nonce,
        "wechatpay-serial": platform.PUBLIC_KEY_ID,
        "wechatpay-signature": signature,
    }
    keys = {platform.PUBLIC_KEY_ID: PlatformKey(PUBLIC)}

    assert signature_fault(headers, body.encode(), at, keys) == ""
    assert theirs.rsa_verify(timestamp, nonce, body, signature, PUBLIC)
    assert signature_fault(headers, body.encode() + b" ", at, keys) == "bad_signature"


async def test_what_we_sign_they_verify(rig: WeChatPayRig) -> None:
    """Their verifier knows three lines, ours signs five: the first two stand for its timestamp."""
    rig.will_create(Way.JSAPI)
    await rig.gateway.create(rig.charge(Way.JSAPI))
    sent = rig.http.sent[0]
    found = re.search(r'signature="([^"]+)",timestamp="(\d+)"', sent.headers["Authorization"])
    assert found
    first_lines = f"{sent.method}\n{sent.target}\n{found[2]}"

    assert theirs.rsa_verify(
        first_lines, NONCE, sent.body.decode(), found[1], platform.rsa_key("merchant").public_key()
    )


@given(
    plain=st.text(max_size=200), extra=st.text(max_size=20), nonce=st.text("0123456789abcdef", min_size=12, max_size=12)
)
def test_both_open_the_same_sealed_texts(plain: str, extra: str, nonce: str) -> None:
    plain, extra = (text.encode("utf-8", "replace").decode() for text in (plain, extra))
    key = platform.APIV3_KEY
    text = base64.b64encode(AESGCM(key.encode()).encrypt(nonce.encode(), plain.encode(), extra.encode())).decode()
    opened = unseal(key.encode(), nonce=nonce, associated_data=extra, ciphertext=text)

    assert opened == plain.encode()
    assert theirs.aes_decrypt(nonce, text, extra, key) == plain
    other = unseal(key.encode(), nonce=nonce, associated_data=extra + "x", ciphertext=text)
    assert (other, theirs.aes_decrypt(nonce, text, extra + "x", key)) == (None, None)


def notices() -> dict[str, RawNotice]:
    rig = WeChatPayRig()
    return {
        "payment": rig.paid_notice(rig.charge(Way.JSAPI), platform.NOW),
        "refund": rig.refund_notice(RefundState.SUCCEEDED),
    }


@pytest.mark.parametrize("name", ["payment", "refund"])
def test_both_read_the_same_notice(oracle: Any, name: str) -> None:
    rig, raw = WeChatPayRig(), notices()[name]
    read = rig.gateway.read_notice(raw, rig.clock.now())
    told = oracle.callback(raw.headers, raw.body)

    assert isinstance(read, Notice)
    assert read.fact is not None
    assert (read.id, read.kind) == (told["id"], told["event_type"])
    resource = told["resource"]
    assert read.fact.out_trade_no == resource["out_trade_no"]
    assert read.fact.amount == resource["amount"]["total" if name == "payment" else "refund"]
    assert read.fact.merchant_id == resource["mchid"]


def test_we_believe_no_notice_that_they_refuse(oracle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other way round is not so: they take stale notices, and call WeChat Pay for a serial that anyone made up."""
    calls: list[str] = []
    monkeypatch.setattr(oracle._core, "_update_certificates", lambda: calls.append("certificates"))
    rig, genuine = WeChatPayRig(), notices()["payment"]
    for name, raw in rig.spoiled(genuine):
        ours = rig.gateway.read_notice(raw, rig.clock.now())

        assert isinstance(ours, Unverified)
        assert bool(_read_by(oracle, raw)) is (name in ("stale", "early", "oversize")), name
    assert rig.http.sent == []
    assert calls


def _read_by(oracle: Any, raw: RawNotice) -> Any:
    try:
        return oracle.callback(raw.headers, raw.body)
    except Exception:  # They refuse some by None and some by exceptions of several kinds.
        return None


async def test_they_believe_the_answers_that_we_believe(oracle: Any) -> None:
    for answer in (
        platform.answer(platform.public_signer(), platform.NOW, {"prepay_id": "wx1"}),
        platform.answer(platform.public_signer(), platform.NOW, None, 204),
    ):
        headers = {name.title(): value for name, value in answer.headers.items()}

        assert oracle._core._verify_signature(headers, answer.body.decode())
        keys = {platform.PUBLIC_KEY_ID: PlatformKey(PUBLIC)}
        assert signature_fault(answer.headers, answer.body, ManualClock(platform.NOW).now(), keys) == ""
