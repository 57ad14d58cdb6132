"""Reads numbers, amounts, choices and periods as people write and say them."""

import re
from datetime import date
from typing import Final

from bot.kernel.money import MAX_FEN

# Every way to write a digit or a unit, brought to one: ASCII digits and 十百千万.
_PLAIN: Final = str.maketrans(
    "零〇一二三四五六七八九两兩俩幺壹贰貳叁肆伍陆陸柒捌玖拾佰仟萬",
    "00123456789222112234566789十百千万",
)
_HAN: Final = "零〇一二三四五六七八九两兩俩幺壹贰貳叁肆伍陆陸柒捌玖十拾百佰千仟万萬"
_DIGIT: Final = rf"[\d{_HAN[:-8]}]"

# Below ten thousand, in falling order of units; 十 may stand without a digit before it (十五, 一百十五).
_SECTION: Final = re.compile(r"(?:([1-9])千)?0?(?:([1-9])百)?0?(?:([1-9])?(十))?0?([1-9])?", re.ASCII)
_NUMBER_CHARS_MAX: Final = 20


def number_of(text: str) -> int | None:
    """Return the whole number that ``text`` is: 一百二 is 120, 三千五 is 3500, 1万2 is 12000, 幺三八 is 138.

    None for anything else, and for what says two numbers (五六十).
    """
    plain = text.translate(_PLAIN)
    if len(plain) > _NUMBER_CHARS_MAX:
        return None
    if re.fullmatch(r"\d+", plain, re.ASCII):
        return int(plain)
    high, wan, low = plain.partition("万")
    if not wan:
        return _section(plain)
    top = int(high) if re.fullmatch(r"[1-9]\d{0,3}", high, re.ASCII) else _section(high)
    if top is None:
        return None
    if re.fullmatch(r"[1-9]?", low, re.ASCII):
        return top * 10_000 + int(low or 0) * 1_000  # 一万五: the next lower unit is meant.
    rest = int(low) if re.fullmatch(r"0[1-9]", low, re.ASCII) else _section(low)
    return None if rest is None else top * 10_000 + rest


def _section(plain: str) -> int | None:
    match = _SECTION.fullmatch(plain)
    if match is None or not any(unit in plain for unit in "千百十"):
        return None
    thousands, hundreds, tens, ten, last = match.groups()
    total = int(thousands or 0) * 1000 + int(hundreds or 0) * 100 + (int(tens or 1) * 10 if ten else 0)
    if last is None:
        return total
    # A last digit without a unit means the next lower one (一百二), unless a zero was said before it (一百零二).
    return total + int(last) * (1 if plain[-2] in "0十" else 10 if hundreds else 100)


def said_digits(text: str) -> str:
    """Return the text with every spoken number as digits: 幺三八 becomes 138, 三栋二单元五零一 3栋2单元501."""
    return _HAN_RUN.sub(_digits_of, text)


def holds_digit(text: str) -> bool:
    """Tell whether a number can be in a text at all, in digits, in words, or with O for 0."""
    return _ANY_DIGIT.search(text) is not None


_ANY_DIGIT: Final = re.compile(rf"[\dOo{_HAN}]")
_HAN_RUN: Final = re.compile(rf"[{_HAN}]+")


def _digits_of(run: re.Match[str]) -> str:
    plain = run[0].translate(_PLAIN)
    if plain.isascii():
        return plain
    number = number_of(run[0])
    return run[0] if number is None else str(number)


# --- amounts ---------------------------------------------------------------------------------------------------------

_UNIT: Final = r"元|块钱|块|塊錢|塊|圆|圓|蚊|rmb|cny|yuan|kuai"
_ARABIC: Final = r"\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?|\d{1,9}(?:\.\d{1,2})?"
_SAID: Final = rf"(?<![{_HAN}])[{_HAN}]{{1,16}}(?:[点點]{_DIGIT}{{1,2}})?"
_MIXED: Final = rf"(?:{_ARABIC})(?:[万萬千百]{_DIGIT}{{0,2}}[千百]?)?|{_SAID}"
# 两块五, 12元8角5分; a digit before a counter (50块3笔) is none of the amount.
_JIAO: Final = (
    rf"(?:\s*(?P<jiao>{_DIGIT})\s*[毛角]?(?:\s*(?P<fen>{_DIGIT})分?)?(?![{_HAN}\d.个笔月号年户栋天次人份张期]))?"
)
_TAIL: Final = r"\s*(?:钱|整|正)?"
_WHOLE: Final = re.compile(
    rf"(?:[¥￥]|人民币|rmb|cny)?\s*(?P<number>{_MIXED})\s*(?:(?:{_UNIT}){_JIAO})?{_TAIL}", re.IGNORECASE | re.ASCII
)
_SMALL: Final = re.compile(rf"(?:(?P<jiao>{_DIGIT})[毛角]\s*)?(?:(?P<fen>{_DIGIT})分?)?(?:钱)?")
_WITH_UNIT: Final = re.compile(
    rf"(?:(?<![\d.])(?P<number>{_MIXED})\s*(?:{_UNIT}){_JIAO}|[¥￥]\s*(?P<signed>{_ARABIC}))", re.IGNORECASE | re.ASCII
)
# 充50话费, 交两百: the verb stands for the currency word; what counts months, payments or rooms is no amount.
_AFTER_VERB: Final = re.compile(
    r"(?:充值?|交|缴|付款?|存|捐|储值|買|买)\s*(?P<number>\d{1,6}(?:\.\d{1,2})?|"
    rf"[{_HAN}]*[十百千万拾佰仟萬][{_HAN}]*)(?![\d{_HAN}.,，、~到至个笔月号年栋幢楼单室户份期次天和跟-])"
)
# A space between two digits parts two numbers.
_SPACES: Final = re.compile(r"(?<!\d)\s+|\s+(?!\d)")
_FAR_TOO_LONG: Final = 40


def parse_amount(text: str) -> int | None:
    """Return the fen of a message that is an amount and nothing else: ``50``, ``12.5元``, ``一百二``, ``两块五``."""
    compact = _SPACES.sub("", text).rstrip("。.!！,，")
    if not compact or len(compact) > _FAR_TOO_LONG:
        return None
    match = _WHOLE.fullmatch(compact)
    if match is not None:
        return _fen(match["number"], match["jiao"], match["fen"])
    small = _SMALL.fullmatch(compact)
    if small is None or (small["jiao"] is None and not compact.endswith(("分", "分钱"))):
        return None
    return _bounded(_small(small["jiao"]) * 10 + _small(small["fen"]))


def find_amount(text: str) -> int | None:
    """Return the fen of the first amount in a sentence: one with a currency word or sign, else one that is paid."""
    match = _WITH_UNIT.search(text)
    if match is not None:
        return _fen(match["number"] or match["signed"], match["jiao"], match["fen"])
    match = _AFTER_VERB.search(text)
    return None if match is None else _fen(match["number"], None, None)


def _fen(number: str, jiao: str | None, fen: str | None) -> int | None:
    yuan = _yuan_fen(number)
    return None if yuan is None else _bounded(yuan + _small(jiao) * 10 + _small(fen))


def _yuan_fen(number: str) -> int | None:
    """Return the fen of a number of yuan, in digits, numerals or both."""
    whole, point, part = number.translate(_PLAIN).replace(",", "").replace("點", "点").replace("点", ".").partition(".")
    if not point:
        # Digits said one by one are no amount: 五六 may as well mean five or six.
        said_apart = len(number) > 1 and not number.isascii() and whole.isascii()
        value = None if said_apart else number_of(whole)
        return None if value is None else value * 100
    part, wan, _ = part.partition("万")
    value = number_of(whole)
    if value is None or not re.fullmatch(r"\d{1,2}", part, re.ASCII):
        return None
    return (value * 100 + int(part.ljust(2, "0"))) * (10_000 if wan else 1)


def _small(text: str | None) -> int:
    return int(text.translate(_PLAIN)) if text else 0


def _bounded(fen: int) -> int | None:
    return fen if 0 < fen <= MAX_FEN else None


# --- choices ---------------------------------------------------------------------------------------------------------

_APART: Final = re.compile(r"[,，、;；/\s和跟与及同&+]+")
_COUNT: Final = rf"(\d{{1,2}}|[{_HAN}]{{1,3}})"
_COUNTED: Final = r"(?:个|個|笔|筆|项|項|号|號|条|條|家)"
_ORDINAL: Final = re.compile(rf"^我?(?:要|选|選|交|缴)?(?:第|no\.?|#)?\s*{_COUNT}\s*(?:{_COUNTED}|\.)?(?:吧|的)?$")
_RANGE: Final = re.compile(rf"^第?{_COUNT}{_COUNTED}?\s*(?:-|~|到|至)\s*第?{_COUNT}{_COUNTED}?$")
_FIRST: Final = re.compile(rf"^前(?:面)?{_COUNT}{_COUNTED}(?:月)?(?:的)?$")
_ALL: Final = re.compile(
    r"^(?:我?(?:要|想)?把?)?(?:全部|所有|全都|全|都|一起|一次性?)(?:的)?(?:账单|帳單|费用)?(?:全|都|一起|一次)?"
    r"(?:选|要|交|缴|繳|付|还|清|结)?(?:清|完|掉|费)?了?(?:吧|呀|上)?$|^all$"
)
_LAST: Final = re.compile(r"^(?:最后|最後|最新)(?:的)?(?:一|1)?(?:个|個|笔|筆|项|条)?(?:月)?$")


def parse_choice(text: str, count: int, *, several: bool = False) -> tuple[int, ...] | None:
    """Return the chosen places (from 0) of ``1``, ``第二个``, ``1,3``, ``1到3``, ``前两个``, ``全部``; None if none."""
    compact = text.strip().rstrip("。.!！,，").casefold()
    if not compact or len(compact) > _FAR_TOO_LONG:
        return None
    if several:
        many = _many(compact, count)
        if many is not None:
            return many
    if _LAST.match(compact):
        return (count - 1,)
    parts = [part for part in _APART.split(compact) if part]
    if not parts or (len(parts) > 1 and not several):
        return None
    places = [_place(part, count) for part in parts]
    chosen = [place for place in places if place is not None]
    return tuple(dict.fromkeys(chosen)) if len(chosen) == len(places) else None


def _many(text: str, count: int) -> tuple[int, ...] | None:
    if len(text) > 1 and _ALL.match(text):
        return tuple(range(count))
    first = _FIRST.match(text)
    if first is not None:
        return _span(1, number_of(first[1]), count)
    both = _RANGE.match(text)
    if both is not None:
        return _span(number_of(both[1]), number_of(both[2]), count)
    # 12 among fewer than ten bills can only mean the first and the second.
    if count < 10 and re.fullmatch(r"[1-9]{2,9}", text, re.ASCII) and list(text) == sorted(set(text)):
        places = tuple(int(digit) - 1 for digit in text)
        return places if places[-1] < count else None
    return None


def _span(first: int | None, last: int | None, count: int) -> tuple[int, ...] | None:
    if first is None or last is None or not 1 <= first <= last <= count:
        return None
    return tuple(range(first - 1, last))


def _place(part: str, count: int) -> int | None:
    match = _ORDINAL.match(part)
    number = number_of(match[1]) if match else None
    return number - 1 if number is not None and 1 <= number <= count else None


# --- periods ---------------------------------------------------------------------------------------------------------

_MONTH_NAME: Final = r"(?P<month>1[0-2]|0?[1-9]|十[一二]?|[一二三四五六七八九])月"
_YEAR_MONTH: Final = re.compile(rf"(?P<year>20\d{{2}}|\d{{2}}|今|去|前)年\s*{_MONTH_NAME}")
_MONTH: Final = re.compile(rf"(?<![\d零〇一二三四五六七八九十]){_MONTH_NAME}(?:份)?")
_DASHED: Final = re.compile(r"(?<!\d)(20\d{2})[-/.]?(0[1-9]|1[0-2])(?![-/.]?\d)")


def find_period(text: str, today: date) -> str | None:
    """Return ``YYYY-MM`` of 上个月, 去年12月, 2026-10 or 10月份 in a sentence; a bare month is its latest past one."""
    before = re.search(r"(上{1,2})个?月|(上{1,2})個月", text)
    if before is not None:
        return _month(today.year, today.month - len(before[1] or before[2]))
    if re.search(r"[这本當当]个?月|這個月", text):
        return _month(today.year, today.month)
    full = _YEAR_MONTH.search(text)
    if full is not None:
        return _month(_year(full["year"], today), number_of(full["month"]) or 1)
    dashed = _DASHED.search(text)
    if dashed is not None:
        return f"{dashed[1]}-{dashed[2]}"
    bare = _MONTH.search(text)
    if bare is None:
        return None
    month = number_of(bare["month"]) or 1
    return _month(today.year - (month > today.month), month)


def _year(text: str, today: date) -> int:
    if text in "今去前":
        return today.year - "今去前".index(text)
    return int(text) if len(text) == 4 else 2000 + int(text)


def _month(year: int, month: int) -> str:
    return f"{year:04d}-{month:02d}" if month > 0 else f"{year - 1:04d}-{month + 12:02d}"
