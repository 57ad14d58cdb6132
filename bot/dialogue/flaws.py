"""Tells in what way a number that was asked for is wrong, so that its writer knows where to look."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Final

from bot.billers.items import InputField
from bot.dialogue.slots import spoken
from bot.words.identifiers import Flaw, Kind, Wrong, read

# What a field's label says of the rule that its numbers follow; those with a check digit behind them.
_KINDS: Final = (
    (re.compile(r"^(?!.*后).*(?:身份证)"), Kind.RESIDENT_ID),
    (re.compile(r"信用代码|税号|纳税人识别号"), Kind.USCC),
    (re.compile(r"^(?!.*后).*(?:银行卡|储蓄卡)"), Kind.BANK_CARD),
)
_LENGTH: Final = re.compile(r"\^?\\d\{(\d{1,2})(?:,(\d{1,2}))?\}\$?")
_RUN: Final = re.compile(r"[0-9A-Za-z]{4,40}")
_PARTED: Final = re.compile(r"(?<=[0-9A-Za-z])[ -]+(?=[0-9A-Za-z])")
_SHORTEST: Final = 4
_SAID: Final = {
    Wrong.CHECK_DIGIT: "check",
    Wrong.INNER_CHECK_DIGIT: "check",
    Wrong.DATE: "date",
    Wrong.FUTURE: "date",
    Wrong.REGION: "region",
    Wrong.TOO_SHORT: "length",
    Wrong.TOO_LONG: "length",
    Wrong.LENGTH: "length",
}


def flaw_of(field: InputField, text: str, today: date) -> Mapping[str, object] | None:
    """Return the values of the message ``flaw`` for an answer to a field; None where nothing can be said against it.

    ``wrong`` is length, check, date, region or other; ``given`` and ``wanted`` are counts of characters.
    """
    run = max(_RUN.findall(_PARTED.sub("", spoken(text))), key=len, default="")
    if sum(char.isdigit() for char in run) < _SHORTEST:
        return None
    facts = {"label": field.label, "help": field.help, "given": len(run), "wanted": ""}
    kind = next((kind for label, kind in _KINDS if label.search(field.label)), None)
    if kind is not None:
        answer = read(kind, run, today)
        if not isinstance(answer, Flaw):
            return None
        wanted = "/".join(map(str, answer.lengths))
        wrong = _SAID.get(answer.wrong, "other")
        return {**facts, "wrong": wrong if wrong != "length" or wanted else "other", "wanted": wanted}
    plain = _LENGTH.fullmatch(field.pattern)
    if plain is None or not run.isdecimal():
        return None
    least, most = int(plain[1]), int(plain[2] or plain[1])
    if least <= len(run) <= most:
        return None
    return {**facts, "wrong": "length", "wanted": str(least) if least == most else f"{least}-{most}"}
