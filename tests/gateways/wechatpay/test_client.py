"""What leaves is signed over the very bytes that are sent; what comes back is believed by its raw bytes or never."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from hypothesis import given
from hypothesis import strategies as st

from bot.gateways.wechatpay.account import WeChatPayAccount
from bot.gateways.wechatpay.client import Bad, Client, Good, Silent, read_object, serialise
from bot.gateways.wechatpay.keys import MerchantKey, PlatformKeys
from bot.kernel.clock import ManualClock
from bot.kernel.errors import Busy
from bot.outside.http import Answer, NoAnswer
from tests.gateways.rig import ScriptedHttp, Sent
from tests.gateways.wechatpay import platform

NOW = platform.NOW


class Desk:
    """A client and its two sides."""

    def __init__(self, **changes: Any) -> None:
        account = WeChatPayAccount.from_settings("main", platform.settings(**changes))
        self.http, self.clock = ScriptedHttp(), ManualClock(NOW)
        self.client = Client(account, MerchantKey(account), PlatformKeys(account), self.http, self.clock)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def claims(sent: Sent) -> dict[str, str]:
    _, _, rest = sent.headers["Authorization"].partition(" ")
    return {name: value.strip('"') for name, _, value in (item.partition("=") for item in rest.split(","))}


def verify(sent: Sent) -> None:
    """Check a request as WeChat Pay would: over what arrived, with the merchant's public key."""
    claim = claims(sent)
    message = f"{sent.method}\n{sent.target}\n{claim['timestamp']}\n{claim['nonce_str']}\n".encode() + sent.body + b"\n"
    key = platform.rsa_key("merchant").public_key()
    key.verify(base64.b64decode(claim["signature"]), message, padding.PKCS1v15(), hashes.SHA256())


async def test_a_request_is_signed_over_what_is_sent(desk: Desk) -> None:
    desk.http.then(*[platform.answer(platform.public_signer(), NOW, {}) for _ in range(2)])
    await desk.client.get("/v3/bill/tradebill?bill_date=2026-11-22&bill_type=ALL")
    await desk.client.post("/v3/pay/transactions/jsapi", serialise({"description": "物业费 & 水费", "total": 1}))

    for sent in desk.http.sent:
        verify(sent)
        assert claims(sent)["mchid"] == platform.MCHID
        assert claims(sent)["serial_no"] == platform.MERCHANT_SERIAL
        assert claims(sent)["timestamp"] == str(int(NOW.timestamp()))
        assert sent.headers["Accept"] == "application/json"
        assert sent.headers["User-Agent"]
        assert sent.headers["Wechatpay-Serial"] == platform.PUBLIC_KEY_ID
    get, post = desk.http.sent
    assert "Content-Type" not in get.headers
    assert post.headers["Content-Type"] == "application/json"
    assert json.loads(post.body) == {"description": "物业费 & 水费", "total": 1}


async def test_no_two_requests_have_one_nonce(desk: Desk) -> None:
    desk.http.then(*[platform.answer(None, NOW) for _ in range(20)])
    for _ in range(20):
        await desk.client.get("/v3/certificates")

    nonces = [claims(sent)["nonce_str"] for sent in desk.http.sent]
    assert len(set(nonces)) == 20
    assert all(len(nonce) == 32 for nonce in nonces)


async def test_a_verified_answer_is_good(desk: Desk) -> None:
    desk.http.then(platform.answer(platform.public_signer(), NOW, {"prepay_id": "wx1"}))
    desk.http.then(platform.answer(platform.public_signer(), NOW, None, 204))

    assert await desk.client.get("/a") == Good({"prepay_id": "wx1"})
    assert await desk.client.get("/a") == Good({})


async def test_a_verified_answer_that_is_no_object_is_silence(desk: Desk) -> None:
    for body in (b"[]", b"1", b"null", b"{", b"\xff{}", "{}".encode("utf-16"), b"[" * 100_000):
        desk.http.then(Answer(200, platform.public_signer().headers(body, NOW), body))

        assert await desk.client.get("/a") == Silent("answer_malformed")


async def test_a_refusal_tells_whether_it_is_signed(desk: Desk) -> None:
    desk.http.then(platform.error(400, "PARAM_ERROR"), platform.error(400, "PARAM_ERROR", platform.public_signer()))

    assert await desk.client.get("/a") == Bad(400, "PARAM_ERROR", "said the platform", signed=False)
    assert await desk.client.get("/a") == Bad(400, "PARAM_ERROR", "said the platform", signed=True)


async def test_a_refusal_with_a_wrong_signature_is_silence(desk: Desk) -> None:
    desk.http.then(platform.error(403, "NOT_ENOUGH", platform.stranger()))
    spoilt = platform.error(403, "NOT_ENOUGH", platform.public_signer())
    desk.http.then(Answer(403, spoilt.headers, spoilt.body.replace(b"NOT_ENOUGH", b"NO_AUTHXXX")))

    assert await desk.client.get("/a") == Silent("answer_unknown_serial")
    assert await desk.client.get("/a") == Silent("answer_bad_signature")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"code": 5, "message": {}}', b"\xff"])
async def test_a_refusal_in_another_form_has_no_code(desk: Desk, body: bytes) -> None:
    desk.http.then(Answer(404, {}, body))

    assert await desk.client.get("/a") == Bad(404, "", "", signed=False)


async def test_a_redirect_is_never_good(desk: Desk) -> None:
    headers = platform.public_signer().headers(b"{}", NOW)
    desk.http.then(Answer(302, headers | {"location": "https://api.mch.weixin.qq.com/"}, b"{}"))

    assert await desk.client.get("/a") == Bad(302, "", "", signed=True)


async def test_a_missing_answer_is_silence_that_knows_whether_anything_left(desk: Desk) -> None:
    desk.http.then(
        NoAnswer("timeout", dest="d", sent=True),
        NoAnswer("no_connection", dest="d", sent=False),
        Busy("breaker_open"),
    )

    assert await desk.client.get("/a") == Silent("timeout")
    assert await desk.client.get("/a") == Silent("no_connection", sent=False)
    assert await desk.client.get("/a") == Silent("breaker_open", sent=False)


async def test_each_account_has_a_breaker_of_its_own(desk: Desk) -> None:
    desk.http.then(platform.answer(None, NOW), Answer(200, {}, b"file"))
    await desk.client.get("/a")
    await desk.client.download("https://api.mch.weixin.qq.com/f", 10)

    assert [sent.dest for sent in desk.http.sent] == ["wechatpay.main", "wechatpay.main.files"]


async def test_a_file_is_fetched_with_a_signature_over_its_address(desk: Desk) -> None:
    desk.http.then(Answer(200, {}, b"file"))

    url = "https://api2.mch.weixin.qq.com/v3/billdownload/file?token=a%2Bb&tartype=gzip"
    assert await desk.client.download(url, 77) == b"file"
    verify(desk.http.sent[0])
    assert desk.http.sent[0].target == "/v3/billdownload/file?token=a%2Bb&tartype=gzip"
    assert desk.http.sent[0].limit == 77
    assert desk.http.sent[0].within == 120.0


@pytest.mark.parametrize(
    "url",
    [
        "http://api.mch.weixin.qq.com/f",
        "https://evil.example/f",
        "https://api.mch.weixin.qq.com.evil.example/f",
        "https://evilmch.weixin.qq.com/f",
        "https://user@api.mch.weixin.qq.com/f",
        "https://api.mch.weixin.qq.com:8443/f",
        "https://api.mch.weixin.qq.com:port/f",
        "https://[::1/f",
        "http://169.254.169.254/latest/meta-data",
        "//api.mch.weixin.qq.com/f",
        "file:///etc/passwd",
        "",
    ],
)
async def test_our_signature_goes_to_no_other_host(desk: Desk, url: str) -> None:
    assert await desk.client.download(url, 10) == Silent("foreign_download_url", sent=False)
    assert desk.http.sent == []


async def test_a_file_that_does_not_come_is_silence(desk: Desk) -> None:
    url = "https://api.mch.weixin.qq.com/f"
    desk.http.then(Answer(404, {}, b"gone"), NoAnswer("answer_too_large", dest="d", sent=True), Busy("breaker_open"))

    assert await desk.client.download(url, 10) == Silent("download_status_404")
    assert await desk.client.download(url, 10) == Silent("answer_too_large")
    assert await desk.client.download(url, 10) == Silent("breaker_open", sent=False)


async def test_without_a_public_key_no_serial_is_asked_for() -> None:
    desk = Desk(public_key_id=None, public_key=None)
    desk.http.then(platform.answer(None, NOW))
    await desk.client.get("/a")

    assert "Wechatpay-Serial" not in desk.http.sent[0].headers


@given(st.dictionaries(st.sampled_from(["a", "b", "商品"]), st.integers() | st.text('a"\\\n鑫🙂', max_size=5)))
def test_a_body_has_one_form(body: dict[str, Any]) -> None:
    assert serialise(body) == serialise(dict(body))
    assert read_object(serialise(body)) == body
