"""Numbers of papers: penalty decisions, payment notices, fiscal receipts, invoices, notes, cases and payment codes."""

import re
from datetime import date
from typing import Final

from bot.kernel.text import normalise
from bot.words.identifiers.model import Identifier, Kind, Wrong, digits, hide_all, show_ends, upper

# A note package is at most a thousand million yuan, in units of a fen (domain.md §3.0).
UNITS_MAX: Final = 100_000_000_000
# 1 and 2 are of the old system (ECDS), 5 to 8 of the new one: bank, commercial and two of supply chains.
_NOTE_TYPES: Final = frozenset("125678")
_NOTE: Final = re.compile(r"\d{30}", re.ASCII)
_RANGE: Final = re.compile(r"0|\d{1,12}-\d{1,12}", re.ASCII)
_RANGE_JOINTS: Final = re.compile(r"\s*[-‐‑‒–—―−~到至]\s*")
_CASE: Final = re.compile(
    r"（\d{4}）[\u4e00-\u9fa5]\d{0,4}[\u4e00-\u9fa5]{1,4}\d{1,6}号(?:之[一二三四五六七八九十]{1,3})?", re.ASCII
)
_CASE_ALPHABET: Final = re.compile(r"[（）\d\u4e00-\u9fa5]+", re.ASCII)
_TO_CASE: Final = str.maketrans("()[]〔〕【】號", "（）（）（）（）号")
_CASE_YEARS: Final = 1949


def _digits_of(*lengths: int) -> re.Pattern[str]:
    return re.compile("|".join(rf"\d{{{length}}}" for length in lengths), re.ASCII)


def _note_wrong(number: str, today: date) -> Wrong | None:
    """Type, bank number, day of registration, number of that day, check digit (whose rule is not public)."""
    if number[0] not in _NOTE_TYPES:
        return Wrong.TYPE
    try:
        registered = date.fromisoformat(f"{number[13:17]}-{number[17:19]}-{number[19:21]}")
    except ValueError:
        return Wrong.DATE
    return Wrong.FUTURE if registered > today else None


def range_form(text: str) -> str:
    """Return a sub-range as ``start-end`` without leading zeros; ``0`` is a note that cannot be divided."""
    parts = _RANGE_JOINTS.split(normalise(text))
    return "-".join(part.lstrip("0") or "0" if part.isdecimal() else part for part in parts)


def range_units(text: str) -> int | None:
    """Return how many units of a fen a canonical sub-range holds; None for ``0``, the whole package."""
    start, joint, end = text.partition("-")
    return int(end) - int(start) + 1 if joint else None


def _range_wrong(text: str, _today: date) -> Wrong | None:
    start, joint, end = text.partition("-")
    return None if not joint or 1 <= int(start) <= int(end) <= UNITS_MAX else Wrong.RANGE


def case_form(text: str) -> str:
    """Return a case number as courts print it: ``（2026）粤0305民初1234号``."""
    return "".join(normalise(text).split()).translate(_TO_CASE)


def _case_wrong(number: str, today: date) -> Wrong | None:
    year = int(number[1:5])
    if year < _CASE_YEARS:
        return Wrong.DATE
    return Wrong.FUTURE if year > today.year else None


def _receipt_year(code: str, today: date) -> Wrong | None:
    """The last two digits of a fiscal receipt's code are its year."""
    return Wrong.FUTURE if 2000 + int(code[6:]) > today.year else None


_WALLET_CODE: Final = re.compile(r"1[0-5]\d{16}|(?:2[5-9]|30)\d{14,22}|62\d{17}", re.ASCII)
_SIX: Final = re.compile(r"[A-Z0-9]{6}")
_LETTERS: Final = re.compile(r"[A-Z0-9]+")

PAPERS: Final = (
    # The check digit's rule is not public, and tickets are printed without it: the biller says whether it may be paid.
    Identifier(Kind.PENALTY_DECISION, _digits_of(15, 16), digits, lengths=(15, 16)),
    # Twenty nationwide; a biller with a rule of its own declares it in its item.
    Identifier(Kind.TREASURY_CODE, _digits_of(16, 20), digits, lengths=(16, 20)),
    Identifier(Kind.FISCAL_RECEIPT_CODE, _digits_of(8), digits, lengths=(8,), verify=_receipt_year),
    Identifier(Kind.FISCAL_RECEIPT_NUMBER, _digits_of(10), digits, lengths=(10,)),
    Identifier(Kind.FISCAL_RECEIPT_CHECK, _SIX, upper, _LETTERS, (6,)),
    Identifier(Kind.DIGITAL_INVOICE, _digits_of(20), digits, lengths=(20,)),
    Identifier(Kind.INVOICE_CODE, _digits_of(10, 12), digits, lengths=(10, 12)),
    Identifier(Kind.INVOICE_NUMBER, _digits_of(8), digits, lengths=(8,)),
    Identifier(Kind.INVOICE_CHECK, _digits_of(6, 20), digits, lengths=(6, 20)),
    Identifier(Kind.NOTE_NUMBER, _NOTE, digits, lengths=(30,), verify=_note_wrong, mask=show_ends(1, 4)),
    Identifier(Kind.NOTE_RANGE, _RANGE, range_form, re.compile(r"[\d-]+", re.ASCII), verify=_range_wrong, mask=str),
    Identifier(Kind.COURT_CASE, _CASE, case_form, _CASE_ALPHABET, verify=_case_wrong, mask=show_ends(6, 3)),
    Identifier(Kind.PAYMENT_CODE, _WALLET_CODE, digits, lengths=tuple(range(16, 25)), mask=hide_all),
)
