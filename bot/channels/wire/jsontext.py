"""WeChat's JSON, read into the same shape as its XML and within the same bounds."""

import json
from typing import Any, NoReturn

from bot.channels.wire.fields import BYTES_MAX, DEPTH_MAX, ELEMENTS_MAX, Fields, Value
from bot.kernel.errors import BadRequest, TooLarge


def parse(body: bytes) -> Fields:
    """Return the fields of one JSON object; numbers stay the digits that were sent (MsgId exceeds 2**53).

    Raises TooLarge above 1 MiB and BadRequest for all else that is not one bounded UTF-8 object.
    """
    if len(body) > BYTES_MAX:
        raise TooLarge("message_too_large")
    if body.count(b"{") + body.count(b"[") > ELEMENTS_MAX:
        raise BadRequest("json_too_many_elements")
    try:
        value = json.loads(
            body.decode(), parse_int=str, parse_float=str, parse_constant=_refuse, object_pairs_hook=_object
        )
    except (ValueError, RecursionError) as fault:
        raise BadRequest("bad_json") from fault
    fields = _value(value, 0)
    if isinstance(fields, dict):
        return fields
    raise BadRequest("not_a_message")


def dump(value: object) -> bytes:
    """Return compact JSON with Chinese as it is: WeChat shows ``\\uXXXX`` in menus and messages literally."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _refuse(_name: str) -> NoReturn:
    raise BadRequest("bad_json")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    # Readers disagree about which of two equal names counts, so a message with them is nobody's.
    if len(fields) != len(pairs):
        raise BadRequest("json_duplicate_name")
    return fields


def _value(value: Any, depth: int) -> Value:
    if isinstance(value, str):
        return _text(value)
    if depth >= DEPTH_MAX:
        raise BadRequest("json_too_deep")
    if isinstance(value, dict):
        return {_text(name): _value(inner, depth + 1) for name, inner in value.items()}
    if isinstance(value, list):
        return [_value(inner, depth + 1) for inner in value]
    return "" if value is None else str(value).lower()


def _text(value: str) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as fault:
            # A lone surrogate could be stored and sent nowhere.
            raise BadRequest("bad_json") from fault
    return value
