"""What an identifier is: how it is brought into one form, what it must look like, and how much of it may be shown."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from bot.kernel.masking import mask_account
from bot.kernel.text import normalise

# Nothing that people or papers call a number is longer; what is, is not looked at further.
LONGEST: Final = 80
_GROUPING: Final = re.compile(r"[\s\-‐‑‒–—―−_.·•・,'`’]+")
_DIGIT_WORDS: Final = str.maketrans("零〇一二三四五六七八九幺洞拐勾O", "00123456789" + "1079" + "0")
_DIGITS: Final = re.compile(r"\d+", re.ASCII)


class Kind(StrEnum):
    """Every identifier of domain.md §3.0."""

    RESIDENT_ID = "resident_id"
    RESIDENCE_PERMIT = "residence_permit"
    PERMANENT_RESIDENCE = "permanent_residence"
    RETURN_PERMIT = "return_permit"
    TAIWAN_PERMIT = "taiwan_permit"
    PASSPORT = "passport"
    USCC = "uscc"
    TAX_NUMBER = "tax_number"
    BANK_CARD = "bank_card"
    CORPORATE_ACCOUNT = "corporate_account"
    MOBILE = "mobile"
    LANDLINE = "landline"
    BROADBAND = "broadband"
    PLATE = "plate"
    SPECIAL_PLATE = "special_plate"
    VIN = "vin"
    ENGINE_TAIL = "engine_tail"
    PENALTY_DECISION = "penalty_decision"
    DRIVER_FILE = "driver_file"
    TREASURY_CODE = "treasury_code"
    FISCAL_RECEIPT_CODE = "fiscal_receipt_code"
    FISCAL_RECEIPT_NUMBER = "fiscal_receipt_number"
    FISCAL_RECEIPT_CHECK = "fiscal_receipt_check"
    DIGITAL_INVOICE = "digital_invoice"
    INVOICE_CODE = "invoice_code"
    INVOICE_NUMBER = "invoice_number"
    INVOICE_CHECK = "invoice_check"
    BANK_NUMBER = "bank_number"
    NOTE_NUMBER = "note_number"
    NOTE_RANGE = "note_range"
    STATE_GRID = "state_grid"
    SOUTHERN_GRID = "southern_grid"
    METER = "meter"
    STUDENT = "student"
    NATIONAL_STUDENT = "national_student"
    MEDICAL_CARD = "medical_card"
    E_HEALTH_CARD = "e_health_card"
    SOCIAL_SECURITY = "social_security"
    PROVIDENT_FUND = "provident_fund"
    POLICY = "policy"
    COURT_CASE = "court_case"
    PAYMENT_CODE = "payment_code"


class Wrong(StrEnum):
    """What is wrong with an identifier; templates have the words."""

    EMPTY = "empty"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    LENGTH = "length"
    CHARACTERS = "characters"
    SHAPE = "shape"
    REGION = "region"
    DATE = "date"
    FUTURE = "future"
    CHECK_DIGIT = "check_digit"
    INNER_CHECK_DIGIT = "inner_check_digit"
    TYPE = "type"
    RANGE = "range"
    SPECIAL = "special"


class Remedy(StrEnum):
    """What whoever wrote an identifier should do about it."""

    WRITE_IT = "write_it"
    COUNT = "count"
    COMPARE = "compare"
    COPY_FROM_PAPER = "copy_from_paper"
    ASK_BILLER = "ask_biller"
    ASK_PERSON = "ask_person"


_REMEDIES: Final = {
    Wrong.EMPTY: Remedy.WRITE_IT,
    Wrong.TOO_SHORT: Remedy.COUNT,
    Wrong.TOO_LONG: Remedy.COUNT,
    Wrong.LENGTH: Remedy.COUNT,
    Wrong.CHARACTERS: Remedy.COMPARE,
    Wrong.SHAPE: Remedy.COPY_FROM_PAPER,
    Wrong.REGION: Remedy.COMPARE,
    Wrong.DATE: Remedy.COMPARE,
    Wrong.FUTURE: Remedy.COMPARE,
    Wrong.CHECK_DIGIT: Remedy.COMPARE,
    Wrong.INNER_CHECK_DIGIT: Remedy.COMPARE,
    Wrong.TYPE: Remedy.COPY_FROM_PAPER,
    Wrong.RANGE: Remedy.COPY_FROM_PAPER,
    Wrong.SPECIAL: Remedy.ASK_PERSON,
}


@dataclass(frozen=True, slots=True)
class Flaw:
    """Why a text is no identifier of a kind. Holds nothing of the text itself, so it may be logged.

    ``lengths`` are those that would be right, where the length is what is wrong.
    """

    kind: Kind
    wrong: Wrong
    lengths: tuple[int, ...] = ()

    @property
    def remedy(self) -> Remedy:
        return _REMEDIES[self.wrong]


@dataclass(frozen=True, slots=True)
class Identifier:
    """The rule of one kind.

    ``pattern`` is of the whole canonical form. ``lengths`` are the possible ones where they are few, else empty.
    ``verify`` is asked about what fits the pattern, with the day it is in Shanghai, and names what is wrong.
    ``certain`` says that a check digit stands behind the pattern: a bare number that passes is hardly anything else.
    """

    kind: Kind
    pattern: re.Pattern[str]
    normalise: Callable[[str], str]
    alphabet: re.Pattern[str] = _DIGITS
    lengths: tuple[int, ...] = ()
    verify: Callable[[str, date], Wrong | None] = lambda _value, _today: None
    mask: Callable[[str], str] = mask_account
    certain: bool = False

    def read(self, text: str, today: date) -> str | Flaw:
        """Return the canonical form of ``text``, or what is wrong with it."""
        value = self.normalise(text[: 2 * LONGEST])
        wrong = self._wrong(value, today)
        if wrong is None:
            return value
        return Flaw(self.kind, wrong, self.lengths if wrong in _OF_LENGTH else ())

    def _wrong(self, value: str, today: date) -> Wrong | None:
        if not value:
            return Wrong.EMPTY
        # A strange character is named before the length, for it is easier to see.
        if self.alphabet.fullmatch(value) is None:
            return Wrong.CHARACTERS
        if self.lengths and len(value) not in self.lengths:
            return _of_length(len(value), self.lengths)
        return self.verify(value, today) if self.pattern.fullmatch(value) else Wrong.SHAPE


_OF_LENGTH: Final = frozenset({Wrong.TOO_SHORT, Wrong.TOO_LONG, Wrong.LENGTH})


def _of_length(length: int, right: tuple[int, ...]) -> Wrong:
    if length < min(right):
        return Wrong.TOO_SHORT
    return Wrong.TOO_LONG if length > max(right) else Wrong.LENGTH


# --- the forms in which identifiers are written ----------------------------------------------------------------------


def digits(text: str) -> str:
    """Return digits without grouping; spoken ones (幺, 洞, 拐) and O for zero as digits."""
    return _GROUPING.sub("", normalise(text)).upper().translate(_DIGIT_WORDS)


def upper(text: str) -> str:
    """Return letters and digits without grouping, in upper case."""
    return _GROUPING.sub("", normalise(text)).upper()


def lower(text: str) -> str:
    """Return letters and digits without grouping, in lower case."""
    return upper(text).lower()


# --- how much of them is shown ---------------------------------------------------------------------------------------


def hide_all(_value: str) -> str:
    """Show nothing: whoever sees a 付款码 can charge it."""
    return "****"


def show_ends(head: int, tail: int) -> Callable[[str], str]:
    """Return a mask that leaves ``head`` and ``tail`` characters and a star for each between, if four are hidden."""

    def mask(value: str) -> str:
        hidden = len(value) - head - tail
        return f"{value[:head]}{'*' * hidden}{value[len(value) - tail :]}" if hidden >= 4 else mask_account(value)

    return mask
