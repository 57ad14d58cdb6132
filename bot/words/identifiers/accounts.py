"""Numbers under which something is paid: cards, bank accounts, telephones, meters, schools, hospitals, insurers."""

import re
from datetime import date
from typing import Final

from stdnum import luhn

from bot.kernel.masking import mask_id, mask_phone
from bot.words.identifiers.model import Identifier, Kind, Wrong, digits, lower, show_ends, upper
from bot.words.identifiers.persons import PERSONS

_LETTERS: Final = re.compile(r"[A-Z0-9]+")
_LANDLINE_FORM: Final = re.compile(r"(0(?:10|2\d|[3-9]\d{2}))(\d{7,8})", re.ASCII)
# Prefixes that were given to virtual operators; numbers move between operators, so this is no proof of one.
_VIRTUAL: Final = frozenset({"162", "165", "167", "170", "171"})
_PERSON: Final = PERSONS[0]


def mobile_form(text: str) -> str:
    """Return eleven digits: without +86, grouping and spoken digits."""
    number = digits(text).removeprefix("+")
    return re.sub(r"^(?:00)?86(?=1\d{10}$)", "", number, flags=re.ASCII)


def is_virtual(mobile: str) -> bool:
    """Tell whether a canonical mobile number was given out by a virtual operator."""
    return mobile[:3] in _VIRTUAL


def landline_form(text: str) -> str:
    """Return ``0755-26881234``: the area code, a hyphen, the number."""
    number = digits(text).removeprefix("+86")
    return _LANDLINE_FORM.sub(r"\1-\2", number, count=1) if _LANDLINE_FORM.fullmatch(number) else number


def _card_wrong(number: str, _today: date) -> Wrong | None:
    """Cards keep Luhn (ISO/IEC 7812-1); accounts of companies do not, and neither do some sandboxes' test cards."""
    return None if luhn.is_valid(number) else Wrong.CHECK_DIGIT


def _student_wrong(number: str, today: date) -> Wrong | None:
    """A national student number is a letter and the identity number."""
    found = _PERSON.read(number[1:], today)
    return None if isinstance(found, str) else found.wrong


def _between(low: int, high: int) -> tuple[int, ...]:
    return tuple(range(low, high + 1))


def _digits_rule(kind: Kind, low: int, high: int) -> Identifier:
    return Identifier(kind, re.compile(rf"\d{{{low},{high}}}", re.ASCII), digits, lengths=_between(low, high))


def _letters_rule(kind: Kind, low: int, high: int) -> Identifier:
    return Identifier(kind, re.compile(rf"[A-Z0-9]{{{low},{high}}}"), upper, _LETTERS, _between(low, high))


_MOBILE: Final = re.compile(r"1[3-9]\d{9}", re.ASCII)
_LANDLINE: Final = re.compile(r"0\d{2,3}-\d{7,8}", re.ASCII)
_STATE_GRID: Final = re.compile(r"\d{10}|\d{13}", re.ASCII)
_NATIONAL_STUDENT: Final = re.compile(r"[GJL]\d{17}[\dX]", re.ASCII)
_HEX: Final = re.compile(r"[0-9a-f]{64}")
_SOCIAL: Final = re.compile(r"[A-Z]{0,2}\d{8,18}[\dX]?", re.ASCII)
_LINE_ALPHABET: Final = re.compile(r"[\d-]+", re.ASCII)
_FREE: Final = re.compile(r"[A-Z0-9@]{4,40}")

ACCOUNTS: Final = (
    Identifier(
        Kind.BANK_CARD,
        re.compile(r"\d{12,19}", re.ASCII),
        digits,
        lengths=_between(12, 19),
        verify=_card_wrong,
        mask=show_ends(6, 4),
    ),
    _digits_rule(Kind.CORPORATE_ACCOUNT, 8, 32),
    Identifier(Kind.MOBILE, _MOBILE, mobile_form, lengths=(11,), mask=mask_phone),
    Identifier(Kind.LANDLINE, _LANDLINE, landline_form, _LINE_ALPHABET),
    Identifier(Kind.BROADBAND, _FREE, upper, re.compile(r"[A-Z0-9@]+"), _between(4, 40)),
    _digits_rule(Kind.BANK_NUMBER, 12, 12),
    Identifier(Kind.STATE_GRID, _STATE_GRID, digits, lengths=(10, 13)),
    _digits_rule(Kind.SOUTHERN_GRID, 10, 20),
    _letters_rule(Kind.METER, 4, 20),
    _letters_rule(Kind.STUDENT, 4, 20),
    Identifier(Kind.NATIONAL_STUDENT, _NATIONAL_STUDENT, upper, _LETTERS, (19,), _student_wrong, mask_id, certain=True),
    _letters_rule(Kind.MEDICAL_CARD, 4, 20),
    Identifier(Kind.E_HEALTH_CARD, _HEX, lower, re.compile(r"[0-9a-f]+"), (64,), mask=show_ends(0, 4)),
    Identifier(Kind.SOCIAL_SECURITY, _SOCIAL, upper, _LETTERS, _between(8, 20), mask=mask_id),
    _digits_rule(Kind.PROVIDENT_FUND, 8, 20),
    _letters_rule(Kind.POLICY, 12, 22),
)
