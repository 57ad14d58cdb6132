"""One shape for a pushed message, whether it came as XML or as JSON: texts, lists and named values."""

from collections.abc import Mapping
from typing import Final, TypeAlias

from bot.kernel.errors import BadRequest

Value: TypeAlias = "str | list[Value] | dict[str, Value]"
Fields = Mapping[str, Value]

# WeChat's deepest message is five levels and its longest list some dozens; these bounds only stop abuse.
DEPTH_MAX: Final = 16
ELEMENTS_MAX: Final = 5_000
BYTES_MAX: Final = 1 << 20


class Misshapen(BadRequest):
    """A field is missing or is not what the documents say it is."""

    def __init__(self, name: str) -> None:
        super().__init__("misshapen_message", field=name)


def text(fields: Fields, name: str, default: str | None = "") -> str:
    """Return a text field; ``default`` where it is missing, and None as default makes it mandatory.

    Raises Misshapen for a field that holds other fields or occurs twice.
    """
    value = fields.get(name, default)
    if isinstance(value, str):
        return value
    raise Misshapen(name)


def number(fields: Fields, name: str, default: int | None = 0) -> int:
    """Return a whole number that arrived as digits (JSON numbers are kept as text, so int64 ids stay exact)."""
    value = text(fields, name, None if default is None else str(default))
    # int() also takes signs, spaces, underscores and other scripts' digits; WeChat sends none of them.
    if not (value.isascii() and value.isdigit() and len(value) <= 19):
        raise Misshapen(name)
    return int(value)


def inner(fields: Fields, name: str) -> Fields:
    """Return the fields inside ``name``; an empty element (``<PicList/>``) or a missing one has none."""
    value = fields.get(name, "")
    if isinstance(value, dict):
        return value
    if value == "":
        return {}
    raise Misshapen(name)


def several(fields: Fields, name: str) -> tuple[Fields, ...]:
    """Return the entries of a repeated field.

    XML repeats the element, JSON sends an object for one entry and an array for more (WxJava PR #2477).
    """
    value = fields.get(name, "")
    entries = []
    for entry in value if isinstance(value, list) else [value]:
        if isinstance(entry, dict):
            entries.append(entry)
        elif entry != "":
            raise Misshapen(name)
    return tuple(entries)
