"""Numbers of cars and of their drivers: plates, chassis numbers, engine tails and licence files."""

import re
from datetime import date
from typing import Final

from bot.kernel.masking import mask_id
from bot.kernel.text import normalise
from bot.words.identifiers.model import Identifier, Kind, Wrong, digits, show_ends, upper

_PROVINCES: Final = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_TRADITIONAL: Final = str.maketrans("滬雲遼魯蘇贛晉陝閩貴粵寧瓊學掛軍領應", "沪云辽鲁苏赣晋陕闽贵粤宁琼学挂军领应")
_MARKS: Final = re.compile(r"[\s\-‐‑‒–—―−·•・.]+")
# GA 36-2018: no I and no O behind the province; the last place of an ordinary plate may say what the car is for.
_ORDINARY: Final = rf"[{_PROVINCES}][A-HJ-NP-Z](?:[A-HJ-NP-Z0-9]{{5}}|[A-HJ-NP-Z0-9]{{4}}[挂学警港澳])"
# New energy: a small car has its letter first, a large one last; A to E are purely electric (D first of all),
# F to K others (F first of all).
_NEW_SMALL: Final = rf"[{_PROVINCES}][A-HJ-NP-Z][A-HJK][A-HJ-NP-Z0-9]\d{{4}}"
_NEW_LARGE: Final = rf"[{_PROVINCES}][A-HJ-NP-Z]\d{{5}}[A-HJK]"
# Known to exist and no more: a person looks at these before anything is done with them (domain.md §3.0).
_SPECIAL: Final = (
    rf"使\d{{6}}|[{_PROVINCES}][A-HJ-NP-Z]\d{{4}}[使领]|\d{{6}}[使领]|WJ[{_PROVINCES}]?\d{{4}}[0-9A-Z]|"
    rf"[A-Z]{{2}}\d{{5}}|民航[A-Z]?\d{{4,5}}|[{_PROVINCES}]X[0-9A-Z]{{4,5}}应急"
)
_PLATE: Final = re.compile(rf"{_ORDINARY}|{_NEW_SMALL}|{_NEW_LARGE}", re.ASCII)
_SPECIAL_PLATE: Final = re.compile(_SPECIAL, re.ASCII)
_EITHER: Final = re.compile(rf"{_ORDINARY}|{_NEW_SMALL}|{_NEW_LARGE}|{_SPECIAL}", re.ASCII)
_ALPHABET: Final = re.compile(rf"[{_PROVINCES}使领民航应急挂学警港澳A-Z0-9]+")
_VIN: Final = re.compile(r"[A-HJ-NPR-Z0-9]{17}")
_VIN_VALUES: Final = {
    **{character: int(character) for character in "0123456789"},
    **dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", (*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True)),
}
_VIN_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def plate_form(text: str) -> str:
    """Return ``粤B12345D`` for ``粤b·12345d``."""
    return _MARKS.sub("", normalise(text)).upper().translate(_TRADITIONAL)


def is_new_energy(plate: str) -> bool:
    """Tell whether a canonical plate is one of a new-energy vehicle."""
    return len(plate) == 8 and _PLATE.fullmatch(plate) is not None


def _plate_wrong(plate: str, _today: date) -> Wrong | None:
    return None if _PLATE.fullmatch(plate) else Wrong.SPECIAL


def vin_check(vin: str) -> str:
    """Return the ninth character of a chassis number (GB 16735, ISO 3779: weighted sum, MOD 11)."""
    total = sum(_VIN_VALUES[character] * weight for character, weight in zip(vin, _VIN_WEIGHTS, strict=True))
    return "0123456789X"[total % 11]


def _vin_wrong(vin: str, _today: date) -> Wrong | None:
    return None if vin[8] == vin_check(vin) else Wrong.CHECK_DIGIT


_SHOWN: Final = show_ends(2, 1)
_LETTERS: Final = re.compile(r"[A-Z0-9]+")

VEHICLES: Final = (
    Identifier(Kind.PLATE, _EITHER, plate_form, _ALPHABET, verify=_plate_wrong, mask=_SHOWN),
    Identifier(Kind.SPECIAL_PLATE, _SPECIAL_PLATE, plate_form, _ALPHABET, mask=_SHOWN),
    Identifier(Kind.VIN, _VIN, upper, re.compile(r"[A-HJ-NPR-Z0-9]+"), (17,), _vin_wrong, show_ends(3, 4), True),
    Identifier(Kind.ENGINE_TAIL, re.compile(r"[A-Z0-9]{4,6}"), upper, _LETTERS, (4, 5, 6)),
    Identifier(Kind.DRIVER_FILE, re.compile(r"\d{12}", re.ASCII), digits, lengths=(12,), mask=mask_id),
)
