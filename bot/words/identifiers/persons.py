"""Numbers of persons and of companies: identity cards, permits, passports, credit codes and tax numbers."""

import re
from datetime import date
from typing import Final

from stdnum.cn import uscc
from stdnum.iso7064 import mod_11_2

from bot.kernel.masking import mask_id
from bot.words.identifiers.model import Identifier, Kind, Wrong, digits, show_ends, upper

# GB/T 2260, the first two digits. Counties are not looked up: whoever was registered in one that has since been
# dissolved keeps the number for life, and no public list knows them all.
PROVINCES: Final = frozenset(
    {
        *("11", "12", "13", "14", "15", "21", "22", "23", "31", "32", "33", "34", "35", "36", "37"),
        *("41", "42", "43", "44", "45", "46", "50", "51", "52", "53", "54", "61", "62", "63", "64", "65", "71"),
    }
)
# 81 Hong Kong, 82 Macao, 83 Taiwan: residents of theirs who live on the mainland.
_BEYOND: Final = frozenset({"81", "82", "83"})
_OLDEST: Final = 1850
_ID_ALPHABET: Final = re.compile(r"\d+X?", re.ASCII)
_ID: Final = re.compile(r"\d{17}[\dX]", re.ASCII)
_LETTERS: Final = re.compile(r"[A-Z0-9]+")
# GB 32100-2015: thirty-one characters, none of I, O, S, V, Z.
_CREDIT_ALPHABET: Final = re.compile(r"[0-9A-HJ-NP-RTUW-Y]+")
_CREDIT: Final = re.compile(r"[1-9ANY][1-59]\d{6}[0-9A-HJ-NP-RTUW-Y]{10}")
_ORGANISATION_WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)


def _check_digit_of(number: str) -> str:
    return mod_11_2.calc_check_digit(number[:17])


def _id_wrong(number: str, today: date) -> Wrong | None:
    """GB 11643-1999: region, date of birth, sequence, and a check character by ISO 7064 MOD 11-2."""
    if number[:2] not in PROVINCES | _BEYOND:
        return Wrong.REGION
    return _born_and_checked(number, today)


def _born_and_checked(number: str, today: date) -> Wrong | None:
    try:
        born = date.fromisoformat(f"{number[6:10]}-{number[10:12]}-{number[12:14]}")
    except ValueError:
        return Wrong.DATE
    if born.year < _OLDEST:
        return Wrong.DATE
    if born > today:
        return Wrong.FUTURE
    return None if number[17] == _check_digit_of(number) else Wrong.CHECK_DIGIT


def _permit_wrong(number: str, today: date) -> Wrong | None:
    return _id_wrong(number, today) if number[:2] in _BEYOND else Wrong.REGION


def _residence_wrong(number: str, today: date) -> Wrong | None:
    """The card of before 2023 (three letters, twelve digits) has no rule that is public; the new one has the ID's."""
    return _born_and_checked(number, today) if len(number) == 18 else None


def organisation_check(code: str) -> str:
    """Return the check character of an organisation code's first eight characters (GB 11714-1997, MOD 11)."""
    total = sum(int(character, 36) * weight for character, weight in zip(code, _ORGANISATION_WEIGHTS, strict=False))
    return "0123456789X0"[11 - total % 11]


def _credit_wrong(code: str, _today: date) -> Wrong | None:
    if code[17] != uscc.calc_check_digit(code[:17]):
        return Wrong.CHECK_DIGIT
    return None if code[16] == organisation_check(code[8:16]) else Wrong.INNER_CHECK_DIGIT


_RETURN_PERMIT: Final = re.compile(r"[HM]\d{8}(?:\d{2})?", re.ASCII)
_PASSPORT: Final = re.compile(r"(?:E[A-Z]?|G)\d{7,8}", re.ASCII)
_RESIDENCE: Final = re.compile(r"[A-Z]{3}\d{12}|9\d{16}[\dX]", re.ASCII)

PERSONS: Final = (
    Identifier(Kind.RESIDENT_ID, _ID, upper, _ID_ALPHABET, (18,), _id_wrong, mask_id, certain=True),
    Identifier(Kind.RESIDENCE_PERMIT, _ID, upper, _ID_ALPHABET, (18,), _permit_wrong, mask_id, certain=True),
    Identifier(Kind.PERMANENT_RESIDENCE, _RESIDENCE, upper, _LETTERS, (15, 18), _residence_wrong, mask_id),
    Identifier(Kind.RETURN_PERMIT, _RETURN_PERMIT, upper, _LETTERS, (9, 11), mask=mask_id),
    Identifier(Kind.TAIWAN_PERMIT, re.compile(r"\d{8}(?:\d{2})?", re.ASCII), digits, lengths=(8, 10), mask=mask_id),
    Identifier(Kind.PASSPORT, _PASSPORT, upper, _LETTERS, (8, 9, 10), mask=mask_id),
    Identifier(Kind.USCC, _CREDIT, upper, _CREDIT_ALPHABET, (18,), _credit_wrong, mask=show_ends(4, 4), certain=True),
    Identifier(Kind.TAX_NUMBER, re.compile(r"[A-Z0-9]+"), upper, _LETTERS, (15, 17, 18, 20), mask=show_ends(4, 4)),
)
