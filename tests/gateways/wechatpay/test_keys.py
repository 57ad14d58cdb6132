"""Which key believes which message: serials of both kinds, validity, freshness, and no second text for a signature."""

import base64
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.gateways.wechatpay.account import WeChatPayAccount
from bot.gateways.wechatpay.crypto import decode_base64, lines
from bot.gateways.wechatpay.keys import FRESH_SECONDS, PlatformKey, PlatformKeys
from tests.gateways.wechatpay import platform

BODY = b'{"a":1}'
NOW = platform.NOW


def keys(**changes: Any) -> PlatformKeys:
    return PlatformKeys(WeChatPayAccount.from_settings("main", platform.settings(**changes)))


def only_certificates() -> PlatformKeys:
    return keys(public_key_id=None, public_key=None)


def entry(certificate: platform.Certificate) -> dict[str, PlatformKey]:
    return {certificate.serial: PlatformKey(certificate.key.public_key(), certificate.start, certificate.end)}


def test_the_public_key_believes_what_bears_its_id() -> None:
    assert keys().fault(platform.public_signer().headers(BODY, NOW), BODY, NOW) == ""


def test_both_kinds_of_key_stand_side_by_side() -> None:
    """While a merchant switches, both kinds of serial arrive."""
    certificate, trusted = platform.certificate("first"), keys()
    trusted.replace(entry(certificate))

    for signer in (certificate, platform.public_signer()):
        assert trusted.fault(signer.headers(BODY, NOW), BODY, NOW) == ""


def test_the_serial_chooses_the_key() -> None:
    """A genuine signature under another genuine serial is none."""
    certificate, trusted = platform.certificate("first"), keys()
    trusted.replace(entry(certificate))
    headers = certificate.headers(BODY, NOW) | {"wechatpay-serial": platform.PUBLIC_KEY_ID}

    assert trusted.fault(headers, BODY, NOW) == "bad_signature"


def test_a_rotation_overlaps_and_then_forgets() -> None:
    old, new, trusted = platform.certificate("first"), platform.certificate("second"), only_certificates()
    trusted.replace(entry(old))
    assert trusted.fault(new.headers(BODY, NOW), BODY, NOW) == "unknown_serial"

    trusted.replace(entry(old) | entry(new))
    assert [trusted.fault(signer.headers(BODY, NOW), BODY, NOW) for signer in (old, new)] == ["", ""]

    trusted.replace(entry(new))
    assert trusted.fault(old.headers(BODY, NOW), BODY, NOW) == "unknown_serial"


def test_a_certificate_is_believed_within_its_validity_only() -> None:
    certificate, trusted = platform.certificate("first", days=60), only_certificates()
    trusted.replace(entry(certificate))

    def fault(at: datetime) -> str:
        return trusted.fault(certificate.headers(BODY, at), BODY, at)

    assert fault(certificate.end) == ""
    assert fault(certificate.end + timedelta(seconds=1)) == "expired_key"
    assert fault(certificate.start) == ""
    assert fault(certificate.start - timedelta(seconds=1)) == "expired_key"
    assert trusted.usable(certificate.end)
    assert not trusted.usable(certificate.end + timedelta(seconds=1))


def test_nothing_is_believed_before_the_first_certificate() -> None:
    trusted = only_certificates()

    assert not trusted.usable(NOW)
    assert trusted.fault(platform.public_signer().headers(BODY, NOW), BODY, NOW) == "unknown_serial"


def test_an_unknown_serial_is_remembered_until_the_next_renewal() -> None:
    trusted = keys()
    seen = []
    for signer in (platform.public_signer(), platform.stranger(), platform.public_signer()):
        trusted.fault(signer.headers(BODY, NOW), BODY, NOW)
        seen.append(trusted.missed)
    trusted.replace(entry(platform.certificate("first")))

    assert [*seen, trusted.missed] == [False, True, True, False]


@pytest.mark.parametrize(
    ("offset", "fault"),
    [(0, ""), (FRESH_SECONDS, ""), (-FRESH_SECONDS, ""), (FRESH_SECONDS + 1, "stale"), (-FRESH_SECONDS - 1, "stale")],
)
def test_a_message_is_fresh_for_five_minutes_on_both_sides(offset: int, fault: str) -> None:
    headers = platform.public_signer().headers(BODY, NOW + timedelta(seconds=offset))

    assert keys().fault(headers, BODY, NOW) == fault


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("wechatpay-timestamp", "", "unsigned"),
        ("wechatpay-timestamp", "１７９５４６３０００", "malformed_headers"),
        ("wechatpay-timestamp", "-1795463000", "malformed_headers"),
        ("wechatpay-timestamp", "1795463000.5", "malformed_headers"),
        ("wechatpay-timestamp", "9" * 400, "malformed_headers"),
        ("wechatpay-nonce", "", "unsigned"),
        ("wechatpay-nonce", "with space", "malformed_headers"),
        ("wechatpay-nonce", "\udcff", "malformed_headers"),
        ("wechatpay-nonce", "n" * 65, "malformed_headers"),
        ("wechatpay-serial", "", "unsigned"),
        ("wechatpay-serial", platform.PUBLIC_KEY_ID.lower(), "unknown_serial"),
        ("wechatpay-serial", "../../etc", "unknown_serial"),
        ("wechatpay-signature", "", "unsigned"),
        ("wechatpay-signature", "WECHATPAY/SIGNTEST/abc", "bad_signature"),
        ("wechatpay-signature", "A" * 2000, "bad_signature"),
        ("wechatpay-signature", "签名", "bad_signature"),
        ("wechatpay-signature-type", "", "signature_type"),
        ("wechatpay-signature-type", "WECHATPAY2-SM2-WITH-SM3", "signature_type"),
    ],
)
def test_a_header_that_is_not_of_its_form_is_a_fault_and_no_error(name: str, value: str, fault: str) -> None:
    headers = platform.public_signer().headers(BODY, NOW) | {name: value}

    assert keys().fault(headers, BODY, NOW) == fault


def test_a_signature_type_may_be_left_out() -> None:
    headers = platform.public_signer().headers(BODY, NOW)
    del headers["wechatpay-signature-type"]

    assert keys().fault(headers, BODY, NOW) == ""


def test_an_empty_body_is_signed_too() -> None:
    headers = platform.public_signer().headers(b"", NOW)

    assert keys().fault(headers, b"", NOW) == ""
    assert keys().fault(headers, b" ", NOW) == "bad_signature"


def test_a_signature_has_one_text_only() -> None:
    """Spare bits at the end of base64 and line breaks inside it decode alike; only the canonical text is taken."""
    headers = platform.public_signer().headers(BODY, NOW)
    text = headers["wechatpay-signature"]
    assert text.endswith("==")
    others = {
        text[:-3] + other + "=="
        for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        if other != text[-3]
    }
    others |= {text[:64] + "\n" + text[64:], text + "=", text + "====", text.rstrip("="), " " + text}
    alike = [other for other in others if _decodes_to(other) == base64.b64decode(text)]

    assert alike
    assert all(keys().fault(headers | {"wechatpay-signature": other}, BODY, NOW) for other in others)


def test_lines_end_with_a_line_feed_each() -> None:
    assert lines(b"GET", b"/v3/certificates", b"") == b"GET\n/v3/certificates\n\n"


def test_base64_is_canonical_or_nothing() -> None:
    assert decode_base64("YQ==") == b"a"
    assert [decode_base64(text) for text in ("YR==", "YQ", "YQ==\n", "Y Q==", "YQ=", "é")] == [None] * 6


def _decodes_to(text: str) -> bytes | None:
    try:
        return base64.b64decode(text)
    except ValueError:
        return None
