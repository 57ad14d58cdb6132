"""Reads every slot of acts-and-scenes.md out of a message: amount, period, account, phone, plate, identity, name."""

import re
from collections.abc import Iterable
from datetime import date
from typing import Final

from bot.dialogue import cues
from bot.dialogue.names import bare_name, find_name
from bot.dialogue.numbers import find_amount, find_period, holds_digit, said_digits
from bot.kernel.text import normalise
from bot.words.identifiers import Kind, case_form, plate_form, read

Slots = dict[str, str | int]

# What people call the number under which they pay; a scene adds its own words.
LABELS: Final = frozenset(
    {
        *("户号", "户口号", "客户编号", "客户号", "用户编号", "账号", "账户", "编号", "卡号", "学号", "房号", "门牌"),
        *("保单号", "号码", "合同号", "订单号", "办件号", "住院号", "病案号", "缴款码", "缴款识别码", "决定书"),
        *("信用代码", "税号", "行号", "票据包号", "票号", "票据号", "会员号", "设备号", "表号", "门诊号", "档案号"),
        *("受理号", "工号"),
    }
)
# Words behind which a number stands only sometimes: it must look like one.
_WEAK: Final = r"订单|保单|合同|工单|account|order|policy|student|meter|contract|card|case"
# A number behind these is an account even where it looks like a telephone number.
_FIRM: Final = re.compile(r"(?:户号|客户号|用户编号|客户编号|学号|卡号|保单号|合同号|订单号|房号)\s*(?:是|为|:|=)?\s*$")

_PROVINCES: Final = "京津沪滬渝冀豫云雲辽遼黑湘皖鲁魯新苏蘇浙赣贛鄂桂甘晋晉蒙陕陝吉闽閩贵貴粤粵青藏川宁寧琼瓊"
_FLAGS: Final = re.IGNORECASE | re.ASCII
_SPOKEN: Final = re.compile(r"[洞幺拐勾两零〇一二三四五六七八九0-9 ]{5,}")
_SPOKEN_DIGITS: Final = str.maketrans("洞幺拐勾两零〇一二三四五六七八九", "017920" + "0123456789")
# 李四13800138000, 0512345678一百: a word beside a long number is no digit of it.
_SEAM_BEFORE: Final = re.compile(r"(?<![幺零〇一二三四五六七八九十\d])[一二三四五六七八九十]{1,2}(?=\d{7})", re.ASCII)
_SEAM_AFTER: Final = re.compile(r"(?<=\d{7})(?=[一二两三四五六七八九]?[十百千])", re.ASCII)
_LEFT_OVER: Final = re.compile(r"(?<=\d)[叉×](?!\d)")
_ID_NUMBER: Final = re.compile(
    r"(?<![0-9a-z])([1-9]\d{5}\s?(?:18|19|20)\d{2}\s?(?:0[1-9]|1[0-2])\s?(?:0[1-9]|[12]\d|3[01])\s?\d{3}\s?[\dx]|"
    r"[1-9]\d{16}x)(?![0-9a-z])",
    _FLAGS,
)
# Speech recognition puts a comma where the speaker breathes, which only between the usual groups is none of a list.
_PHONE: Final = re.compile(
    r"(?<!\d)(?:(?:\+|00)?86[ -]?)?(1[3-9]\d(?:[ -]?\d){8}|1[3-9]\d[,。] ?\d{4}[,。] ?\d{4})(?!\d)", re.ASCII
)
_PHONE_GAPS_MAX: Final = 3
_PLATE: Final = re.compile(
    rf"[{_PROVINCES}] ?[a-hj-np-z][·•. -]?(?:[a-hj-np-z0-9]{{5,6}}(?![a-z0-9])|[a-hj-np-z0-9]{{4}}[挂学警港澳领使])|"
    rf"(?<![a-z])wj[{_PROVINCES}]?\d{{4}}[0-9a-z](?![a-z0-9])|使\d{{6}}(?!\d)",
    _FLAGS,
)
_ROOM: Final = re.compile(
    r"(?<![\d-])(?:[a-z]|\d{1,3})(?: ?- ?|[栋幢座楼号][楼栋]?)\d{1,3}(?: ?- ?|单元|门)(?:\d{1,2}[楼层])?\d{2,4}"
    r"(?![\d楼层-])|"
    r"(?<![\da-z])(?:[a-z]|\d{1,3})(?:栋|幢|座|号楼)(?:\d{1,2}[楼层])?\d{3,4}(?![\d元块.楼层-])",
    _FLAGS,
)
_CASE: Final = re.compile(r"[((〔]\d{4}[))〕][\u4e00-\u9fa5]\d{0,4}[\u4e00-\u9fa5]{1,4}\d{1,6}号", re.ASCII)
_LANDLINE: Final = re.compile(r"(?<!\d)0(?:10|2\d|[3-9]\d{2})-\d{7,8}(?!\d)", re.ASCII)
_GROUPED: Final = r"\d{2,5}(?:[ -]\d{2,5}){1,6}(?![\d-]|\s?[元块个月万])"
_JOINED: Final = r"(?=[a-z-]{0,12}\d)[0-9a-z][0-9a-z-]{3,39}(?!\s?[元块])"
_LONG: Final = r"(?=[a-z]{0,8}\d{4})[0-9a-z][0-9a-z-]{5,39}"
_LINK: Final = r"\s*(?:号码?)?\s*(?:应该是|改成|改为|换成|是|为|:|=|#|no\.?|is|number)*\s*"
_BARE: Final = re.compile(
    rf"(?<![\da-z¥￥.·])(\d{{8,30}}|(?<![{_PROVINCES}])[a-z]{{1,6}}\d[0-9a-z]{{6,27}}|\d{{2,17}}[a-z][0-9a-z]{{6,16}})"
    r"(?![\da-z元块万]|\.\d)",
    _FLAGS,
)
_DIGITS_OF_CODE: Final = 6
_MOBILE_SHAPE: Final = re.compile(r"1[3-9]\d{9}", re.ASCII)
_DAY_SHAPE: Final = re.compile(r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])", re.ASCII)
_DIGIT_GROUPS: Final = re.compile(r"\d+(?:[ -]\d{2,})+", re.ASCII)
_GROUP_JOINTS: Final = str.maketrans("", "", " -,。")
_SHORTEST_GROUPED: Final = 8
# A full-width comma ends a clause, while an ASCII one may group digits; NFKC would make them one.
_CLAUSES: Final = str.maketrans("，、", "。。")


class SlotReader:
    """Reads slots; made once, with the words that scenes use for their account numbers. Linear in the text's length."""

    def __init__(self, labels: Iterable[str] = ()) -> None:
        words = sorted({*LABELS, *(cues.simple(label) for label in labels)}, key=len, reverse=True)
        named = "|".join(map(re.escape, words))
        self._labelled = re.compile(
            rf"(?:{named}){_LINK}({_GROUPED}|{_JOINED})|(?:{_WEAK})(?![a-z]){_LINK}({_LONG})", _FLAGS
        )

    def read(self, text: str, today: date) -> Slots:
        """Return the slots of a message: amount in whole fen, the rest as text in its canonical form.

        ``today`` is the day in Shanghai that 上个月 counts from. What is unclear is left out, never guessed.
        """
        plain = normalise(text.translate(_CLAUSES)).translate(cues.SIMPLER)
        slots: Slots = {}
        counted = holds_digit(plain)
        amount = find_amount(plain) if counted else None
        if amount is not None:
            slots["amount"] = amount
        period = find_period(plain, today)
        if period is not None:
            slots["period"] = period
        if counted:
            self._numbers(plain, today, slots)
        name = find_name(plain) or (bare_name(plain) if "account" in slots else None)
        if name is not None:
            slots["name"] = name
        return slots

    def _numbers(self, plain: str, today: date, slots: Slots) -> None:
        """Read what is written in digits, the surest first; what is taken is no part of anything else."""
        digits = _LEFT_OVER.sub("X", spoken(plain))
        digits = _identity(digits, today, slots)
        digits = _plate(digits, slots)
        digits = _phone(digits, slots)
        account = self._account(digits)
        if account is None:
            return
        slots["account"] = account
        # 户号202609 is no month.
        month = slots.get("period")
        if isinstance(month, str) and "月" not in plain and month.replace("-", "") in account:
            del slots["period"]

    def _account(self, digits: str) -> str | None:
        case = _CASE.search(digits) if "号" in digits else None
        if case is not None:
            return case_form(case[0])
        line = _LANDLINE.search(digits)
        if line is not None:
            return line[0]
        room = _ROOM.search(digits)
        if room is not None:
            return room[0].replace(" ", "").upper()
        labelled = self._labelled.search(digits)
        if labelled is not None:
            return _joined((labelled[1] or labelled[2]).rstrip("-"))
        return next((found.upper() for found in _BARE.findall(digits) if _is_account(found)), None)


def spoken(text: str) -> str:
    """Return the text with every number that is said in words as digits; the one way in which answers are read, too."""
    return said_digits(_dictated(text))


def _dictated(text: str) -> str:
    """Return the text with radio digits (洞, 拐, 勾) as digits, and with words kept apart from long numbers."""
    if any(char in text for char in "洞拐勾"):
        text = _SPOKEN.sub(lambda run: run[0].translate(_SPOKEN_DIGITS), text)
    return _SEAM_AFTER.sub(";", _SEAM_BEFORE.sub(r"\g<0>;", text))


def _blank(text: str, found: re.Match[str]) -> str:
    """Return the text with what was found taken out, and nothing joined by that."""
    return f"{text[: found.start()]}。{text[found.end() :]}"


def _identity(digits: str, today: date, slots: Slots) -> str:
    """Take the identity number; one whose check digit fails is taken too, so that its writer hears of it."""
    found = _ID_NUMBER.search(digits)
    if found is None:
        return digits
    number = "".join(found[1].split()).upper()
    genuine = isinstance(read(Kind.RESIDENT_ID, number, today), str)
    if not genuine and _FIRM.search(digits[max(0, found.start() - 8) : found.start()]):
        return digits
    slots["id_number"] = number
    return _blank(digits, found)


def _plate(digits: str, slots: Slots) -> str:
    found = _PLATE.search(digits)
    if found is None:
        return digits
    slots["plate"] = plate_form(found[0])
    return _blank(digits, found)


def _phone(digits: str, slots: Slots) -> str:
    for found in _PHONE.finditer(digits):
        number = found[1].translate(_GROUP_JOINTS)
        if len(found[1]) - len(number) > _PHONE_GAPS_MAX:
            continue
        if _FIRM.search(digits[max(0, found.start() - 8) : found.start()]):
            continue
        slots["phone"] = number
        return _blank(digits, found)
    return digits


def _joined(value: str) -> str:
    """Return an account without the gaps between its groups; a short one with hyphens is a room and keeps them."""
    if _DIGIT_GROUPS.fullmatch(value):
        plain = value.translate(_GROUP_JOINTS)
        return plain if " " in value or len(plain) >= _SHORTEST_GROUPED else value
    return value.upper()


def _is_account(value: str) -> bool:
    """Tell whether a number without a name may be an account: no telephone, no day, no word with digits."""
    if value.isdecimal():
        return _MOBILE_SHAPE.fullmatch(value) is None and _DAY_SHAPE.fullmatch(value) is None
    return sum(char.isdecimal() for char in value) >= _DIGITS_OF_CODE
