"""The lines that are signed are those of docs/bankapp.md, and two codes written from it agree on them."""

import hashlib
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.gateways.bankapp.account import BankAccount
from bot.gateways.bankapp.client import read_object
from bot.gateways.bankapp.crypto import BankKeys, Signer, answer_text, notice_text, request_text
from bot.kernel.errors import Misconfigured
from bot.kernel.masking import Secret
from bot.simulators.bankapp import crypto as simulated
from tests.gateways.bankapp import platform

PAGE = Path(__file__).parents[3] / "docs" / "bankapp.md"
ACCOUNT = BankAccount.from_settings("main", platform.settings())
KEYS = BankKeys(ACCOUNT)
BODY = b'{"id":"1"}'
TEXTS = st.text("0123456789abcdefABCDEF", min_size=1, max_size=20)


def test_the_pages_worked_example_is_what_we_sign() -> None:
    page = PAGE.read_text(encoding="utf-8")
    bodies = [line.encode() for line in re.findall(r"^\{.*\}$", page, re.MULTILINE)]
    rows = {
        row[1]: re.findall(r"`([^`]+)`", row[2])
        for row in re.finditer(r"^\| ([\w -]+) \| (.*) \|$", page, re.MULTILINE)
    }
    times, nonces, digests = rows["timestamp"], rows["nonce"], rows["SHA-256"]
    messages = (
        request_text("POST", "/cashier/v1/payments", times[0], nonces[0], bodies[0]),
        answer_text(200, nonces[0], times[1], nonces[1], bodies[1]),
        notice_text("M100000001", times[2], nonces[2], bodies[2]),
    )

    assert [hashlib.sha256(message).hexdigest() for message in messages] == digests


@settings(max_examples=20)
@given(first=TEXTS, second=TEXTS, third=TEXTS, body=st.binary(max_size=50))
def test_both_sides_sign_the_same_lines(first: str, second: str, third: str, body: bytes) -> None:
    ours = request_text("GET", first, second, third, body)
    theirs = simulated.text("GET", first, second, third, body)

    assert ours == theirs
    assert notice_text(first, second, third, body) == simulated.text("NOTICE", first, second, third, body)
    assert Signer(ACCOUNT).sign(ours) == simulated.sign(platform.private_pem("merchant"), theirs)


def test_the_three_kinds_of_messages_are_never_one_another() -> None:
    """A notice passed off as an answer, or an answer as a notice, must not verify."""
    signer, now = platform.Signer(), platform.NOW
    notice = signer.headers(now, "NOTICE", platform.MERCHANT, BODY)
    answer = signer.headers(now, "ANSWER|200", "n" * 16, BODY)

    assert KEYS.notice_fault(notice, platform.MERCHANT, BODY, now) == ""
    assert KEYS.answer_fault(answer, 200, "n" * 16, BODY, now) == ""
    assert KEYS.notice_fault(answer, platform.MERCHANT, BODY, now) == "bad_signature"
    assert KEYS.answer_fault(notice, 200, platform.MERCHANT, BODY, now) == "bad_signature"


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_three_hundred_seconds_are_fresh(seconds: int) -> None:
    headers = platform.Signer().notice(BODY, platform.NOW - timedelta(seconds=seconds))

    assert KEYS.notice_fault(headers, platform.MERCHANT, BODY, platform.NOW) == ""


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("timestamp", "1795464000.5", "malformed_headers"),
        ("timestamp", "９" * 10, "malformed_headers"),
        ("timestamp", "1" * 12, "malformed_headers"),
        ("timestamp", "1", "stale"),
        ("nonce", "short", "malformed_headers"),
        ("nonce", "n" * 65, "malformed_headers"),
        ("serial", "bank-1999", "unknown_serial"),
        ("serial", "bank-2027", "bad_signature"),
        ("signature", "!", "bad_signature"),
        ("signature", "A" * 1028, "bad_signature"),
        ("signature", "\udcff", "bad_signature"),
        ("nonce", "\udcff" * 20, "malformed_headers"),
    ],
)
def test_a_header_that_is_wrong_is_named(name: str, value: str, expected: str) -> None:
    headers = {**platform.Signer().notice(BODY, platform.NOW), f"scenepay-{name}": value}

    assert KEYS.notice_fault(headers, platform.MERCHANT, BODY, platform.NOW) == expected
    assert KEYS.answer_fault(headers, 200, "n" * 16, BODY, platform.NOW) == expected


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'"x"', b'{"a":1,"a":2}', b'{"a":{"b":1,"b":2}}', b"\xff", b"[" * 100_000, '{"a":1}'.encode("utf-16")],
)
def test_only_one_reading_of_an_object_is_taken(body: bytes) -> None:
    assert read_object(body) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"private_key": Secret("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----")},
        {"bank_keys": {"bank-2026": "garbage"}},
    ],
)
def test_a_useless_key_is_refused_without_being_shown(changes: dict[str, Any]) -> None:
    account = BankAccount.from_settings("main", platform.settings(**changes))
    with pytest.raises(Misconfigured) as refusal:
        (Signer if "private_key" in changes else BankKeys)(account)

    assert "AAAA" not in str(refusal.value)
    assert refusal.value.remedy
