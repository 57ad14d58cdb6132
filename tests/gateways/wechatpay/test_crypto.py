"""Base64 that has one spelling for each value, beside the library's own decoder as the oracle."""

import base64
import binascii

from hypothesis import example, given
from hypothesis import strategies as st

from bot.gateways.wechatpay.crypto import decode_base64

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def canonical(text: str) -> bytes | None:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.b64encode(raw).decode() == text else None


@given(st.text(alphabet=ALPHABET + "=-_ \n", max_size=24) | st.text(max_size=12))
@example("")
@example("=")
@example("AA=A")
@example("AAA=====")
@example("AAAA====")
@example("AB==")
@example("A\u00e4==")
@example("QUJD\n")
def test_only_the_canonical_spelling_is_taken(text: str) -> None:
    assert decode_base64(text) == canonical(text)


@given(st.binary(max_size=64))
def test_every_value_has_its_spelling(raw: bytes) -> None:
    assert decode_base64(base64.b64encode(raw).decode()) == raw
