"""Reads a day out of what people write: 明天, 周六, 11月28日, 28号."""

import re
from datetime import date, timedelta
from typing import Final

_AHEAD: Final = (
    ("大后天", 3),
    ("后天", 2),
    ("明天", 1),
    ("明日", 1),
    ("听日", 1),
    ("今天", 0),
    ("今日", 0),
    ("tomorrow", 1),
    ("today", 0),
)
_WEEK: Final = "一二三四五六日"
_WEEKDAY: Final = re.compile(r"(下)?(?:周|星期|礼拜)([一二三四五六日天])")
_FULL: Final = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})", re.ASCII)
_MONTH_DAY: Final = re.compile(r"(\d{1,2})月(\d{1,2})[日号]?", re.ASCII)
_DAY: Final = re.compile(r"(?<!\d)(\d{1,2})[日号](?!楼|线|院)", re.ASCII)


def find_day(text: str, today: date) -> date | None:
    """Return the day that a text names, today or later; None for none, or for one that does not exist.

    ``today`` is the day in Shanghai. A weekday is the next one there is, 下周 the one of the week after this; a day
    without its month or year is the next such day.
    """
    for word, ahead in _AHEAD:
        if word in text:
            return today + timedelta(days=ahead)
    weekday = _WEEKDAY.search(text)
    if weekday is not None:
        place = _WEEK.index(weekday[2].replace("天", "日"))
        if weekday[1]:
            return today + timedelta(days=7 - today.weekday() + place)
        return today + timedelta(days=(place - today.weekday()) % 7)
    full = _FULL.search(text)
    if full is not None:
        return _made(int(full[1]), int(full[2]), int(full[3]))
    month_day = _MONTH_DAY.search(text)
    if month_day is not None:
        month, day = int(month_day[1]), int(month_day[2])
        this = _made(today.year, month, day)
        return this if this is None or this >= today else _made(today.year + 1, month, day)
    alone = _DAY.search(text)
    return None if alone is None else _next(int(alone[1]), today)


def _next(day: int, today: date) -> date | None:
    this = _made(today.year, today.month, day)
    if this is not None and this >= today:
        return this
    year, month = divmod(today.year * 12 + today.month, 12)
    return _made(year, month + 1, day)


def _made(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


_TERM: Final = re.compile(
    r"(?P<which>[这這本上下])(?:一|[个個])?[个個]?学期|\b(?P<english>this|last|next) (?:term|semester)\b", re.IGNORECASE
)
_AUTUMN, _SPRING = 9, 2
_AWAY: Final = {"上": -1, "last": -1, "下": 1, "next": 1}


def find_term(text: str, today: date) -> tuple[str, str] | None:
    """Return the first and the last month (``YYYY-MM``) of 这学期, 上学期 or 下学期; None where no term is named.

    Terms begin in September and in February, as schools have it (domain.md §3.1, card 7).
    """
    found = _TERM.search(text)
    if found is None:
        return None
    # Terms are counted from year 0: the spring of a year, then its autumn.
    autumn = today.month >= _AUTUMN or today.month < _SPRING
    year = today.year - (today.month < _SPRING)
    term = 2 * year + autumn + _AWAY.get((found["which"] or found["english"]).lower(), 0)
    year, autumn = term // 2, bool(term % 2)
    return (f"{year}-09", f"{year + 1}-01") if autumn else (f"{year}-02", f"{year}-08")
