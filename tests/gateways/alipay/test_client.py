"""What leaves for Alipay, and which answers are believed."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from bot.gateways.alipay.account import AlipayAccount
from bot.gateways.alipay.client import Client, Silent, Told, wire_time
from bot.gateways.alipay.crypto import cert_sn, text_to_sign, verifies
from bot.gateways.alipay.keys import AlipayKeys, AppKey
from bot.kernel.clock import ManualClock
from bot.kernel.errors import Busy
from bot.outside.http import Answer, NoAnswer
from tests.gateways.alipay import platform
from tests.gateways.rig import ScriptedHttp

METHOD = "alipay.trade.query"
GOOD = platform.good(out_trade_no="T1", subject='}{"x":"}')


class Desk:
    """A client with its script."""

    def __init__(self, table: Mapping[str, Any] | None = None) -> None:
        account = AlipayAccount.from_settings("main", table or platform.settings())
        self.http = ScriptedHttp()
        self.clock = ManualClock(platform.NOW)
        self.keys = AlipayKeys(account)
        self.client = Client(account, AppKey(account), self.keys, self.http, self.clock)

    async def told(self, body: bytes, status: int = 200) -> Told | Silent:
        self.http.then(Answer(status, {}, body))
        return await self.client.call(METHOD, {"out_trade_no": "T1"})


def signed(facts: Mapping[str, Any] = GOOD, signer: str = "alipay", serial: str = "") -> bytes:
    return platform.body(METHOD, platform.encoded(facts), signer, serial)


async def test_a_request_is_signed_over_its_raw_values_in_chinese_time() -> None:
    desk = Desk()
    desk.http.then(Answer(200, {}, signed()))
    await desk.client.call(METHOD, {"out_trade_no": "T1", "subject": "水 +&="}, "https://pay.example.com/n?a=1&b=2")
    sent = desk.http.sent[0]
    told = platform.parameters(sent)
    signature = told.pop("sign")

    assert told["timestamp"] == "2026-11-24 04:00:00"
    assert (told["charset"], told["sign_type"], told["version"], told["format"]) == ("utf-8", "RSA2", "1.0", "JSON")
    assert told["biz_content"] == '{"out_trade_no":"T1","subject":"水 +&="}'
    assert verifies(platform.rsa_key("app").public_key(), text_to_sign(told), signature)
    assert "app_cert_sn" not in told


async def test_what_is_said_in_confidence_is_in_no_address() -> None:
    desk = Desk(platform.settings(app_auth_token="202611BB0001"))
    desk.http.then(Answer(200, {}, signed()))
    await desk.client.call(METHOD, {"auth_code": "287654321098765432"})
    sent = desk.http.sent[0]

    assert not [secret for secret in ("287654321098765432", "202611BB0001") if secret in sent.url]
    assert platform.parameters(sent)["app_auth_token"] == "202611BB0001"


async def test_in_certificate_mode_requests_name_their_certificates() -> None:
    desk = Desk(platform.by_certificate())
    serial = cert_sn(platform.certificate("alipay"))
    told = await desk.told(signed(serial=serial))
    sent = platform.parameters(desk.http.sent[0])

    assert isinstance(told, Told)
    assert sent["app_cert_sn"] == cert_sn(platform.certificate("app"))
    assert sent["alipay_root_cert_sn"] == cert_sn(platform.certificate("root", "root", authority=True))


@pytest.mark.parametrize(
    ("serial", "signer", "reason"),
    [
        ("", "alipay", "answer_unknown_serial"),
        ("0" * 32, "alipay", "answer_unknown_serial"),
        ("own", "stranger", "answer_bad_signature"),
        ("root", "root", "answer_unknown_serial"),
    ],
)
async def test_the_serial_chooses_the_certificate(serial: str, signer: str, reason: str) -> None:
    names = {"own": cert_sn(platform.certificate("alipay")),
             "root": cert_sn(platform.certificate("root", "root", authority=True))}  # fmt: skip
    desk = Desk(platform.by_certificate())

    assert await desk.told(signed(GOOD, signer, names.get(serial, serial))) == Silent(reason)
    assert len(desk.http.sent) == 1, "an unknown serial causes no call"


async def test_a_certificate_serves_only_in_its_time() -> None:
    desk = Desk(platform.by_certificate())
    body = signed(serial=cert_sn(platform.certificate("alipay")))
    desk.clock.advance(timedelta(days=1800).total_seconds())

    assert await desk.told(body) == Silent("answer_expired_key")


async def test_two_keys_are_believed_while_they_change_over() -> None:
    both = platform.public_pem("alipay") + platform.public_pem("next")
    desk = Desk(platform.settings(alipay_public_key=both))

    assert [type(await desk.told(signed(GOOD, signer))) for signer in ("alipay", "next", "stranger")] == [
        Told,
        Told,
        Silent,
    ]


async def test_the_very_bytes_are_verified_and_not_what_they_mean() -> None:
    """Spaces, escapes and numbers that a reader would spell otherwise are signed as they were sent."""
    for raw in (
        b'{ "code" : "10000",\n"subject":"\\u6c34\\/}{\\"" , "n":1.50 }',
        b'{"code":"10000","subject":"}\\\\","list":[{"a":"]"}]}',
    ):
        told = await Desk().told(platform.body(METHOD, raw))
        assert isinstance(told, Told), raw
        other = platform.body(METHOD, raw).replace(b'"code":"10000"', b'"code": "10000"').replace(b'" : "', b'":"')
        assert await Desk().told(other) == Silent("answer_bad_signature")


async def test_a_business_refusal_is_told_when_it_is_signed() -> None:
    told = await Desk().told(signed(platform.refusal("ACQ.TRADE_NOT_EXIST")))

    assert isinstance(told, Told)
    assert (told.good, told.reason, told.message) == (False, "ACQ.TRADE_NOT_EXIST", "said the platform")
    unsigned = await Desk().told(signed(platform.refusal("ACQ.TRADE_NOT_EXIST"), ""))
    assert unsigned == Silent("answer_unsigned")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"error_response":{"code":"20001","sub_code":"aop.invalid-auth-token"}}', "aop.invalid-auth-token"),
        (b'{"error_response":{"code":"20001"},"sign":"x"}', "20001"),
        (b"{}x", "answer_malformed"),
        (b'{"alipay_trade_close_response":{"code":"10000"}}', "answer_without_response"),
        (b'{"error_response":[1]}', "answer_without_response"),
    ],
)
async def test_an_answer_of_another_kind_says_nothing(body: bytes, reason: str) -> None:
    assert await Desk().told(body) == Silent(reason)


async def test_a_signed_response_that_is_no_object_says_nothing() -> None:
    for raw in (b"[1]", b'"x"', b"1"):
        assert await Desk().told(platform.body(METHOD, raw)) == Silent("answer_malformed")


async def test_a_status_beside_200_says_nothing_whatever_its_body() -> None:
    assert await Desk().told(signed(), 500) == Silent("status_500")


async def test_silence_tells_whether_anything_left() -> None:
    desk = Desk()
    desk.http.then(NoAnswer("no_connection", dest="x", sent=False), NoAnswer("timeout", dest="x", sent=True), Busy("b"))
    told = [await desk.client.call(METHOD, {}) for _ in range(3)]

    assert [(silent.reason, silent.sent) for silent in told if isinstance(silent, Silent)] == [
        ("no_connection", False),
        ("timeout", True),
        ("b", False),
    ]


def test_a_page_is_signed_and_renewed_without_a_call() -> None:
    desk = Desk()
    url = desk.client.page(
        "alipay.trade.wap.pay", {"subject": "水 +"}, "https://n.example.com/?a=1", "https://r.example.com"
    )
    desk.clock.advance(90)
    again = desk.client.renewed(url)
    first, second = (dict(parse_qsl(urlsplit(each).query, strict_parsing=True)) for each in (url, again))

    for told in (first, second):
        signature = told.pop("sign")
        assert verifies(platform.rsa_key("app").public_key(), text_to_sign(told), signature)
    assert (first.pop("timestamp"), second.pop("timestamp")) == ("2026-11-24 04:00:00", "2026-11-24 04:01:30")
    assert first == second
    assert desk.client.renewed("https://elsewhere.example/") == "https://elsewhere.example/"


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://dwbillcenter.alipay.com/d?f=%2F1", "https://dwbillcenter.alipay.com/d?f=%2F1"),
        ("https://dwbillcenter.alipay.com/d?f=1", "https://dwbillcenter.alipay.com/d?f=1"),
        ("https://openapi.alipay.com/x", "https://openapi.alipay.com/x"),
        ("https://alipay.com.example.com/d", None),
        ("https://evilalipay.com/d", None),
        ("https://user@dwbillcenter.alipay.com/d", None),
        ("https://dwbillcenter.alipay.com:8443/d", None),
        ("http://127.0.0.1/d", None),
        ("https://[/d", None),
        ("file:///etc/passwd", None),
    ],
)
async def test_files_come_from_alipay_alone_and_over_tls(url: str, target: str | None) -> None:
    desk = Desk()
    desk.http.then(Answer(200, {}, b"PK"))
    told = await desk.client.download(url, 10)

    assert told == (b"PK" if target else Silent("foreign_download_url", sent=False))
    assert [sent.url for sent in desk.http.sent] == ([target] if target else [])


def test_seconds_are_cut_and_not_rounded() -> None:
    assert wire_time(platform.NOW + timedelta(microseconds=999_999)) == "2026-11-24 04:00:00"
