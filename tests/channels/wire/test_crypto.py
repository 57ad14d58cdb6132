"""The AES codec agrees with the documents and with wechatpy, and refuses everything else in one way."""

import base64
import os
import random

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from hypothesis import given
from hypothesis import strategies as st
from wechatpy.crypto import WeChatCrypto
from wechatpy.crypto.base import BasePrpCrypto
from wechatpy.utils import to_binary

from bot.channels.wire.crypto import MessageCipher, MessageKey
from bot.kernel.errors import Forbidden, Misconfigured
from bot.kernel.masking import Secret
from tests.channels import samples
from tests.channels.samples import APP_ID, KEY

RAW_KEY = b"\0" * 32


def sealed(whole: bytes) -> str:
    """Encrypt any block at all under the documented key, right or wrong inside."""
    blocks = Cipher(AES(RAW_KEY), CBC(RAW_KEY[:16])).encryptor().update(whole)
    return samples_base64(blocks)


def samples_base64(blocks: bytes) -> str:
    return base64.b64encode(blocks).decode()


def padded(content: bytes) -> bytes:
    size = 32 - len(content) % 32
    return content + bytes([size]) * size


def inside(message: bytes, length: int | None = None, app_id: str = APP_ID) -> bytes:
    size = len(message) if length is None else length
    return b"r" * 16 + size.to_bytes(4, "big") + message + app_id.encode()


def test_documented_message() -> None:
    assert KEY.decrypt(samples.SAFE_ENCRYPT) == samples.SAFE_MESSAGE


def test_documented_answer() -> None:
    assert KEY.encrypt(samples.ANSWER, samples.ANSWER_RANDOM) == samples.ANSWER_ENCRYPT


def test_documented_message_of_a_third_party_platform() -> None:
    message = MessageKey(samples.AES_KEY, samples.COMPONENT_APP_ID).decrypt(samples.COMPONENT_ENCRYPT)

    assert message is not None and len(message) == 292 and b"<Event><![CDATA[debug_demo]]></Event>" in message


def test_agrees_with_wechatpy_on_ten_thousand_messages() -> None:
    """Both ways: what we write they read, and what they write we read."""
    chance = random.Random(20241123)
    encoding_key = samples_base64(chance.randbytes(32)).rstrip("=")
    ours = MessageKey(Secret(encoding_key), APP_ID)
    theirs = WeChatCrypto("AAAAA", encoding_key, APP_ID)
    prp = BasePrpCrypto(theirs.key)
    letters = [chr(point) for point in (*range(32, 127), 0x4E00, 0x7535, 0x1F600, 0x200D, 0xFE0F)]

    for turn in range(10_000):
        message = "".join(chance.choices(letters, k=chance.randrange(0, 200)))
        if turn % 2:
            assert prp._decrypt(ours.encrypt(message.encode()), APP_ID) == message
        else:
            assert ours.decrypt(prp._encrypt(to_binary(message), APP_ID).decode()) == message.encode()


@given(st.binary(max_size=300))
def test_any_bytes_come_back(message: bytes) -> None:
    assert KEY.decrypt(KEY.encrypt(message)) == message


@pytest.mark.parametrize(
    "whole",
    [
        pytest.param(padded(inside(b"hi", app_id="wx0000000000000000")), id="other app id"),
        pytest.param(padded(inside(b"hi", app_id="")), id="no app id"),
        pytest.param(padded(inside(b"hi", length=1)), id="length too short"),
        pytest.param(padded(inside(b"hi", length=2**32 - 1)), id="length beyond the end"),
        pytest.param(padded(b"r" * 16), id="no length"),
        pytest.param(inside(b"h" * 10)[:47] + b"\x00" + b"\x00" * 16, id="padding of nothing"),
        pytest.param(inside(b"h" * 10) + b"\x21" * 16, id="padding beyond a block"),
        pytest.param(inside(b"hi") + b"\x01" * 23 + b"\x18", id="padding not uniform"),
    ],
)
def test_wrong_insides_are_refused(whole: bytes) -> None:
    """wechatpy does not look at the padding at all."""
    whole += b"\x20" * (-len(whole) % 32)

    assert KEY.decrypt(sealed(whole)) is None


@pytest.mark.parametrize("text", ["", "A", "====", "not base64!", "QUJD", "密文", samples.SAFE_ENCRYPT[:-4], "QQ==\n"])
def test_wrong_ciphertexts_are_refused(text: str) -> None:
    assert KEY.decrypt(text) is None


@given(st.data())
def test_a_changed_block_is_refused_or_changes_only_the_message(data: st.DataObject) -> None:
    """CBC itself does not authenticate (msg_signature does), but nothing here may raise."""
    blocks = bytearray(base64.b64decode(samples.SAFE_ENCRYPT))
    place = data.draw(st.integers(0, len(blocks) - 1))
    blocks[place] ^= data.draw(st.integers(1, 255))

    KEY.decrypt(samples_base64(bytes(blocks)))


def test_the_previous_key_still_opens_and_seals_the_answer() -> None:
    new = Secret("B" * 42 + "A")
    cipher = MessageCipher([new, samples.AES_KEY], APP_ID)

    message, key = cipher.open(samples.SAFE_ENCRYPT)

    assert message == samples.SAFE_MESSAGE
    assert KEY.decrypt(key.encrypt(b"answer")) == b"answer"
    assert MessageKey(new, APP_ID).decrypt(key.encrypt(b"answer")) is None


def test_no_key_opens() -> None:
    with pytest.raises(Forbidden, match="undecryptable"):
        MessageCipher([Secret("B" * 42 + "A")], APP_ID).open(samples.SAFE_ENCRYPT)


def test_every_message_is_sealed_differently() -> None:
    assert len({KEY.encrypt(b"same") for _ in range(50)}) == 50


@pytest.mark.parametrize("key", ["", "A" * 42, "A" * 44, "!" * 43, "钥" * 43])
def test_a_malformed_encoding_key_is_a_mistake_of_the_settings(key: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        MessageKey(Secret(key), APP_ID)

    assert not key or key not in str(caught.value)


def test_the_random_head_is_random() -> None:
    first = KEY.encrypt(b"x", os.urandom(16))

    assert first != KEY.encrypt(b"x", os.urandom(16))


def test_a_wrong_message_does_not_spoil_the_next() -> None:
    """One context reads all messages; whatever went through it before, only the random head depends on that."""
    key = MessageKey(samples.AES_KEY, APP_ID)
    for wrong in (sealed(b"x" * 64), KEY.encrypt(b"other")[:-4] + "AAA=", "not base64!", sealed(b"\xff" * 4096)):
        key.decrypt(wrong)
        assert key.decrypt(samples.SAFE_ENCRYPT) == samples.SAFE_MESSAGE


def test_messages_in_any_order_are_read_by_any_reader() -> None:
    written = [KEY.encrypt(str(number).encode()) for number in range(20)]

    for number in (*range(19, -1, -1), 0, 7, 7):
        assert MessageKey(samples.AES_KEY, APP_ID).decrypt(written[number]) == str(number).encode()
        assert KEY.decrypt(written[number]) == str(number).encode()
