"""The samples that WeChat Pay publishes pass through our own code, signing and verifying, sealing and opening."""

import json
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from bot.gateways.wechatpay import client, gateway
from bot.gateways.wechatpay.account import WeChatPayAccount
from bot.gateways.wechatpay.certificates import read_certificates
from bot.gateways.wechatpay.client import Client
from bot.gateways.wechatpay.crypto import unseal
from bot.gateways.wechatpay.gateway import WeChatPayGateway
from bot.gateways.wechatpay.keys import MerchantKey, PlatformKey, PlatformKeys, signature_fault
from bot.kernel.clock import ManualClock
from tests.gateways.rig import ScriptedHttp
from tests.gateways.wechatpay import platform, vectors


def moment(timestamp: str) -> datetime:
    return datetime.fromtimestamp(int(timestamp), UTC)


@pytest.fixture
def account() -> WeChatPayAccount:
    changes = {"mchid": vectors.MCHID, "serial": vectors.SERIAL, "private_key": vectors.PRIVATE_KEY}
    return WeChatPayAccount.from_settings("main", platform.settings(**changes, appids=[vectors.PREPAY_APPID]))


@pytest.fixture
def fixed_nonce(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "new_nonce", lambda: vectors.NONCE)
    monkeypatch.setattr(gateway, "new_nonce", lambda: vectors.NONCE)


def fields(authorization: str) -> dict[str, str]:
    scheme, _, rest = authorization.partition(" ")
    assert scheme == "WECHATPAY2-SHA256-RSA2048"
    return {name: value.strip('"') for name, _, value in (item.partition("=") for item in rest.split(","))}


@pytest.mark.parametrize(
    ("method", "path", "body", "signature"),
    [
        ("POST", vectors.REQUEST_PATH, vectors.REQUEST_BODY, vectors.REQUEST_SIGNATURE),
        ("GET", vectors.PATH, "", vectors.PATH_SIGNATURE),
    ],
)
async def test_a_request_is_signed_as_the_documents_show(
    account: WeChatPayAccount, fixed_nonce: None, method: str, path: str, body: str, signature: str
) -> None:
    http, clock = ScriptedHttp(), ManualClock(moment(vectors.TIMESTAMP))
    http.then(platform.answer(None, clock.now()))
    await Client(account, MerchantKey(account), PlatformKeys(account), http, clock).send(method, path, body.encode())

    assert fields(http.sent[0].headers["Authorization"]) == {
        "mchid": vectors.MCHID,
        "nonce_str": vectors.NONCE,
        "timestamp": vectors.TIMESTAMP,
        "serial_no": vectors.SERIAL,
        "signature": signature,
    }


def test_bridge_parameters_are_signed_as_the_documents_show(account: WeChatPayAccount, fixed_nonce: None) -> None:
    wechatpay = WeChatPayGateway({"main": account}, ScriptedHttp(), ManualClock(moment(vectors.TIMESTAMP)))

    assert wechatpay.handover("main", vectors.PREPAY_APPID, vectors.PREPAY_ID) == {
        "appId": vectors.PREPAY_APPID,
        "timeStamp": vectors.TIMESTAMP,
        "nonceStr": vectors.NONCE,
        "package": f"prepay_id={vectors.PREPAY_ID}",
        "signType": "RSA",
        "paySign": vectors.PAY_SIGN,
    }


def test_the_published_answer_verifies() -> None:
    key = load_pem_public_key(vectors.ANSWER_PUBLIC_KEY.encode())
    assert isinstance(key, RSAPublicKey)
    headers = {
        "wechatpay-timestamp": vectors.ANSWER_TIMESTAMP,
        "wechatpay-nonce": vectors.ANSWER_NONCE,
        "wechatpay-serial": vectors.ANSWER_SERIAL,
        "wechatpay-signature": vectors.ANSWER_SIGNATURE,
        "wechatpay-signature-type": "WECHATPAY2-SHA256-RSA2048",
    }
    keys, now = {vectors.ANSWER_SERIAL: PlatformKey(key)}, moment(vectors.ANSWER_TIMESTAMP)

    assert signature_fault(headers, vectors.ANSWER_BODY, now, keys) == ""
    assert signature_fault(headers, vectors.ANSWER_BODY + b" ", now, keys) == "bad_signature"


def test_the_published_notice_verifies_and_opens() -> None:
    certificate = x509.load_pem_x509_certificate(vectors.NOTICE_CERTIFICATE.encode())
    key = certificate.public_key()
    assert isinstance(key, RSAPublicKey)
    headers = {
        "wechatpay-timestamp": vectors.NOTICE_TIMESTAMP,
        "wechatpay-nonce": vectors.NOTICE_NONCE,
        "wechatpay-serial": vectors.NOTICE_SERIAL,
        "wechatpay-signature": vectors.NOTICE_SIGNATURE,
    }
    body, now = vectors.NOTICE_BODY.encode(), moment(vectors.NOTICE_TIMESTAMP)
    resource = json.loads(body)["resource"]
    sealed = {name: resource[name] for name in ("nonce", "associated_data", "ciphertext")}

    assert f"{certificate.serial_number:X}" == vectors.NOTICE_SERIAL
    assert signature_fault(headers, body, now, {vectors.NOTICE_SERIAL: PlatformKey(key)}) == ""
    assert unseal(vectors.NOTICE_KEY, **sealed) == vectors.NOTICE_PLAIN


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": "bad-4a9R25RW"},
        {"nonce": vectors.SEALED_NONCE + "x"},
        {"nonce": ""},
        {"nonce": "\ud800" * 12},
        {"associated_data": "other"},
        {"ciphertext": "ulwSiIajGClcvcOYvOQ7+l+0PAbzzwJ="},
        {"ciphertext": vectors.SEALED_TEXT.replace("u", "v", 1)},
        {"ciphertext": "not base64!"},
        {"ciphertext": ""},
        {"ciphertext": "AAAA"},
    ],
)
def test_the_published_sealed_message_opens_only_as_it_is(change: dict[str, str]) -> None:
    sealed = {
        "nonce": vectors.SEALED_NONCE,
        "associated_data": vectors.SEALED_EXTRA,
        "ciphertext": vectors.SEALED_TEXT,
    }

    assert unseal(vectors.SEALED_KEY, **sealed) == vectors.SEALED_PLAIN
    assert unseal(vectors.SEALED_KEY, **{**sealed, **change}) is None


def test_the_published_certificate_list_opens() -> None:
    entry = {
        "serial_no": vectors.LISTED_SERIAL,
        "encrypt_certificate": {
            "algorithm": "AEAD_AES_256_GCM",
            "nonce": vectors.LISTED_NONCE,
            "associated_data": vectors.LISTED_EXTRA,
            "ciphertext": vectors.LISTED_TEXT,
        },
    }
    found = read_certificates({"data": [entry]}, vectors.SEALED_KEY)

    assert list(found) == [vectors.LISTED_SERIAL]
    assert found[vectors.LISTED_SERIAL].valid_from == datetime(2023, 9, 19, 15, 15, 58, tzinfo=UTC)
    assert found[vectors.LISTED_SERIAL].valid_until == datetime(2028, 9, 17, 15, 15, 58, tzinfo=UTC)
