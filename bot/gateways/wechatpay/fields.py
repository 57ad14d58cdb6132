"""Reads single values out of WeChat Pay's JSON, which was verified but may still lack or garble anything."""

from collections.abc import Mapping
from datetime import UTC, datetime

from bot.kernel.money import MAX_FEN

Json = Mapping[str, object]


class Malformed(ValueError):
    """A verified message lacks something that we need; it ends as Unknown, never further up."""


def part(data: Json, field: str) -> Json:
    """Return an object within; raises Malformed."""
    value = data.get(field)
    if not isinstance(value, dict):
        raise Malformed(field)
    return value


def text(data: Json, field: str, default: str = "") -> str:
    """Return a text that must not be empty; raises Malformed."""
    value = data.get(field)
    if value is None and default:
        return default
    if not isinstance(value, str) or not value:
        raise Malformed(field)
    return value


def word(data: Json, field: str) -> str:
    """Return a text that only informs, empty where it is not one."""
    value = data.get(field)
    return value if isinstance(value, str) else ""


def fen(data: Json, field: str) -> int:
    """Return an amount; raises Malformed."""
    amount = count(data.get(field))
    if amount is None:
        raise Malformed(field)
    return amount


def count(value: object) -> int | None:
    """Return an amount in fen; a bool is an int to Python, and a sum beyond every limit is no amount."""
    plain = isinstance(value, int) and not isinstance(value, bool)
    return value if plain and 0 <= value <= MAX_FEN else None  # type: ignore[operator, return-value]  # An int here.


def moment(data: Json, field: str) -> datetime:
    """Return an RFC 3339 time in UTC; raises Malformed for one without a zone."""
    try:
        told = datetime.fromisoformat(text(data, field))
    except ValueError:
        raise Malformed(field) from None
    if told.tzinfo is None:
        raise Malformed(field)
    try:
        return told.astimezone(UTC)
    except OverflowError:
        raise Malformed(field) from None
