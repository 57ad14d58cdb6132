"""Reads numbers, amounts, choices and periods as people write and say them."""

import re
from datetime import date
from itertools import islice
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
    """Return the text with every spoken number as digits: 幺三八 becomes 138, 三栋二单元五零一 3栋2单元501.

    One of 万 stays as it was said: it is a sum of money and would pass for an account number.
    """
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
    number = None if "万" in plain else number_of(run[0])
    return run[0] if number is None else str(number)


# --- amounts ---------------------------------------------------------------------------------------------------------

_UNIT: Final = r"元|块钱|块|塊錢|塊|圆|圓|蚊|rmb|cny|yuan|kuai"
_ARABIC: Final = r"\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?|\d{1,9}(?:\.\d{1,2})?"
_SAID: Final = rf"(?<![{_HAN}])[{_HAN}]{{1,16}}(?:[点點]{_DIGIT}{{1,2}})?"
_MIXED: Final = rf"(?:{_ARABIC})(?:[万萬千百]{_DIGIT}{{0,2}}[千百]?)?|{_SAID}"
# 两块五, 12元8角5分; a digit before a counter (50块3笔) or in a word (50块一起交) is none of the amount.
_JIAO: Final = (
    rf"(?:\s*零??(?P<jiao>{_DIGIT})\s*[毛角]?(?:\s*(?P<fen>{_DIGIT})分?)?"
    rf"(?![{_HAN}\da-z.\-个個笔月号年户栋幢座楼天次人份张期起下共并直样些点定边遍吨方度维手家位套台部件条瓶半毛角分]))?"
)
_TAIL: Final = r"\s*(?:钱|整|正)?"
_WHOLE: Final = re.compile(
    rf"(?:[¥￥]|人民币|rmb|cny)?\s*(?P<number>{_MIXED})\s*(?:(?:{_UNIT}){_JIAO})?{_TAIL}", re.IGNORECASE | re.ASCII
)
_SMALL: Final = re.compile(rf"(?:(?P<jiao>{_DIGIT})[毛角]\s*)?(?:(?P<fen>{_DIGIT})分?)?(?:钱)?")
# A space between two digits parts two numbers.
_SPACES: Final = re.compile(r"(?<!\d)\s+|\s+(?!\d)")
_FAR_TOO_LONG: Final = 40
# 3w and 5k, as people type them; and how many decimals of a number of such units are whole fen.
_SHORT: Final = str.maketrans("wWkK", "万万千千")
_PLACES: Final = {"万": 6, "千": 5, "百": 4}


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


def _fen(number: str, jiao: str | None, fen: str | None) -> int | None:
    yuan = _yuan_fen(number)
    return None if yuan is None else _bounded(yuan + _small(jiao) * 10 + _small(fen))


def _yuan_fen(number: str) -> int | None:
    """Return the fen of a number of yuan, in digits, numerals or both."""
    plain = number.translate(_PLAIN).translate(_SHORT).replace(",", "").replace(" ", "").replace("點", "点")
    whole, point, part = plain.replace("点", ".").partition(".")
    if not point:
        # Digits said one by one are no amount: 五六 may as well mean five or six.
        said_apart = len(number) > 1 and not number.isascii() and whole.isascii()
        value = None if said_apart else number_of(whole)
        return None if value is None else value * 100
    places = _PLACES.get(part[-1:], 2)
    part = part.rstrip("万千百")
    value = number_of(whole)
    if value is None or len(part) > places or not re.fullmatch(r"\d+", part, re.ASCII):
        return None
    scale: int = 10**places
    return value * scale + int(part.ljust(places, "0"))


def _small(text: str | None) -> int:
    return int(text.translate(_PLAIN)) if text else 0


def _bounded(fen: int) -> int | None:
    return fen if 0 < fen <= MAX_FEN else None


# --- amounts in sentences --------------------------------------------------------------------------------------------

# Each number of a text is found once and judged by the few characters around it, so a text costs what its length is.
_NUMBER: Final = re.compile(
    rf"(?:\d{{1,3}}(?:,\d{{3}})+(?!\d)|\d+)(?:\.\d+)?(?:\s?[万萬千百wk](?:{_DIGIT}{{1,2}}[千百]?)?(?![a-z\d]))?|"
    rf"[{_HAN}]+(?:[点點]{_DIGIT}{{1,2}}(?![{_HAN}]))?",
    re.IGNORECASE | re.ASCII,
)
_WINDOW: Final = 14
_LOOKED_AT: Final = 32
# 一块交 is said of two bills at once.
_TOGETHER: Final = re.compile(r"一[块塊][儿兒交缴繳付弄办查结]")
_DIGITS_MAX: Final = 6
_BEHIND_NOUN_MAX: Final = 4
_CURRENCY: Final = re.compile(rf"\s*(?:{_UNIT})(?![a-z儿兒]){_JIAO}", re.IGNORECASE | re.ASCII)
# 捐五毛 is half a yuan and never five; so little is asked for again.
_DIMES: Final = re.compile(r"\s*[毛角]")
_SIGN: Final = re.compile(r"(?:[¥￥]|人民币|rmb|cny)\s*$", re.IGNORECASE)
# 几百, 大概两百, 第一百: no certain number, or none of yuan.
_VAGUE_BEFORE: Final = re.compile(
    r"(?:(?:大概|大约|差不多|最多|最少|至少|起码|超过)(?:[交缴充付存扣捐转][了我]?)?|将近|接近|不到|约|好像|几|幾|近|没?超过?|不足|满|低于|少于|高于|多于|第|亿|億|百分之|[-/]|\d\.|"
    r"(?:剩下?|只有|还有|余额)(?:了|是|为|:)?)\s*$"
)
_NEGATED: Final = re.compile(r"(?:不是|不要|不止|别|唔系|唔係|\bnot)\s*(?:再)?(?:交|缴|充|付|存|扣|给)?(?:了|我)?\s*$")
_VAGUE_AFTER: Final = re.compile(
    r"\s*(?:多(?![久少长谢退扣交缴付充])|来(?![着电])|几(?![时点号天个])|余(?!额)|出头|左右|上下|以内|以上|以下|开外)|"
    r"\s*(?:美|港|欧|英镑|澳|韩|日元|台币|刀|%)"
)
# What counts something else, belongs to a room, a day or a list, or is one of two numbers side by side.
_COUNTS: Final = re.compile(
    rf"\s*(?:[-~/:]\s*[\d{_HAN}]|%|[到至]|[,、]\s*\d{{1,6}}(?!\d)|[和跟与]\s*[\d{_HAN}]|\d{{1,6}}(?!\d)|gb?\b|m\b|"
    r"上(?![去下])|块[儿交缴付弄办查结]|月(?!租|卡)|天(?!然)|户(?![号口主头])|号(?!码)|单(?![据子])|家(?![里的用])|公(?![交共司积用寓])|日(?!常)|[年后前](?!费|卡)|"
    r"[个個笔栋幢楼座室份期次度方吨兆人张位间层本条瓶碗斤平㎡米台部辆件套只双盒箱袋桌岁点时分秒周星级档路村组班届里夜强种遍倍句字页"
    r"行步名款])",
    re.IGNORECASE,
)
# The verb stands for the currency word: 充50话费, 扣了我200, 交押金五千.
_PAID: Final = re.compile(
    r"(?:充值?|[冲沖]值?|交|缴|繳|付款?|支付|存|捐款?|储值|儲值|增值|加值|买单?|買|埋单|结账|退款?|俾|畀|收款?|扣款?|转账?|打[款了]|还款?|汇|贷|"
    r"(?<![a-z])(?:chong(?:zhi)?|jiao|pay|top ?up|recharge|donate|charge|with|add|deposit))"
    r"(?:[了过上个點点进入咗左我他她你您咱俺够走掉款值费钱租给番返多]|[佢它]){0,3}\s*$",
    re.IGNORECASE,
)
# What costs so much, with nothing behind the number; not a property fee, whose next number is a room.
_PRICED: Final = re.compile(
    r"(?:(?<!物业)(?<!管理)(?<!物管)费|租金|房租|定金|订金|押金|首付款?|保证金|罚款|罚金|货款|本息|尾款|金额|总额|合计|总共|一共|[饭园通电水气油交]卡|"
    r"(?:hua|dian|shui) ?fei)\s*:?\s*$",
    re.IGNORECASE,
)
_ENDED: Final = re.compile(
    r"\s*(?:$|[,，。.!！?？;；~]|[吧呀啊哈哦]|"
    r"(?:for|on|to|in|of|into|please|pls|yuan|rmb|kuai|huafei|hua fei|dianfei)\b)",
    re.IGNORECASE,
)
_CREDIT: Final = re.compile(r"\s*的?(?:话费|花费|电话费|huafei|hua fei)", re.IGNORECASE)
_CHANGED: Final = re.compile(r"(?:改成|改为|换成|应该是|应为|而是)\s*$")
_NOW: Final = re.compile(r"是\s*$")
_LATIN_BEFORE: Final = re.compile(r"[a-z]\s*$", re.IGNORECASE)
_LISTED: Final = re.compile(r"(?<!\d)\d{1,6}[,、\s]\s*$")
_BIG: Final = frozenset("百千万佰仟萬")
_UNITS: Final = _BIG | frozenset("十拾")


def find_amount(text: str) -> int | None:
    """Return the fen of the amount in a sentence: one with a currency word or sign, else one that is paid.

    Of several the first of the plainest kind; one that is denied (不是50块) or unclear (两百来块) is passed over.
    """
    best: int | None = None
    best_rank = len(_RANKS)
    denied = False
    for number in islice(_NUMBER.finditer(text), _LOOKED_AT):
        before = text[max(0, number.start() - _WINDOW) : number.start()]
        if _NEGATED.search(before):
            denied = True
            continue
        if _VAGUE_BEFORE.search(before) or _TOGETHER.match(text, number.start()):
            continue
        found = _CURRENCY.match(text, number.end())
        if _VAGUE_AFTER.match(text, found.end() if found else number.end()):
            continue
        if found is not None or _SIGN.search(before):
            jiao, fen = (found["jiao"], found["fen"]) if found else (None, None)
            return _fen(number[0], jiao, fen)
        if _COUNTS.match(text, number.end()) or _DIMES.match(text, number.end()):
            continue
        rank = next((rank for rank, holds in enumerate(_RANKS) if holds(text, number, before, denied)), best_rank)
        if rank < best_rank:
            best, best_rank = _fen(number[0], None, None), rank
    return best


def _is_paid(text: str, number: re.Match[str], before: str, _denied: bool) -> bool:
    if _PAID.search(before) is None or not _usable(number[0], _DIGITS_MAX):
        return False
    return _LATIN_BEFORE.search(before) is None or _ENDED.match(text, number.end()) is not None


def _is_changed(_text: str, number: re.Match[str], before: str, denied: bool) -> bool:
    said = _CHANGED.search(before) or (denied and _NOW.search(before))
    return bool(said) and _usable(number[0], _DIGITS_MAX)


def _is_price(text: str, number: re.Match[str], before: str, _denied: bool) -> bool:
    if not _usable(number[0], _BEHIND_NOUN_MAX):
        return False
    priced = _PRICED.search(before) and _ENDED.match(text, number.end())
    return bool(priced or _CREDIT.match(text, number.end()))


def _is_large(_text: str, number: re.Match[str], before: str, _denied: bool) -> bool:
    """一百二 and 26万 are hardly anything but amounts, if they count nothing."""
    return not _BIG.isdisjoint(number[0]) and _LISTED.search(before) is None and _LATIN_BEFORE.search(before) is None


_RANKS: Final = (_is_paid, _is_changed, _is_price, _is_large)


def _usable(number: str, most: int) -> bool:
    """Tell whether a number without a currency word may be an amount: not too long, no 05, no bare 五."""
    whole = number.partition(".")[0]
    if number[0].isascii():
        short = len(whole.rstrip("万萬千百wWkK")) <= most
        return short and (len(whole) == 1 or whole[0] != "0")
    return not _UNITS.isdisjoint(number)


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

_HAN_DIGIT: Final = "零〇一二三四五六七八九"
_MONTH_NAME: Final = r"(?P<month>1[0-2]|0?[1-9]|十[一二]?|[一二三四五六七八九])月"
_YEAR_MONTH: Final = re.compile(
    rf"(?P<year>(?<!\d)20\d{{2}}|(?<!\d)\d{{2}}|二[零〇][{_HAN_DIGIT}]{{2}}|(?<![{_HAN_DIGIT}])二[{_HAN_DIGIT}]|"
    rf"今|去|舊|旧|上|前)年度?的?\s*{_MONTH_NAME}",
    re.ASCII,
)
_MONTH: Final = re.compile(rf"(?<![\d{_HAN_DIGIT}十每])(?<!年){_MONTH_NAME}(?:份)?", re.ASCII)
_DASHED: Final = re.compile(r"(?<!\d)(20\d{2})[-/.]?(0[1-9]|1[0-2])(?![-/.]?\d)", re.ASCII)
_BEFORE: Final = re.compile(r"(上{1,2})一?[个個]?月(?!卡)|\blast month\b", re.IGNORECASE)
_PRESENT: Final = re.compile(r"[这這本当當今呢](?:一|[个個])?[个個]?月|\bthis month\b", re.IGNORECASE)
# A day of a month is no period, and neither is a stretch of months: nobody can tell what is owed for it.
_DAY: Final = re.compile(rf"份?\s*(?:[\d{_HAN}]{{1,3}}[日号號]|[底初中])", re.ASCII)
_FROM: Final = re.compile(rf"(?:从|自|[\d{_HAN}月份年]\s*[-~到至])\s*$", re.ASCII)
_UNTIL: Final = re.compile(r"份?的?\s*(?:[-~到至]|以[前后來来]|之[前后]|[开開]始|起(?!来))")
_ENGLISH: Final = re.compile(
    r"\b(?:(?:for|in|of|from|my|the)\s+)(?P<name>jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*"
    r"(?:\s+(?P<year>20\d{2}))?\b(?!\s+\d)",
    re.IGNORECASE | re.ASCII,
)
_ENGLISH_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def find_period(text: str, today: date) -> str | None:
    """Return ``YYYY-MM`` of 上个月, 去年12月, 2026-10 or 10月份 in a sentence; a bare month is its latest past one.

    None for a day, for several months (3月到5月) and for what is no month (这学期, 上半年).
    """
    before = _BEFORE.search(text)
    present = None if before else _PRESENT.search(text)
    relative = before or present
    if relative is not None and _DAY.match(text, relative.end()):
        return None
    if before is not None:
        return _month(today.year, today.month - len(before[1] or "1"))
    if present is not None:
        return _month(today.year, today.month)
    if "月" in text:
        named = _named_months(text, today)
        return named.pop() if len(named) == 1 else None
    dashed = _DASHED.search(text)
    if dashed is not None:
        return f"{dashed[1]}-{dashed[2]}"
    return _english(text, today)


def _named_months(text: str, today: date) -> set[str | None]:
    """Return the months that a text names, with None among them for a day or a stretch."""
    full = list(_YEAR_MONTH.finditer(text))
    taken = {match.end("month") for match in full}
    bare = [match for match in _MONTH.finditer(text) if match.end("month") not in taken]
    return {
        None if _stretches(text, match) else _of_name(match["month"], match.groupdict().get("year"), today)
        for match in (*full, *bare)
    }


def _stretches(text: str, match: re.Match[str]) -> bool:
    before = text[max(0, match.start() - 3) : match.start()]
    return bool(_DAY.match(text, match.end()) or _UNTIL.match(text, match.end()) or _FROM.search(before))


def _of_name(month: str, year: str | None, today: date) -> str:
    number = number_of(month) or 1
    return _month(today.year - (number > today.month) if year is None else _year(year, today), number)


def _english(text: str, today: date) -> str | None:
    found = _ENGLISH.search(text)
    if found is None:
        return None
    number = _ENGLISH_MONTHS.index(found["name"][:3].casefold()) + 1
    return _of_name(str(number), found["year"], today)


def _year(text: str, today: date) -> int:
    past = {"今": 0, "去": 1, "旧": 1, "舊": 1, "上": 1, "前": 2}.get(text)
    if past is not None:
        return today.year - past
    number = int(text.translate(_PLAIN))
    return number if number >= 1000 else 2000 + number


def _month(year: int, month: int) -> str:
    return f"{year:04d}-{month:02d}" if month > 0 else f"{year - 1:04d}-{month + 12:02d}"
