"""The simulator's message codec agrees with the document's samples and with wechatpy, both ways."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wechatpy.crypto import WeChatCrypto
from wechatpy.exceptions import InvalidSignatureException

from bot.simulators.wechat import codec

# Samples of 消息推送 / 消息加解密说明.
TOKEN, AES_KEY, APPID = "AAAAA", "A" * 43, "wxba5fad812f8e6fb9"
PUSHED = (
    "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6J"
    "sXUnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8E"
    "ajAsjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04="
)
REPLIED = "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ=="
texts = st.text(st.characters(codec="utf-8"), max_size=300)
keys = st.binary(min_size=32, max_size=32).map(lambda raw: base64.b64encode(raw).decode()[:43])


def test_signatures_of_the_document() -> None:
    assert codec.signature(TOKEN, "1714036504", "1514711492") == "f464b24fc39322e44b38aa78f5edd27bd1441696"
    assert codec.signature(TOKEN, "1714037059", "486452656") == "899cf89e464efb63f54ddac96b0a0a235f53aa78"
    signed = codec.signature(TOKEN, "1714112445", "415670741", PUSHED)
    assert signed == "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3"


def test_the_documents_push_is_opened() -> None:
    message = json.loads(codec.decrypt(AES_KEY, APPID, PUSHED))

    assert message["debug_str"] == "hello world"


def test_the_documents_reply_is_made_from_its_random(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_bytes", lambda size: b"707722b803182950")

    assert codec.encrypt(AES_KEY, APPID, b'{"demo_resp":"good luck"}') == REPLIED


@given(text=texts, key=keys)
def test_wechatpy_opens_what_we_seal(text: str, key: str) -> None:
    body = codec.to_xml({"Content": text})
    sealed = codec.encrypt(key, APPID, body)
    signed = codec.signature(TOKEN, "1714112445", "n1", sealed)
    envelope = codec.to_xml({"ToUserName": "gh", "Encrypt": sealed}).decode()
    crypto = WeChatCrypto(TOKEN, key, APPID)

    assert crypto.decrypt_message(envelope, signed, "1714112445", "n1") == body.decode()
    with pytest.raises(InvalidSignatureException):
        crypto.decrypt_message(envelope, signed, "1714112446", "n1")


@given(text=texts, key=keys)
def test_we_open_what_wechatpy_seals(text: str, key: str) -> None:
    envelope = codec.from_xml(WeChatCrypto(TOKEN, key, APPID).encrypt_message(text, "n1", "1714112445").encode())

    assert codec.decrypt(key, APPID, envelope["Encrypt"]) == text.encode()
    signed = codec.signature(TOKEN, envelope["TimeStamp"], envelope["Nonce"], envelope["Encrypt"])
    assert signed == envelope["MsgSignature"]


@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_never_opens_to_another_message(position: int, bit: int) -> None:
    raw = bytearray(base64.b64decode(codec.encrypt(AES_KEY, APPID, b"hello" * 20)))
    raw[position % len(raw)] ^= 1 << bit
    try:
        opened = codec.decrypt(AES_KEY, APPID, base64.b64encode(bytes(raw)).decode())
    except codec.CodecError:
        return
    # CBC hides a change of the random and passes a change of the text on; the signature covers both.
    assert len(opened) == 100


@pytest.mark.parametrize("envelope", ["", "no base64!", base64.b64encode(b"x" * 15).decode(), "A" * 64])
def test_garbage_is_refused(envelope: str) -> None:
    with pytest.raises(codec.CodecError):
        codec.decrypt(AES_KEY, APPID, envelope)


def test_another_appid_is_refused() -> None:
    with pytest.raises(codec.CodecError, match="appid"):
        codec.decrypt(AES_KEY, "wx0000000000000000", PUSHED)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(codec.CodecError, match="43"):
        codec.encrypt("A" * 42, APPID, b"")


@given(text=texts)
def test_any_text_survives_xml(text: str) -> None:
    body = codec.to_xml({"Content": text, "MsgId": 2**60, "List": [{"A": "1"}, {"A": "2"}]})
    parsed = codec.from_xml(body)

    legal = "".join(char for char in text if (char >= " " or char in "\t\n\r") and char not in "\ufffe\uffff")
    assert parsed["Content"] == legal.replace("\r\n", "\n").replace("\r", "\n")
    assert parsed["MsgId"] == str(2**60)
    assert parsed["List"] == [{"A": "1"}, {"A": "2"}]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"<a/>",
        b"<xml>",
        b'<!DOCTYPE xml [<!ENTITY a "b">]><xml><Content>&a;</Content></xml>',
        b'{"ToUserName":"x"}',
    ],
)
def test_what_is_no_reply_in_xml_is_refused(body: bytes) -> None:
    with pytest.raises(codec.CodecError):
        codec.from_xml(body)


@pytest.mark.parametrize("body", [b"", b"[]", b"<xml/>", b'"text"'])
def test_what_is_no_reply_in_json_is_refused(body: bytes) -> None:
    with pytest.raises(codec.CodecError):
        codec.from_json(body)
