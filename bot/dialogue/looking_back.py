"""Reads which of a customer's past payments a message is about: since when, until when, of what and how much."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from bot.dialogue.numbers import find_amount, number_of
from bot.kernel.clock import SHANGHAI, to_micros


@dataclass(slots=True)
class Page:
    """What is being looked through, and how far one has come; moments in microseconds, ``amount`` in fen, 0 for any.

    ``wish`` says what the list is for: ``history`` shows it, ``receipt`` and ``invoice`` let one of it be chosen.
    """

    wish: str
    scene: str = ""
    since: int = 0
    until: int = 2**62
    amount: int = 0
    last: str = ""


_NUMBER: Final = r"(?P<n>\d{1,2}|[一二两三四五六七八九十半]{1,3})"
_RECENT: Final = re.compile(rf"(?:最近|近|过去|这)(?:的)?{_NUMBER}(?P<unit>个?月|周|个?星期|天|日|年)")
_YEAR: Final = re.compile(r"(?P<named>今年|去年|前年|上年|本年)|(?<!\d)(?P<year>20\d{2})年?(?![\d-])")
_YEARS_BACK: Final = {"今年": 0, "本年": 0, "去年": 1, "上年": 1, "前年": 2}
_DAYS_BACK: Final = {"今天": 0, "今日": 0, "昨天": 1, "昨日": 1, "前天": 2}
_WEEK: Final = re.compile(r"(?P<last>上)(?:个?星期|周)|(?P<this>这个?|本)(?:星期|周)")
MORE: Final = re.compile(
    r"^(?:更多|再看看?|下一页|下页|翻页|继续看?|往前|更早的?|还有(?:吗|么|没有|更早的吗)?|后面的?|more|next(?: page)?)"
    r"[吧呢。.!！?？\s]*$"
)
# Asked about the past by other words than 缴费记录.
PAST: Final = re.compile(
    r"(?:找|查|看)(?:一?下|找|看|一?查)?(?!.*(?:欠|余额)).{0,14}(?:那|这|哪)(?:一?笔|次|单)|"
    r"(?:交|缴|付|充)(?:了|过)(?:什么|哪些|几笔|几次|多少(?:笔|次|钱))|"
    r"^(?:查|看|找|查看|看看|我)?(?:一下)?(?:我)?(?:去年|前年|今年|20\d{2}年)(?!.{0,2}\d{1,2}月)(?:全年|一年|一整年)?(?:的)?(?:交|缴|付)?(?:的)?"
    r"[\u4e00-\u9fff]{1,5}费(?:的)?(?:记录|明细|都?交了多少)?[?？]?$"
)


def read_search(simple: str, slots: Mapping[str, str | int], scene: str, today: date, wish: str) -> Page:
    """Return what is asked for; a month of the slots counts by the day of the payment, in Shanghai."""
    page = Page(wish, scene)
    span = _span(simple, slots, today)
    if span is not None:
        page.since, page.until = _micros(span[0]), _micros(span[1])
    said = slots.get("amount") or find_amount(simple)
    page.amount = int(said) if said else 0
    return page


def _span(simple: str, slots: Mapping[str, str | int], today: date) -> tuple[date, date] | None:
    """Return the first day and the day after the last."""
    period = str(slots.get("period", ""))
    if period:
        first = date.fromisoformat(f"{period}-01")
        return first, _month_on(first)
    tomorrow = today + timedelta(days=1)
    recent = _RECENT.search(simple)
    if recent is not None:
        return today - timedelta(days=_days(recent["n"], recent["unit"])), tomorrow
    for word, back in _DAYS_BACK.items():
        if word in simple:
            return today - timedelta(days=back), today - timedelta(days=back - 1)
    week = _WEEK.search(simple)
    if week is not None:
        monday = today - timedelta(days=today.weekday() + (7 if week["last"] else 0))
        return monday, monday + timedelta(days=7)
    year = _YEAR.search(simple)
    if year is not None:
        number = int(year["year"]) if year["year"] else today.year - _YEARS_BACK[year["named"]]
        return date(number, 1, 1), date(number + 1, 1, 1)
    return None


def _days(number: str, unit: str) -> int:
    days = 365 if unit == "年" else 31 if "月" in unit else 7 if unit == "周" or "星期" in unit else 1
    return days // 2 if number == "半" else days * (number_of(number) or _DIGITS.get(number, 1))


_DIGITS: Final = {digit: place for place, digit in enumerate("零一二三四五六七八九")} | {"两": 2}


def _month_on(first: date) -> date:
    return (first + timedelta(days=32)).replace(day=1)


def _micros(day: date) -> int:
    return to_micros(datetime.combine(day, time(), SHANGHAI))
