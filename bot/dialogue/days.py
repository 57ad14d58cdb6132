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
