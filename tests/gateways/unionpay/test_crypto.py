"""Forms are read exactly once, and two codes written from the same documents agree on what is signed."""

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.gateways.unionpay.crypto import decode_base64, encode_form, read_form, read_plain, sign, signed_text, verifies
from bot.simulators.unionpay import crypto as simulated
from tests.gateways.unionpay import platform

NAMES = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", min_size=1, max_size=12)
PAIRS = st.dictionaries(NAMES, st.text(st.characters(exclude_categories=["Cs"]), max_size=30), min_size=1, max_size=12)
PLAIN = st.dictionaries(NAMES, st.text(st.characters(exclude_categories=["Cs"], exclude_characters="&"), max_size=30),
                        min_size=1, max_size=12)  # fmt: skip


@given(PAIRS)
def test_an_encoded_form_reads_back(pairs: dict[str, str]) -> None:
    assert read_form(encode_form(pairs)) == pairs
    assert read_form(platform.form(pairs)) == pairs


@given(PLAIN.filter(lambda pairs: not any(value[:1] in ("{", "[") for value in pairs.values())))
def test_a_plain_answer_reads_back(pairs: dict[str, str]) -> None:
    assert read_plain(platform.plain(pairs)) == pairs


@settings(max_examples=20)
@given(PAIRS)
def test_both_sides_sign_alike(pairs: dict[str, str]) -> None:
    key = platform.rsa_key("merchant")
    public = key.public_key()
    assert isinstance(public, RSAPublicKey)
    ours, theirs = sign(key, pairs), simulated.sign(platform.private_pem("merchant"), pairs)

    assert ours == theirs
    assert verifies(public, {**pairs, "signature": ours})
    assert not verifies(public, {**pairs, "signature": ours, "zzz": "1"})


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for found in (read_form(body), read_plain(body)):
        assert found is None or all(isinstance(value, str) for value in found.values())


def test_the_text_is_sorted_by_bytes_and_leaves_the_signature_out() -> None:
    assert signed_text({"b": "2", "a": "1=&", "signature": "x", "A": "", "a1": "中"}) == "A=&a=1=&&a1=中&b=2".encode()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"a=1&b=2=3&c=", {"a": "1", "b": "2=3", "c": ""}),
        (b"cardTransData={x=1&y=2}&z=3", {"cardTransData": "{x=1&y=2}", "z": "3"}),
        (b'couponInfo=[{"a":"1&2"}]&z=3', {"couponInfo": '[{"a":"1&2"}]', "z": "3"}),
        (b"sign=a+b/c==&z=%2B", {"sign": "a+b/c==", "z": "%2B"}),
        (b"open={x&y=1", {"open": "{x&y=1"}),
        (b"a=1&a=2", None),
        (b"a=1&&b=2", None),
        (b"a", None),
        (b"=1", None),
        (b"a b=1", None),
        (b"a=\xff", None),
        (b"", None),
        (b"&".join(b"n%d=1" % number for number in range(129)), None),
    ],
)
def test_an_answer_is_read_as_it_is(body: bytes, expected: dict[str, str] | None) -> None:
    assert read_plain(body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"a=1+2%2B3%25", {"a": "1 2+3%"}),
        (b"a=%E4%B8%AD", {"a": "中"}),
        (b"a=%252B", {"a": "%2B"}),
        (b"a=%FF", None),
        (b"a=1&a=1", None),
        ("a=中".encode(), None),
        (b"%61=1", None),
    ],
)
def test_a_notice_is_decoded_once(body: bytes, expected: dict[str, str] | None) -> None:
    assert read_form(body) == expected


@pytest.mark.parametrize("text", ["QQ", "QR==", "Q Q=", "*", "QQ=="[:3], "é"])
def test_base64_is_canonical(text: str) -> None:
    assert decode_base64(text) is None
    assert decode_base64("QQ==") == b"A"
