"""What each mode lets in, and every row of the abuse table of wechat.md §5 that the codec can decide."""

import json
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.wire import xmltext
from bot.channels.wire.crypto import MessageCipher, MessageKey
from bot.channels.wire.push import Door, Format, Mode, Push, open_push, seal, verify_url
from bot.channels.wire.signature import sign
from bot.kernel.clock import from_micros
from bot.kernel.errors import BadRequest, BotError, Forbidden, TooLarge, Unauthorized
from bot.kernel.masking import Secret
from tests.channels import samples
from tests.channels.samples import APP_ID, KEY, NOW, TOKEN, Delivery, plain, safe, words

MODES = list(Mode)
NEW_KEY = Secret("B" * 42 + "A")


def door(mode: Mode, **changes: object) -> Door:
    cipher = None if mode is Mode.PLAIN else MessageCipher([samples.AES_KEY], APP_ID)
    settings = {"app_id": APP_ID, "token": TOKEN, "mode": mode, "cipher": cipher, "window": 300.0}
    return Door(**{**settings, **changes})  # type: ignore[arg-type]


def opened(mode: Mode, delivery: Delivery, **changes: object) -> Push:
    return open_push(door(mode, **changes), delivery.query, delivery.body, NOW)


def at(seconds: str) -> datetime:
    return from_micros(int(seconds) * 1_000_000)


# --- the documents' samples -----------------------------------------------------------------------------------------


def test_documented_verification() -> None:
    assert verify_url(door(Mode.SAFE), samples.VERIFY, at("1714036504")) == "4375120948345356249"


def test_documented_plaintext_push() -> None:
    push = open_push(door(Mode.PLAIN), samples.PLAIN, samples.PLAIN_BODY, at("1714037059"))

    assert push.fields["debug_str"] == "hello world" and push.fields["CreateTime"] == "1714037059"
    assert push.format is Format.JSON and push.sealed_by is None and push.signed_by == samples.PLAIN["signature"]


def test_documented_safe_push() -> None:
    body = json.dumps({"ToUserName": "gh_97417a04a28d", "Encrypt": samples.SAFE_ENCRYPT}).encode()

    push = open_push(door(Mode.SAFE), samples.SAFE, body, at("1714112445"))

    assert push.fields["Event"] == "debug_demo" and push.format is Format.JSON and push.signed_by == ""


def test_documented_safe_push_in_xml() -> None:
    body = (
        "<xml>\n    <ToUserName><![CDATA[gh_97417a04a28d]]></ToUserName>\n"
        f"    <Encrypt><![CDATA[{samples.COMPONENT_ENCRYPT}]]></Encrypt>\n</xml>"
    )
    cipher = MessageCipher([samples.AES_KEY], samples.COMPONENT_APP_ID)
    component = door(Mode.SAFE, cipher=cipher, app_id=samples.COMPONENT_APP_ID)

    push = open_push(component, samples.COMPONENT, body.encode(), at("1715943329"))

    assert push.fields["debug_str"] == "hello world" and push.format is Format.XML


# --- what the modes accept ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [Mode.PLAIN, Mode.COMPATIBLE])
def test_plaintext_under_a_signature(mode: Mode) -> None:
    push = opened(mode, plain(words()))

    assert push.fields["Content"] == "交物业费" and push.nonce == "486452656"


@pytest.mark.parametrize("mode", [Mode.COMPATIBLE, Mode.SAFE])
def test_encrypted_under_msg_signature(mode: Mode) -> None:
    push = opened(mode, safe(words()))

    assert push.fields["Content"] == "交物业费" and push.sealed_by is not None and push.signed_by == ""


def test_compatible_mode_believes_only_the_encrypted_part() -> None:
    forged = words("转账").decode().removeprefix("<xml>").removesuffix("</xml>")

    assert opened(Mode.COMPATIBLE, safe(words("交物业费"), beside=forged)).fields["Content"] == "交物业费"


def test_compatible_mode_refuses_an_encrypted_body_whose_mark_was_taken_away() -> None:
    delivery = safe(words(), beside=words("转账").decode().removeprefix("<xml>").removesuffix("</xml>"))
    query = {name: value for name, value in delivery.query.items() if name not in ("encrypt_type", "msg_signature")}

    with pytest.raises(Forbidden, match="encrypted_without_encrypt_type"):
        opened(Mode.COMPATIBLE, Delivery(delivery.body, query))


@pytest.mark.parametrize("mode", [Mode.COMPATIBLE, Mode.SAFE])
@pytest.mark.parametrize("msg_signature", [None, "", "0" * 40])
def test_a_valid_signature_does_not_stand_in_for_msg_signature(mode: Mode, msg_signature: str | None) -> None:
    delivery = safe(words())
    query = {name: value for name, value in delivery.query.items() if name != "msg_signature"}
    if msg_signature is not None:
        query["msg_signature"] = msg_signature

    with pytest.raises(Unauthorized):
        opened(mode, Delivery(delivery.body, query))


def test_plain_mode_refuses_encrypted_deliveries() -> None:
    with pytest.raises(Forbidden, match="encrypted_in_plain_mode"):
        opened(Mode.PLAIN, safe(words()))


@pytest.mark.parametrize("encryption", ["AES", "des", "raw,aes"])
def test_unknown_encrypt_types_are_refused(encryption: str) -> None:
    delivery = plain(words())
    with pytest.raises(BadRequest):
        opened(Mode.COMPATIBLE, Delivery(delivery.body, {**delivery.query, "encrypt_type": encryption}))


def test_the_encrypted_text_is_covered_by_its_signature() -> None:
    delivery = safe(words("one"))
    other = safe(words("two"))

    with pytest.raises(Unauthorized):
        opened(Mode.SAFE, Delivery(other.body, delivery.query))


def test_a_message_for_another_app_id_is_refused() -> None:
    with pytest.raises(Forbidden, match="undecryptable"):
        opened(Mode.SAFE, safe(words(), key=MessageKey(samples.AES_KEY, "wx0000000000000000")))


def test_the_previous_key_is_accepted_and_seals_the_answer() -> None:
    cipher = MessageCipher([NEW_KEY, samples.AES_KEY], APP_ID)
    both = door(Mode.SAFE, cipher=cipher)
    delivery = safe(words())
    push = open_push(both, delivery.query, delivery.body, NOW)

    answer = xmltext.parse(seal(both, push, b"answer", NOW))

    assert KEY.decrypt(str(answer["Encrypt"])) == b"answer"


# --- the abuse table ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("signature", [None, "", "0" * 40, "é"])
def test_get_with_a_bad_signature(mode: Mode, signature: str | None) -> None:
    query = {**samples.VERIFY, "signature": signature} if signature is not None else {"echostr": "x"}

    with pytest.raises(Unauthorized):
        verify_url(door(mode), query, at("1714036504"))


def test_unsigned_plaintext_post() -> None:
    with pytest.raises(Unauthorized):
        opened(Mode.PLAIN, Delivery(words(), {}))


@pytest.mark.parametrize("query", [{}, plain(b"").query], ids=["unsigned", "validly signed"])
def test_plaintext_post_in_safe_mode(query: dict[str, str]) -> None:
    with pytest.raises(Forbidden, match="plaintext_in_safe_mode"):
        opened(Mode.SAFE, Delivery(words(), query))


@pytest.mark.parametrize("seconds", [-12 * 365 * 86_400, -301, 301])
def test_timestamps_outside_the_window(seconds: int) -> None:
    stamp = str(int((NOW + timedelta(seconds=seconds)).timestamp()))

    with pytest.raises(Forbidden, match="stale"):
        opened(Mode.PLAIN, plain(words(), timestamp=stamp))
    with pytest.raises(Forbidden, match="stale"):
        opened(Mode.SAFE, safe(words(), timestamp=stamp))
    query = {"timestamp": stamp, "nonce": "1", "echostr": "x", "signature": sign(TOKEN, stamp, "1")}
    with pytest.raises(Forbidden, match="stale"):
        verify_url(door(Mode.PLAIN), query, NOW)


@pytest.mark.parametrize("seconds", [-300, -15, 0, 300])
def test_timestamps_inside_the_window(seconds: int) -> None:
    """Redeliveries come 5 and 10 s later with the first timestamp."""
    stamp = str(int((NOW + timedelta(seconds=seconds)).timestamp()))

    assert opened(Mode.SAFE, safe(words(), timestamp=stamp)).fields


@pytest.mark.parametrize("stamp", ["", "now", "-1715943330", "１７１５９４３３３０", "1715943330.0", "1" * 13])
def test_timestamps_that_are_none(stamp: str) -> None:
    with pytest.raises(Forbidden, match="stale"):
        opened(Mode.PLAIN, plain(words(), timestamp=stamp))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE l [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><xml><Content>&b;</Content></xml>',
        b"<xml>" * 20_000,
        b"garbage",
        b"",
        b"\x00\xff",
        b"{",
        b"[]",
        b"<xml><Encrypt>",
    ],
    ids=["entity bomb", "deep nesting", "garbage", "empty", "binary", "json", "array", "cut off"],
)
def test_bodies_that_are_no_message(mode: Mode, body: bytes) -> None:
    delivery = safe(body) if mode is Mode.SAFE else plain(body)

    with pytest.raises(BadRequest):
        opened(mode, delivery)
    with pytest.raises((BadRequest, Unauthorized, Forbidden)):
        opened(mode, Delivery(body, safe(b"").query))


def test_three_mebibytes() -> None:
    with pytest.raises(TooLarge):
        opened(Mode.PLAIN, plain(words("x" * 3 * 1024 * 1024)))


@given(
    st.sampled_from(MODES),
    st.binary(max_size=200),
    st.dictionaries(
        st.sampled_from(["signature", "timestamp", "nonce", "encrypt_type", "msg_signature", "echostr", "openid"]),
        st.one_of(st.text(max_size=8), st.sampled_from(["aes", "raw", samples.STAMP])),
    ),
)
def test_garbage_raises_only_a_clean_refusal(mode: Mode, body: bytes, query: dict[str, str]) -> None:
    for attempt in (
        lambda: verify_url(door(mode), query, NOW),
        lambda: open_push(door(mode), query, body, NOW),
        lambda: open_push(door(mode), {**query, **plain(body).query}, body, NOW),
        lambda: open_push(door(mode), {**query, **safe(body).query}, safe(body).body, NOW),
    ):
        try:
            attempt()
        except BotError as refusal:
            assert 400 <= refusal.http_status < 500


def test_an_endless_echostr_is_not_reflected() -> None:
    with pytest.raises(BadRequest):
        verify_url(door(Mode.SAFE), {**samples.VERIFY, "echostr": "x" * 5000}, at("1714036504"))


# --- keys and formats -----------------------------------------------------------------------------------------------


def test_redeliveries_have_one_key_and_other_messages_another() -> None:
    first = opened(Mode.SAFE, safe(words("a")))

    assert opened(Mode.SAFE, safe(words("a"))).key == first.key == opened(Mode.COMPATIBLE, plain(words("a"))).key
    # Two events of one customer in one second differ only in their insides (WxJava #2231).
    assert opened(Mode.SAFE, safe(words("b"))).key != first.key


def test_one_body_to_two_apps_has_two_keys() -> None:
    other = opened(Mode.PLAIN, plain(words()), app_id="wx0000000000000000")

    assert opened(Mode.PLAIN, plain(words())).key != other.key


def test_a_fixed_format_refuses_the_other() -> None:
    assert opened(Mode.PLAIN, plain(words()), format=Format.XML).format is Format.XML
    with pytest.raises(BadRequest, match="other_format"):
        opened(Mode.PLAIN, plain(words()), format=Format.JSON)


def test_a_plaintext_answer_stays_as_it_is() -> None:
    push = opened(Mode.PLAIN, plain(words()))

    assert seal(door(Mode.PLAIN), push, b"<xml/>", NOW) == b"<xml/>"


@pytest.mark.parametrize("nonce", ["1590219412", "]]>", "<n>"])
def test_a_sealed_answer_is_signed_with_the_nonce_of_its_question(nonce: str) -> None:
    push = opened(Mode.SAFE, safe(words(), nonce=nonce))

    answer = xmltext.parse(seal(door(Mode.SAFE), push, "答".encode(), NOW))

    assert answer["Nonce"] == nonce and answer["TimeStamp"] == samples.STAMP
    assert answer["MsgSignature"] == sign(TOKEN, samples.STAMP, nonce, str(answer["Encrypt"]))
    assert KEY.decrypt(str(answer["Encrypt"])) == "答".encode()


def test_a_sealed_answer_to_json_is_json() -> None:
    body = json.dumps({"ToUserName": "gh_97417a04a28d", "Encrypt": samples.SAFE_ENCRYPT}).encode()
    push = open_push(door(Mode.SAFE), samples.SAFE, body, at("1714112445"))

    answer = json.loads(seal(door(Mode.SAFE), push, b'{"demo_resp":"good luck"}', at(samples.ANSWER_TIMESTAMP)))

    assert answer["Nonce"] == "415670741" and answer["TimeStamp"] == 1713424427
    assert answer["MsgSignature"] == sign(TOKEN, "1713424427", "415670741", answer["Encrypt"])
    assert KEY.decrypt(answer["Encrypt"]) == b'{"demo_resp":"good luck"}'


def test_nothing_of_an_envelope_is_parsed_but_its_base64() -> None:
    """A bomb beside a genuine message is never looked at."""
    delivery = safe(words())
    bomb = b'<!DOCTYPE l [<!ENTITY a "aaaa">]>' + delivery.body.replace(b"<xml>", b"<xml>" * 50)

    assert opened(Mode.SAFE, Delivery(bomb, delivery.query)).fields["Content"] == "交物业费"


def test_an_envelope_written_otherwise_is_parsed() -> None:
    delivery = safe(words())
    bare = delivery.body.replace(b"<![CDATA[", b"").replace(b"]]>", b"")

    assert b"CDATA" not in bare
    assert opened(Mode.SAFE, Delivery(bare, delivery.query)).fields["Content"] == "交物业费"
