"""The bytes that are signed: parameters sorted and raw, answers cut out as they were sent, certificates named."""

import base64
import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.gateways.alipay.crypto import (
    cert_sn,
    decode_base64,
    members,
    pem_blocks,
    read_object,
    root_cert_sn,
    text_to_sign,
    verifies,
)
from tests.gateways.alipay import platform

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('{}[]",:\\ \n中\u2028x'), max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)
OBJECT = st.dictionaries(st.text(max_size=6), JSON, max_size=4)


def test_parameters_are_sorted_and_never_encoded() -> None:
    assert text_to_sign({"b": "2 +&=%", "a": "水", "c": ""}) == "a=水&b=2 +&=%&c=".encode()


@settings(max_examples=60)
@given(facts=OBJECT, other=JSON, ascii_=st.booleans(), spaced=st.booleans(), first=st.booleans())
@example(facts={"subject": '}"{\\'}, other="}", ascii_=False, spaced=False, first=True)
@example(facts={"subject": '\\\\"'}, other='\\"}', ascii_=True, spaced=True, first=False)
def test_a_member_is_cut_out_as_it_was_sent(facts: Any, other: Any, ascii_: bool, spaced: bool, first: bool) -> None:
    """Braces and quotes in a subject, unicode escapes and nested objects: the span is the very bytes of the value."""
    raw = json.dumps(facts, ensure_ascii=ascii_, indent=1 if spaced else None).encode()
    beside = b'"beside":' + json.dumps(other, ensure_ascii=ascii_).encode()
    parts = [b'"x_response" : ' + raw, beside] if first else [beside, b'"x_response":' + raw]
    body = b" {" + b" ,\n".join(parts) + b"}\r\n"
    found = members(body)

    assert found is not None
    assert found["x_response"] == raw
    assert json.loads(found["beside"]) == other


@settings(max_examples=60)
@given(facts=OBJECT, at=st.integers(0, 400))
def test_a_body_that_is_cut_short_has_no_members(facts: Any, at: int) -> None:
    body = b'{"x_response":' + json.dumps(facts).encode() + b',"sign":"abc="}'

    assert members(body[: min(at, len(body) - 1)]) is None


@given(st.binary(max_size=200))
def test_garbage_has_no_members_and_raises_nothing(body: bytes) -> None:
    found = members(body)

    assert found is None or body.strip().startswith(b"{")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}x",
        b'{"a":1,"a":2}',
        b'{"a":1,"\\u0061":2}',
        b'{"a":{"b":"}',
        b'{"a":[1,2}',
        b'{"a" 1}',
        b'{"a":1 "b":2}',
        b'{"a":"x"}}',
        b'{"a":,"b":1}',
        b"{" + b",".join(b'"%d":1' % n for n in range(40)) + b"}",
    ],
)
def test_what_is_no_plain_object_is_refused(body: bytes) -> None:
    assert members(body) is None


def test_a_span_in_a_string_is_not_taken_for_the_response() -> None:
    """A search for the name would find the forgery inside the subject first."""
    inside = json.dumps({"note": '"x_response":{"amount":"0.01"}'})
    body = b'{"other":' + inside.encode() + b',"x_response":{"amount":"9.00"}}'
    found = members(body)

    assert found is not None
    assert found["x_response"] == b'{"amount":"9.00"}'


def test_numbers_of_an_answer_stay_texts() -> None:
    assert read_object(b'{"amount":88.80,"count":3}') == {"amount": "88.80", "count": "3"}
    for raw in (b"[1]", b"x", b'{"a":', "{}".encode("utf-16"), b"[" * 100_000):
        assert read_object(raw) is None


@pytest.mark.parametrize("text", ["", "QQ=", "QR==", "QQ==\n", "Q Q=", "QQ-_", "水"])
def test_only_canonical_base64_is_read(text: str) -> None:
    assert not decode_base64(text)


def test_a_signature_is_over_every_byte() -> None:
    key, message = platform.rsa_key("alipay").public_key(), b'{"a":"1"}'
    good = platform.sign(message)

    assert verifies(key, message, good)
    for other in (b'{"a": "1"}', b'{"a":"2"}', b""):
        assert not verifies(key, other, good)
    for signature in ("", good[:-4], good.replace("=", ""), platform.sign(message, "stranger"), good * 4):
        assert not verifies(key, message, signature)


def test_a_certificate_is_named_by_issuer_and_serial() -> None:
    """Issuer with its last part first, then the serial in decimal, as MD5 in hexadecimal."""
    made = platform.certificate("app")
    text = f"CN=root,OU=Certification Authority,O=Ant Financial,C=CN{made.serial_number}"

    assert cert_sn(made) == hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def test_the_file_of_roots_is_named_by_its_rsa_certificates() -> None:
    one, two = platform.certificate("root", "root", authority=True), platform.certificate("other", "other")
    unreadable = "-----BEGIN CERTIFICATE-----\n" + base64.b64encode(b"nothing").decode() + "\n-----END CERTIFICATE-----"
    file = platform.pem(one) + "\n# a comment\n" + unreadable + "\n" + platform.pem(two)

    assert len(pem_blocks(file)) == 3
    assert root_cert_sn(file) == f"{cert_sn(one)}_{cert_sn(two)}"
    assert root_cert_sn("") == ""


def test_a_root_of_another_scheme_has_no_name(ec_root: str) -> None:
    one = platform.certificate("root", "root", authority=True)

    assert root_cert_sn(ec_root + platform.pem(one)) == cert_sn(one)


@pytest.fixture
def ec_root() -> str:
    """A certificate on an elliptic curve, as the SM2 ones of Alipay's file are."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = platform.name_of("ec")
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = (
        builder.serial_number(7)
        .not_valid_before(platform.NOW)
        .not_valid_after(platform.NOW + timedelta(days=9))
        .sign(key, hashes.SHA256())
    )
    return platform.pem(made)
