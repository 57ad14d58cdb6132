"""Reads amounts, choices and periods as people write them."""

import re
from datetime import date
from typing import Final

from bot.kernel.money import MAX_FEN

_DIGITS: Final = {c: i for i, c in enumerate("零一二三四五六七八九")} | {
    "〇": 0,
    "两": 2,
    "兩": 2,
    "俩": 2,
    "幺": 1,
    "壹": 1,
    "贰": 2,
    "貳": 2,
    "叁": 3,
    "肆": 4,
    "伍": 5,
    "陆": 6,
    "陸": 6,
    "柒": 7,
    "捌": 8,
    "玖": 9,
}
_UNITS: Final = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_TEN_THOUSAND: Final = frozenset("万萬")
_HAN_NUMBER: Final = "零一二三四五六七八九〇两兩俩幺壹贰貳叁肆伍陆陸柒捌玖十拾百佰千仟万萬"

_ARABIC: Final = re.compile(r"(?P<whole>\d{1,3}(?:,\d{3})+|\d{1,9})(?:\.(?P<part>\d{1,2}))?(?P<wan>[万萬])?", re.ASCII)
_TAIL: Final = r"(?:元|块钱|块|塊|圆|圓|蚊|rmb|RMB)"
_MONEY: Final = re.compile(
    rf"[¥￥]?\s*(?:(?P<arabic>\d[\d,]*(?:\.\d{{1,2}})?[万萬]?)|(?P<han>[{_HAN_NUMBER}]+))\s*"
    rf"(?P<unit>{_TAIL})\s*(?P<jiao>[\d{_HAN_NUMBER}])?\s*(?P<jiao_unit>[毛角])?(?:\s*(?P<fen>[\d{_HAN_NUMBER}])\s*分)?"
)
_CHOICE_SPLIT: Final = re.compile(r"[,，、;；\s和跟与及&+]+")
_ORDINAL: Final = re.compile(
    rf"^(?:第|选|選|no\.?|#)?\s*(\d{{1,2}}|[{_HAN_NUMBER}]{{1,3}})\s*(?:个|個|笔|筆|项|項|号|號|条|條|\.)?$", re.I
)
_ALL: Final = frozenset(
    {"全部", "所有", "都交", "全交", "都要", "全都交", "一起交", "all", "都缴", "全缴", "全部缴", "全部交"}
)


def han_number(text: str) -> int | None:
    """Return the number of Chinese numerals: 一百二 is 120, 三千五 is 3500, 幺三八 is 138; None for anything else."""
    if not text or any(char not in _HAN_NUMBER for char in text):
        return None
    if not any(char in _UNITS or char in _TEN_THOUSAND for char in text):
        return int("".join(str(_DIGITS[char]) for char in text))
    total = section = digit = 0
    unit, zero = 1, False
    for char in text:
        if char in _TEN_THOUSAND:
            total, section, digit, unit = (total + section + digit) * 10_000, 0, 0, 10_000
        elif char in _UNITS:
            unit = _UNITS[char]
            section, digit = section + (digit or 1) * unit, 0
        else:
            zero = char in "零〇"
            digit = _DIGITS[char]
    # A last digit without unit means the next lower unit (一百二), unless a zero was said before it (一百零二).
    tail = digit * (unit // 10) if digit and unit >= 10 and not (zero or _zero_before(text)) else digit
    return total + section + tail


def _zero_before(text: str) -> bool:
    return len(text) > 1 and text[-2] in "零〇十拾"


def parse_amount(text: str) -> int | None:
    """Return the fen of a message that is an amount and nothing else: ``50``, ``12.5元``, ``一百二``, ``两块五``."""
    compact = text.strip().replace(" ", "").lstrip("¥￥")
    with_unit = _MONEY.fullmatch(compact)
    if with_unit is not None:
        return _fen(with_unit)
    plain = _ARABIC.fullmatch(compact)
    if plain is not None:
        return _bounded(_arabic(compact))
    number = han_number(compact.removesuffix("整").removesuffix("元"))
    return None if number is None else _bounded(number * 100)


def find_amount(text: str) -> int | None:
    """Return the fen of the first amount with a currency word inside a sentence."""
    match = _MONEY.search(text)
    return None if match is None else _fen(match)


def _arabic(text: str) -> int:
    """Return the fen of digits with an optional decimal part and 万."""
    match = _ARABIC.fullmatch(text)
    if match is None:
        return -1
    fen = int(match["whole"].replace(",", "")) * 100 + int((match["part"] or "0").ljust(2, "0"))
    return fen * 10_000 if match["wan"] else fen


def _fen(match: re.Match[str]) -> int | None:
    if match["arabic"]:
        fen = _arabic(match["arabic"])
    else:
        number = han_number(match["han"])
        fen = -1 if number is None else number * 100
    fen += _digit(match["jiao"]) * 10 + _digit(match["fen"])
    return _bounded(fen)


def _digit(text: str | None) -> int:
    if not text:
        return 0
    return int(text) if text.isdecimal() else _DIGITS.get(text, 0)


def _bounded(fen: int) -> int | None:
    return fen if 0 < fen <= MAX_FEN else None


def parse_choice(text: str, count: int, *, several: bool = False) -> tuple[int, ...] | None:
    """Return the chosen places (from 0) of ``1``, ``第二个``, ``1,3``, ``全部``; None when it is no choice of these."""
    compact = text.strip().rstrip("。.!！").casefold()
    if several and compact in _ALL:
        return tuple(range(count))
    parts = [part for part in _CHOICE_SPLIT.split(compact) if part]
    if not parts or (len(parts) > 1 and not several):
        return None
    places: list[int] = []
    for part in parts:
        match = _ORDINAL.match(part)
        number = _small_number(match[1]) if match else None
        if number is None or not 1 <= number <= count:
            return None
        if number - 1 not in places:
            places.append(number - 1)
    return tuple(places)


def _small_number(text: str) -> int | None:
    return int(text) if text.isdecimal() else han_number(text)


_YEAR_MONTH: Final = re.compile(
    r"(?P<year>20\d{2}|\d{2}|今|去)年\s*(?P<month>1[0-2]|0?[1-9]|十[一二]?|[一二三四五六七八九])月"
)
_MONTH: Final = re.compile(r"(?<!\d)(?P<month>1[0-2]|0?[1-9]|十[一二]?|[一二三四五六七八九])月(?:份)?")


def find_period(text: str, today: date) -> str | None:
    """Return ``YYYY-MM`` of 上个月, 这个月, 去年12月 or 10月份 in a sentence; a bare month is its latest past one."""
    if re.search(r"上个?月|上個月", text):
        return _month(today.year, today.month - 1)
    if re.search(r"[这本當当]个?月|這個月", text):
        return _month(today.year, today.month)
    full = _YEAR_MONTH.search(text)
    if full is not None:
        return _month(_year(full["year"], today), _small_number(full["month"]) or 1)
    bare = _MONTH.search(text)
    if bare is None:
        return None
    month = _small_number(bare["month"]) or 1
    return _month(today.year - (month > today.month), month)


def _year(text: str, today: date) -> int:
    if text == "今":
        return today.year
    if text == "去":
        return today.year - 1
    return int(text) if len(text) == 4 else 2000 + int(text)


def _month(year: int, month: int) -> str:
    year, month = (year - 1, 12) if month == 0 else (year, month)
    return f"{year:04d}-{month:02d}"
