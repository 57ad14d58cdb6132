"""The JSON reader gives the XML reader's shape, keeps big numbers exact, and is bounded."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.wire import jsontext
from bot.channels.wire.fields import BYTES_MAX, ELEMENTS_MAX
from bot.kernel.errors import BadRequest, BotError, TooLarge


def test_numbers_stay_the_digits_that_were_sent() -> None:
    body = (
        b'{"MsgId": 23462346234623462345, "Latitude": 23.1000, "E": 1e400, "N": null, "T": true, "L": [1, {"a": -0}]}'
    )

    assert jsontext.parse(body) == {
        "MsgId": "23462346234623462345",
        "Latitude": "23.1000",
        "E": "1e400",
        "N": "",
        "T": "true",
        "L": ["1", {"a": "-0"}],
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"text"',
        b"{",
        b'{"A": NaN}',
        b'{"A": Infinity}',
        b'{"A": 1, "A": 2}',
        b'{"L": {"A": 1, "A": 2}}',
        b'{"A": "\\ud800"}',
        b'{"\\udfff": "1"}',
        b'{"A": "\xff"}',
        '{"A": "电"}'.encode("gb18030"),
        b'\xef\xbb\xbf{"A": "1"}',
    ],
)
def test_what_is_no_message_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        jsontext.parse(body)


def test_depth_size_and_number_are_bounded() -> None:
    deep = b'{"A":' * 16 + b"1" + b"}" * 16
    assert jsontext.parse(deep)
    with pytest.raises(BadRequest, match="deep"):
        jsontext.parse(b'{"A":' + deep + b"}")
    with pytest.raises(BadRequest, match=r"deep|bad_json|many"):
        jsontext.parse(b'{"A":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    with pytest.raises(BadRequest, match="many"):
        jsontext.parse(b'{"A":[' + b"{}," * ELEMENTS_MAX + b"{}]}")
    with pytest.raises(TooLarge):
        jsontext.parse(b'{"A":"' + b"x" * BYTES_MAX + b'"}')


@given(st.binary(max_size=120))
def test_garbage_raises_only_our_own_refusal(body: bytes) -> None:
    try:
        jsontext.parse(b"{" + body)
    except BotError as refusal:
        assert 400 <= refusal.http_status < 500


@given(st.dictionaries(st.text(max_size=5), st.text(st.characters(exclude_categories=["Cs"]), max_size=9), max_size=5))
def test_texts_come_through(fields: dict[str, str]) -> None:
    assert jsontext.parse(json.dumps(fields).encode()) == fields
    assert jsontext.parse(jsontext.dump(fields)) == fields


def test_chinese_is_written_as_it_is() -> None:
    assert jsontext.dump({"name": "缴费"}) == '{"name":"缴费"}'.encode()
