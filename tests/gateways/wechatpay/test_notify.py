"""A notice is believed as a whole or not at all, and no bytes make the reader raise."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.payments.facts import Notice, PaidFact, RawNotice, RefundFact, RefundState, Unverified, Way
from tests.gateways.wechatpay import platform
from tests.gateways.wechatpay.rig import ACCOUNT, WeChatPayRig

RIG = WeChatPayRig()
NOW = RIG.clock.now()
GENUINE = RIG.paid_notice(RIG.charge(Way.JSAPI), platform.NOW)
SIGNED = ("wechatpay-timestamp", "wechatpay-nonce", "wechatpay-serial", "wechatpay-signature")


def read(raw: RawNotice) -> Notice | Unverified:
    return RIG.gateway.read_notice(raw, NOW)


def signed(data: Any) -> RawNotice:
    return RIG.notice(data if isinstance(data, bytes) else platform.encoded(data))


def envelope(facts: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    facts = facts or platform.transaction(RIG.charge(Way.JSAPI))
    return platform.envelope("TRANSACTION.SUCCESS", "transaction", facts, **changes)


def with_resource(**changes: Any) -> dict[str, Any]:
    whole = envelope()
    whole["resource"] |= changes
    return whole


def test_a_genuine_notice_is_read() -> None:
    notice = read(GENUINE)

    assert isinstance(notice, Notice)
    assert notice.id == "EV-2026112404000000001"
    assert notice.kind == "TRANSACTION.SUCCESS"
    assert isinstance(notice.fact, PaidFact)


def test_no_flipped_bit_of_the_body_is_believed() -> None:
    """Every byte of the body, one bit each; which bit rotates."""
    for place in range(len(GENUINE.body)):
        body = bytearray(GENUINE.body)
        body[place] ^= 1 << (place % 8)

        assert read(replace(GENUINE, body=bytes(body))) == Unverified("bad_signature"), place


@pytest.mark.parametrize("name", SIGNED)
def test_no_changed_character_of_a_header_is_believed(name: str) -> None:
    value = GENUINE.headers[name]
    for place in range(len(value)):
        for other in {"0", "9", "A", "z", "+", " ", "é"} - {value[place]}:
            spoiled = value[:place] + other + value[place + 1 :]
            outcome = read(replace(GENUINE, headers={**GENUINE.headers, name: spoiled}))

            assert isinstance(outcome, Unverified), (place, other)
            assert outcome.status == 401


@settings(max_examples=300)
@given(
    part=st.sampled_from(("body", *SIGNED)),
    edits=st.lists(st.tuples(st.integers(0, 5000), st.sampled_from(["flip", "drop", "add"])), min_size=1, max_size=4),
    salt=st.integers(1, 255),
)
def test_no_edited_part_is_believed(part: str, edits: list[tuple[int, str]], salt: int) -> None:
    original = GENUINE.body if part == "body" else GENUINE.headers[part].encode()
    data = bytearray(original)
    for place, edit in edits:
        at = place % (len(data) or 1)
        if edit == "add":
            data.insert(at, salt)
        elif data and edit == "drop":
            del data[at]
        elif data:
            data[at] ^= salt
    changed = bytes(data)
    if part == "body":
        raw = replace(GENUINE, body=changed)
    else:
        raw = replace(GENUINE, headers={**GENUINE.headers, part: changed.decode("utf-8", "surrogateescape")})
    outcome = read(raw)

    assert isinstance(outcome, Notice if changed == original else Unverified)


def test_a_probe_simply_fails() -> None:
    """payments.md, trap 12: no special case."""
    probe = {**GENUINE.headers, "wechatpay-signature": "WECHATPAY/SIGNTEST/" + GENUINE.headers["wechatpay-signature"]}

    assert read(replace(GENUINE, headers=probe)) == Unverified("bad_signature")


def test_a_notice_is_bounded() -> None:
    whole = platform.encoded(envelope())
    padding = 64 * 1024 - len(whole)

    assert isinstance(read(signed(whole + b" " * padding)), Notice)
    assert read(signed(whole + b" " * (padding + 1))) == Unverified("too_large", 413)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"a":' * 10_000,
        {},
        {"resource": []},
        envelope(resource_type="plain-resource"),
        envelope(id=None),
        envelope(id=""),
        envelope(id="x" * 65),
        envelope(id=17),
        envelope(event_type=None),
        envelope(event_type=""),
        envelope(resource=None),
    ],
)
def test_signed_bytes_that_are_no_notice_are_refused_without_an_error(data: Any) -> None:
    assert read(signed(data)) == Unverified("malformed_envelope", 400)


@pytest.mark.parametrize(
    "change",
    [
        {"algorithm": "AEAD_SM4_GCM"},
        {"algorithm": None},
        {"nonce": "12345678901"},
        {"nonce": "1234567890123"},
        {"nonce": "一二三四"},
        {"nonce": "\ud800"},
        {"nonce": None},
        {"associated_data": "refund"},
        {"associated_data": 5},
        {"associated_data": None},
        {"ciphertext": ""},
        {"ciphertext": "AAAA"},
        {"ciphertext": "***"},
        {"ciphertext": None},
        platform.sealed(b"not json", "transaction"),
        platform.sealed(b"[1]", "transaction"),
        platform.sealed(b'{"trade_state":"SUCCESS"}', "transaction", "f" * 32),
    ],
)
def test_a_resource_that_does_not_open_is_refused(change: dict[str, Any]) -> None:
    whole = with_resource(**change)
    raw = signed(json.dumps(whole).encode())

    assert read(raw) == Unverified("undecipherable", 400)


@pytest.mark.parametrize("length", [8, 11, 13, 16, 32])
def test_a_resource_that_was_sealed_with_another_length_of_nonce_is_refused(length: int) -> None:
    """GCM opens it; the protocol says twelve bytes (payments.md, trap 14)."""
    facts = platform.encoded(platform.transaction(RIG.charge(Way.JSAPI)))
    whole = with_resource(**platform.sealed(facts, "transaction", nonce="n" * length))

    assert read(signed(whole)) == Unverified("undecipherable", 400)
    assert isinstance(read(signed(with_resource(**platform.sealed(facts, "transaction", nonce="n" * 12)))), Notice)


def test_associated_data_may_be_empty_or_left_out() -> None:
    facts = platform.encoded(platform.transaction(RIG.charge(Way.JSAPI)))
    whole = envelope()
    whole["resource"] = {"original_type": "transaction", **platform.sealed(facts, "")}
    assert isinstance(read(signed(whole)), Notice)

    del whole["resource"]["associated_data"]
    assert isinstance(read(signed(whole)), Notice)


@pytest.mark.parametrize("field", ["out_trade_no", "transaction_id", "mchid", "appid", "success_time", "amount"])
@pytest.mark.parametrize("value", [None, "", 7, [], {}])
def test_a_payment_without_what_money_needs_is_refused(field: str, value: Any) -> None:
    facts = platform.transaction(RIG.charge(Way.JSAPI)) | {field: value}

    assert read(signed(envelope(facts))) == Unverified("malformed_content", 400)


@pytest.mark.parametrize("total", [None, "100", 100.0, True, -1, 10**11, [100]])
def test_an_amount_is_whole_fen(total: Any) -> None:
    facts = platform.transaction(RIG.charge(Way.JSAPI)) | {"amount": {"total": total, "currency": "CNY"}}

    assert read(signed(envelope(facts))) == Unverified("malformed_content", 400)


@pytest.mark.parametrize("state", ["NOTPAY", "REFUND", "CLOSED", "USERPAYING", "TELEPORTED", None, ["SUCCESS"]])
def test_a_transaction_that_is_not_paid_is_recorded_and_moves_nothing(state: Any) -> None:
    facts = platform.transaction(RIG.charge(Way.JSAPI)) | {"trade_state": state}
    notice = read(signed(envelope(facts)))

    assert isinstance(notice, Notice)
    assert notice.fact is None


def test_a_genuine_notice_of_another_kind_is_recorded() -> None:
    whole = platform.envelope("PAYSCORE.USER_OPEN_SERVICE", "payscore", {"mchid": platform.MCHID})
    notice = read(signed(whole))

    assert isinstance(notice, Notice)
    assert (notice.fact, notice.kind) == (None, "PAYSCORE.USER_OPEN_SERVICE")


@pytest.mark.parametrize(
    ("state", "ours"),
    [
        ("SUCCESS", RefundState.SUCCEEDED),
        ("CLOSED", RefundState.FAILED),
        ("ABNORMAL", RefundState.ABNORMAL),
        ("PROCESSING", RefundState.PENDING),
    ],
)
def test_a_refund_is_told_by_its_status_and_not_by_the_event(state: str, ours: RefundState) -> None:
    whole = platform.envelope("REFUND.SUCCESS", "refund", RIG.refund_facts(state, notice=True))
    notice = read(signed(whole))

    assert isinstance(notice, Notice)
    assert isinstance(notice.fact, RefundFact)
    assert notice.fact.state is ours
    assert notice.fact.merchant_id == platform.MCHID
    assert notice.fact.received_account == "招商银行信用卡0403"


@pytest.mark.parametrize("change", [{"refund_status": "SPLIT"}, {"mchid": None}, {"refund_id": ""}, {"amount": {}}])
def test_a_refund_notice_that_lacks_something_is_refused(change: dict[str, Any]) -> None:
    whole = platform.envelope("REFUND.SUCCESS", "refund", RIG.refund_facts("SUCCESS", notice=True) | change)

    assert read(signed(whole)) == Unverified("malformed_content", 400)


@pytest.mark.parametrize("kind", ["TRANSACTION.SUCCESS", "REFUND.SUCCESS"])
def test_the_event_tells_the_kind_where_the_resource_does_not(kind: str) -> None:
    paid = platform.transaction(RIG.charge(Way.JSAPI))
    facts = RIG.refund_facts("SUCCESS", notice=True) if kind.startswith("REFUND") else paid
    whole = platform.envelope(kind, "x", facts)
    del whole["resource"]["original_type"]
    notice = read(signed(whole))

    assert isinstance(notice, Notice)
    assert notice.fact is not None


def test_acknowledgements_are_those_that_the_vendor_wants() -> None:
    assert RIG.gateway.acknowledge(True) == (204, "application/json", b"")
    status, content_type, body = RIG.gateway.acknowledge(False)

    assert (status, content_type) == (500, "application/json")
    assert json.loads(body) == {"code": "FAIL", "message": "失败"}


def test_reading_made_no_call() -> None:
    assert RIG.http.sent == []
    assert RIG.account == ACCOUNT
