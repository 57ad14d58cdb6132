"""The one form in which each kind of account number is stored, compared and blinded.

Bills and saved accounts are found by a keyed hash of this form, so a change here orphans what was stored before: add a
form, never alter one.
"""

import re
from typing import Final, Literal

from bot.kernel.text import normalise

Form = Literal["plain", "digits", "upper", "room", "name"]

_SPACES: Final = re.compile(r"\s+")
# People group long numbers; sheets export them with an apostrophe in front.
_GROUPING: Final = re.compile(r"[\s\-‐‑‒–—―−_.,·'`’]+")
_DIGIT_WORDS: Final = str.maketrans("零〇一二三四五六七八九幺O", "00" + "123456789" + "10")
_PLATE_MARKS: Final = re.compile(r"[\s\-‐‑‒–—―−·•・.]+")
_DOTS: Final = re.compile(r"[·•・‧∙⋅・.]")

_HAN_DIGITS: Final = {character: value for value, character in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_HAN_UNITS: Final = {"十": 10, "百": 100}
_HAN_NUMBER: Final = re.compile("[零〇一二三四五六七八九两十百]+")
# 5楼501 says the floor twice: 501 is on it. Only behind a building, since 5楼 alone may be one.
_FLOOR: Final = re.compile(r"(?<=[栋幢棟座单單元樓楼号號\-])\s*0*(\d{1,2})[楼樓层層](?=[^0-9]?0*\1\d{2}(?!\d))")
_ROOM_JOINTS: Final = re.compile(r"[第栋幢棟座號号樓楼单單元层層室房户戶间間#\s\-‐‑‒–—―−_/\\.,，、·]+")


def canonical(form: Form, text: str) -> str:
    """Return ``text`` in the one form of its kind; doing so twice changes nothing.

    ``digits``: ``0512 345 678`` and ``O512-345678`` are ``0512345678``; ``upper``: ``粤b·12345d`` is ``粤B12345D``;
    ``room``: ``3栋2单元501室``, ``3幢二单元501`` and ``3-2-501`` are ``3-2-501``; ``name``: no spaces, one kind of dot.
    """
    # Once more at the end: what a space kept apart may compose.
    return normalise(_shaped(form, normalise(text)))


def _shaped(form: Form, text: str) -> str:
    match form:
        case "digits":
            return _GROUPING.sub("", text).upper().translate(_DIGIT_WORDS)
        case "upper":
            return _PLATE_MARKS.sub("", text).upper()
        case "room":
            return _room(text)
        case "name":
            return _DOTS.sub("·", _SPACES.sub("", text)).casefold()
        case "plain":
            return _SPACES.sub("", text)


def _room(text: str) -> str:
    """Join building, unit and room by hyphens. Nothing else is dropped: 东区3栋 and 西区3栋 are two places."""
    arabic = _HAN_NUMBER.sub(lambda run: str(_number(run[0])), text)
    parts = _ROOM_JOINTS.sub("-", _FLOOR.sub("", arabic)).strip("-").upper().split("-")
    return "-".join(part.lstrip("0") or "0" if part.isdecimal() else part for part in parts)


def _number(han: str) -> int:
    """Return 501 for 五零一, 12 for 十二, 102 for 一百零二."""
    if not any(character in _HAN_UNITS for character in han):
        return int("".join(str(_HAN_DIGITS[character]) for character in han))
    total = digit = 0
    for character in han:
        if character in _HAN_UNITS:
            total += (digit or 1) * _HAN_UNITS[character]
            digit = 0
        else:
            digit = _HAN_DIGITS[character]
    return total + digit
