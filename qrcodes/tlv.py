"""The wire form under EMVCo codes: two digits of id, two of length, the value; and the check sum that ends them."""

import binascii
from collections.abc import Iterable
from typing import Final

VALUE_CHARS_MAX: Final = 99

Fields = tuple[tuple[str, str], ...]


class EmvcoError(ValueError):
    """The text or the values break the specification; the message names the rule and never the content."""


def crc16(text: str) -> str:
    """Return CRC-16/CCITT-FALSE of the UTF-8 bytes as four upper-case hex digits (``123456789`` gives ``29B1``)."""
    return f"{binascii.crc_hqx(text.encode(), 0xFFFF):04X}"


def encode_fields(fields: Iterable[tuple[str, str]]) -> str:
    """Return the fields one after the other, empty values left out. Raises EmvcoError where one does not fit.

    Lengths count characters, not bytes, which tells only in the language template (domain.md §2.3).
    """
    parts: list[str] = []
    for field_id, value in fields:
        if not value:
            continue
        if len(value) > VALUE_CHARS_MAX:
            raise EmvcoError(f"field {field_id}: longer than {VALUE_CHARS_MAX}")
        parts.append(f"{field_id}{len(value):02d}{value}")
    return "".join(parts)


def decode_fields(text: str) -> dict[str, str]:
    """Return the values by id, in their order. Raises EmvcoError for a cut, empty, repeated or malformed field."""
    fields: dict[str, str] = {}
    at = 0
    while at < len(text):
        field_id, length = text[at : at + 2], text[at + 2 : at + 4]
        if not (_two_digits(field_id) and _two_digits(length)):
            raise EmvcoError("a field begins with two digits of id and two of length")
        value = text[at + 4 : at + 4 + int(length)]
        if not value or len(value) < int(length):
            raise EmvcoError(f"field {field_id}: empty or cut short")
        if field_id in fields:
            raise EmvcoError(f"field {field_id}: twice")
        fields[field_id] = value
        at += 4 + int(length)
    return fields


def _two_digits(text: str) -> bool:
    return len(text) == 2 and text.isascii() and text.isdecimal()
