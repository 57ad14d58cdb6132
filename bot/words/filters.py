"""What templates may do with values: amounts, days and numbers in the form in which people read them."""

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Final

from bot.kernel.clock import SHANGHAI, business_day
from bot.kernel.masking import mask_account, mask_id, mask_name, mask_phone
from bot.kernel.money import format_yuan
from bot.kernel.text import shorten

_MOBILE: Final = re.compile(r"(\d{3})(\d{4}|\*{4})(\d{4})", re.ASCII)


def yuan(fen: object) -> str:
    """Return ``128.50`` for 12850 fen. Raises TypeError for anything but a whole number: money is never a float."""
    if not isinstance(fen, int) or isinstance(fen, bool):
        raise TypeError(f"an amount is a whole number of fen, not {type(fen).__name__}")
    return format_yuan(fen)


def day(when: date) -> str:
    """Return ``2026-05-01``; of a moment, the business day in Shanghai. Raises ValueError for a naive moment."""
    return (business_day(_aware(when)) if isinstance(when, datetime) else when).isoformat()


def moment(when: datetime) -> str:
    """Return ``2026-05-01 13:05``, the time on a clock in Shanghai. Raises ValueError for a naive moment."""
    return _aware(when).astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def clock_time(when: datetime) -> str:
    """Return ``13:05``, the time on a clock in Shanghai. Raises ValueError for a naive moment."""
    return moment(when)[-5:]


def phone_groups(phone: str) -> str:
    """Return ``138 1234 5678``, masked or not, the way numbers are read back (domain.md §3.1); others unchanged."""
    return _MOBILE.sub(r"\1 \2 \3", phone) if _MOBILE.fullmatch(phone) else phone


def _aware(when: datetime) -> datetime:
    if when.tzinfo is None:
        raise ValueError("a moment has a time zone")
    return when


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "yuan": yuan,
    "day": day,
    "moment": moment,
    "clock_time": clock_time,
    "phone_groups": phone_groups,
    "shorten": shorten,
    "mask_phone": mask_phone,
    "mask_account": mask_account,
    "mask_name": mask_name,
    "mask_id": mask_id,
}
# Jinja's own that would undo the escaping or make markup of a value.
UNSAFE_FILTERS: Final = ("safe", "urlize", "xmlattr")
# These escape for HTML, which a message is not.
HTML_FILTERS: Final = ("e", "escape", "forceescape", "tojson", "striptags")
