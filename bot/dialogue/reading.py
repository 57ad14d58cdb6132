"""Reads a message as the answer to what was asked, or as a correction of what was given; pure functions."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Final

from bot.billers.items import InputField, ItemDefinition
from bot.dialogue import cues
from bot.dialogue.numbers import find_amount, find_period, holds_digit, parse_amount, parse_choice
from bot.dialogue.session import Awaiting
from bot.dialogue.slots import spoken
from bot.dialogue.steps import Option

_TOKEN: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z·-]{1,63}")
_ROOM: Final = re.compile(r"\d[\d栋幢棟座号樓楼单元單元層层室房-]{2,30}")
_LEAD: Final = re.compile(
    r"^(?:不对|不是|错了|打错了|输错了|哦|噢|嗯|好的?|那)?[,，。!！\s]*"
    r"(?:我叫|我是|我的|我家的?|业主|户主|姓名|名字|叫做?|就?是|应该是|改成|改为|换成|为|[:：])*\s*"
)
_ENDS: Final = re.compile(r"^[\s,，。.!！:：]+|(?:[\s,，。.!！~]|的$|吧$|啊$|呢$)+$")
_LINK: Final = r"(?:应该)?(?:是|为|改成|改为|换成|叫|写|:|：|=|\s)*\s*"
_FREE_MAX: Final = 128


def read_field(field: InputField, text: str, slots: Mapping[str, str | int]) -> str | None:
    """Return the value of a field inside a message in its canonical form: the whole of it, or the part that fits."""
    for choice in field.choices:
        if text in (choice.label, choice.value):
            return choice.value
    for candidate in _candidates(field, text, slots):
        value = field.canonical(candidate)
        if value and field.accepts(value):
            return value
    return None


def _candidates(field: InputField, text: str, slots: Mapping[str, str | int]) -> Iterator[str]:
    bare = _ENDS.sub("", _LEAD.sub("", text, count=1))
    labelled = after_label(text, label_words(field))
    wholes = [part for part in (labelled, bare, instead(text), text) if part]
    yield from wholes
    if field.form != "plain":
        yield from (spoken(whole.replace("杠", "-")) for whole in wholes)
    yield from (str(slots[name]) for name in ("account", "plate", "phone", "id_number", "name") if name in slots)
    digits = spoken(text) if field.form != "plain" else text
    yield from _TOKEN.findall(digits)
    if field.form == "room":
        yield from _ROOM.findall(digits)


def label_words(field: InputField) -> tuple[str, ...]:
    """Return what people call a field: its label, and the last two characters of a longer one (业主姓名 → 姓名)."""
    return (field.label, field.label[-2:]) if len(field.label) > 2 else (field.label,)


def after_label(text: str, words: Iterable[str]) -> str | None:
    """Return what follows the last of ``words`` in a text (房号是5-2-602 → 5-2-602); None where none stands in it."""
    for word in sorted(words, key=len, reverse=True):
        _, found, rest = text.rpartition(word)
        if found:
            return _ENDS.sub("", re.sub(rf"^{_LINK}", "", rest)) or None
    return None


def read_option(awaiting: Awaiting, text: str, today: date) -> list[Option] | None:
    """Return the options that a message chooses: by number, by their words, or by their month."""
    options = awaiting.options
    places = parse_choice(text, len(options), several=awaiting.several)
    if places is not None:
        return [options[place] for place in places]
    if len(options) == 1 and cues.YES.match(text):
        return [options[0]]
    if awaiting.free == "document" and _LACKS.match(text):
        return [options[0]]
    rest = _all_but(awaiting, text, today)
    if rest is not None:
        return rest
    named = _named(options, text)
    if named is not None:
        return [named]
    period = find_period(text, today)
    if period is None or _EXCEPT.search(text):
        return None
    dated = [option for option in options if option.period == period]
    return dated if len(dated) == 1 or (awaiting.several and dated) else None


# No picture is at hand: the one choice beside sending it.
_LACKS: Final = re.compile(r"^(?:我?现在|暂时|手头)?还?(?:没|无|以后|稍后|晚点|过两天|later|none|no\b|not yet).{0,6}$")
# 除了9月的, 9月的不交: what is chosen is not what is named.
_EXCEPT: Final = re.compile(r"除|不|别|先放")
_BUT: Final = re.compile(
    r"^(?:全部|全|都|其他的?)?(?:交|缴)?[,，]?(?:除了?|除去|去掉|不算|不要|不交|不缴|别交|先不交)(?P<behind>.{1,12}?)(?:的)?(?:那一?[笔个期])?"
    r"(?:之?外|以外|不要|不交)?(?:[,，]?(?:的|其他的?|别的|其余的?|剩下的?)?(?:都|全部?)(?:交|缴|要|付)?(?:了|掉|吧)?)?$|"
    r"^(?P<before>.{1,12}?)(?:的)?(?:那一?[笔个期])?(?:先)?(?:不交|不缴|不要|别交|不付|先放着?)(?:[,，].{0,8})?(?:了|吧)?$"
)


def _all_but(awaiting: Awaiting, text: str, today: date) -> list[Option] | None:
    """Return the options that 除了9月, 9月的不交 and 除了第一个都交 leave; None where nothing known is taken away."""
    found = _BUT.match(text) if awaiting.several else None
    if found is None:
        return None
    said = found["behind"] or found["before"]
    options = awaiting.options
    places = parse_choice(said, len(options), several=True)
    if places is not None:
        left_out = {options[place].value for place in places}
    else:
        period = find_period(said if "月" in said or not said.isdigit() else f"{said}月", today)
        left_out = {option.value for option in options if period is not None and option.period == period}
    rest = [option for option in options if option.value not in left_out]
    return rest if left_out and rest else None


def _named(options: Sequence[Option], text: str) -> Option | None:
    """Return the one option whose label a message says, in whole or in a part of at least two characters."""
    wanted = cues.simple(_ENDS.sub("", text))
    if len(wanted) < 2:
        return None
    exact = [option for option in options if option.label and cues.simple(option.label) == wanted]
    partial = exact or [option for option in options if option.label and wanted in cues.simple(option.label)]
    return partial[0] if len(partial) == 1 else None


def read_amount(text: str) -> int | None:
    """Return the fen of a message that answers the question how much."""
    amount = parse_amount(_ENDS.sub("", _LEAD.sub("", text, count=1)))
    return amount if amount is not None else find_amount(text)


def instead(text: str) -> str:
    """Return the part of a correction that says what is right: 不是50是500 → 500."""
    found = list(cues.INSTEAD.finditer(text))
    return _ENDS.sub("", text[found[-1].end() :]) if found else text


def corrected_fields(
    definition: ItemDefinition, text: str, slots: Mapping[str, str | int], words: Sequence[str]
) -> dict[str, str]:
    """Return the inputs that a message names or shows anew; the account's under ``account``.

    ``words`` are what else the scene calls its account. A field that takes any words must be named by its label.
    """
    found: dict[str, str] = {}
    for field in definition.fields:
        said = after_label(text, label_words(field))
        value = read_field(field, said, {}) if said else None
        if value is not None:
            found[field.key] = value
    account = definition.account
    if account is None:
        return found
    if not account.choices and not holds_digit(text):
        return found
    said = after_label(text, (*label_words(account), *words)) or instead(text)
    value = read_field(account, said, slots) or read_field(account, text, slots)
    # Without a digit in it, a word that an account may look like is more likely just a word.
    if value is not None and (any(char.isdigit() for char in value) or account.choices):
        found["account"] = value
    return found


def read_text(text: str) -> str | None:
    """Return free words, shortened; None for none."""
    return text[:_FREE_MAX] or None
