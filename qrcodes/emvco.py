"""Merchant-presented codes of EMVCo (MPM), written and read as values, for acquirers that take them.

Never on an aggregated print: WeChat and Alipay do not read them. Money is in yuan only, since
the house keeps fen; a code in another currency is refused, not converted. Rules: EMV QRCPS MPM 1.1 as domain.md §2.3
gives them; the specification's own sample is among the tests.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final

from qrcodes.tlv import VALUE_CHARS_MAX, EmvcoError, Fields, crc16, decode_fields, encode_fields

TEXT_CHARS_MAX: Final = 512
AMOUNT_FEN_MAX: Final = 999_999_999_999  # ``9999999999.99``, the thirteen characters that the field has.

_VERSION: Final = "000201"
_CRC_HEAD: Final = "6304"
_YUAN: Final = "156"
_POINTS: Final = {"11": False, "12": True}
_AMOUNT: Final = re.compile(r"(\d{1,10})(?:\.(\d{0,2}))?", re.ASCII)
_SHARE: Final = re.compile(r"(\d{1,2})(?:\.(\d{0,2}))?", re.ASCII)
_PLAIN: Final = re.compile(r"[ -~]*", re.ASCII)
_CATEGORY: Final = re.compile(r"\d{4}", re.ASCII)
_COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2}", re.ASCII)


class TipKind(StrEnum):
    """What is added to the amount: what the payer is asked for, a fixed sum, or a share."""

    ASK = "01"
    FIXED = "02"
    SHARE = "03"


@dataclass(frozen=True, slots=True)
class Tip:
    """``value`` is 0 for ASK, fen for FIXED, hundredths of a percent (1 to 9999) for SHARE."""

    kind: TipKind
    value: int = 0

    def __post_init__(self) -> None:
        top = {TipKind.ASK: 0, TipKind.FIXED: AMOUNT_FEN_MAX, TipKind.SHARE: 9999}[self.kind]
        bottom = 0 if self.kind is TipKind.ASK else 1
        _require(bottom <= self.value <= top, "55: the tip's value is out of range")


@dataclass(frozen=True, slots=True)
class Template:
    """A field that another party defines: ``guid`` names the party, ``fields`` are its own."""

    id: str
    guid: str
    fields: Fields = ()

    def __post_init__(self) -> None:
        _require(bool(self.guid) and len(self.guid) <= 32, f"{self.id}: needs a GUID of at most 32 characters")
        _require_ids(self.fields, "01", "99", self.id)
        _require_plain((("00", self.guid),), self.id)
        _require(len(self.value()) <= VALUE_CHARS_MAX, f"{self.id}: longer than {VALUE_CHARS_MAX} in all")

    def value(self) -> str:
        """Return the content of the field."""
        return encode_fields((("00", self.guid), *self.fields))


@dataclass(frozen=True, slots=True, kw_only=True)
class AdditionalData:
    """Field 62; a value of ``***`` asks the payer's app to let the payer fill it in."""

    bill_number: str = ""
    mobile_number: str = ""
    store_label: str = ""
    loyalty_number: str = ""
    reference_label: str = ""
    customer_label: str = ""
    terminal_label: str = ""
    purpose: str = ""
    ask_for: str = ""  # Any of A (address), M (mobile), E (e-mail), each once.
    tax_id: str = ""
    channel: str = ""
    reserved: Fields = ()  # Ids 12 to 49, for EMVCo to define.
    templates: tuple[Template, ...] = ()  # Ids 50 to 99.

    def __post_init__(self) -> None:
        for field_id, value in self.named():
            limit = {"09": 3, "10": 20, "11": 3}.get(field_id, 25)
            _require(len(value) <= limit, f"62.{field_id}: longer than {limit}")
        asked = set(self.ask_for)
        _require(asked <= set("AME") and len(asked) == len(self.ask_for), "62.09: only A, M and E, each once")
        _require_plain(self.named(), "62")
        _require_ids(self.reserved, "12", "49", "62")
        _require_ids(tuple((template.id, "x") for template in self.templates), "50", "99", "62")
        _require(1 <= len(self.value()) <= VALUE_CHARS_MAX, f"62: 1 to {VALUE_CHARS_MAX} characters in all")

    def named(self) -> Fields:
        """Return the fields 01 to 11, empty ones too."""
        names = [field.name for field in fields(self)][:11]
        return tuple((f"{index:02d}", getattr(self, name)) for index, name in enumerate(names, start=1))

    def value(self) -> str:
        """Return the content of the field."""
        own = ((template.id, template.value()) for template in self.templates)
        return encode_fields((*self.named(), *self.reserved, *own))


@dataclass(frozen=True, slots=True)
class LocalName:
    """Field 64: the merchant's name and city in another language, in any script."""

    language: str  # ISO 639, such as ``zh``.
    name: str
    city: str = ""

    def __post_init__(self) -> None:
        _require(_LANGUAGE.fullmatch(self.language) is not None, "64.00: a language of two letters")
        _require(1 <= len(self.name) <= 25, "64.01: 1 to 25 characters")
        _require(len(self.city) <= 15, "64.02: at most 15 characters")
        _require((self.name + self.city).isprintable(), "64: printable characters only")

    def value(self) -> str:
        """Return the content of the field."""
        return encode_fields((("00", self.language), ("01", self.name), ("02", self.city)))


@dataclass(frozen=True, slots=True, kw_only=True)
class MerchantCode:
    """One code. Whoever holds a value holds a valid one: every rule is checked when it is made (EmvcoError)."""

    merchant_name: str  # At most 25 plain characters; the Chinese name goes into ``local``.
    merchant_city: str  # At most 15 plain characters.
    category: str  # ISO 18245, four digits.
    accounts: tuple[Template, ...] = ()  # Ids 26 to 51.
    card_accounts: Fields = ()  # Ids 02 to 25, reserved for the card schemes.
    country: str = "CN"
    amount: int | None = None  # fen; None lets the payer type it.
    one_time: bool | None = None  # Field 01: True dynamic, False static, None not said.
    tip: Tip | None = None
    postal_code: str = ""
    additional: AdditionalData | None = None
    local: LocalName | None = None
    reserved: Fields = ()  # Ids 65 to 79, for EMVCo to define.
    unreserved: tuple[Template, ...] = ()  # Ids 80 to 99.

    def __post_init__(self) -> None:
        _require(1 <= len(self.merchant_name) <= 25, "59: 1 to 25 characters")
        _require(1 <= len(self.merchant_city) <= 15, "60: 1 to 15 characters")
        _require(len(self.postal_code) <= 10, "61: at most 10 characters")
        _require(_CATEGORY.fullmatch(self.category) is not None, "52: four digits")
        _require(_COUNTRY.fullmatch(self.country) is not None, "58: two capital letters")
        _require(bool(self.accounts or self.card_accounts), "02-51: at least one merchant account")
        _require(self.amount is None or 1 <= self.amount <= AMOUNT_FEN_MAX, "54: out of range")
        plain = (("59", self.merchant_name), ("60", self.merchant_city), ("61", self.postal_code))
        _require_plain(plain, "root")
        _require_ids(self.card_accounts, "02", "25", "root")
        _require_ids(tuple((template.id, "x") for template in self.accounts), "26", "51", "root")
        _require_ids(self.reserved, "65", "79", "root")
        _require_ids(tuple((template.id, "x") for template in self.unreserved), "80", "99", "root")


def build_merchant_code(code: MerchantCode) -> str:
    """Return the text to draw. Raises EmvcoError when the whole is longer than 512 characters."""
    text = _VERSION + encode_fields(_root_fields(code)) + _CRC_HEAD
    _require(len(text) + 4 <= TEXT_CHARS_MAX, f"longer than {TEXT_CHARS_MAX} characters")
    return text + crc16(text)


def parse_merchant_code(text: str) -> MerchantCode:
    """Return the value of a scanned text. Raises EmvcoError for anything that the specification does not allow."""
    _require(len(text) <= TEXT_CHARS_MAX, f"longer than {TEXT_CHARS_MAX} characters")
    _require(text.startswith(_VERSION), "00: version 01 comes first")
    _require(text[-8:-4] == _CRC_HEAD, "63: the check sum comes last")
    try:
        _require(crc16(text[:-4]) == text[-4:], "63: the check sum does not agree")
    except UnicodeEncodeError as error:
        raise EmvcoError("half a character") from error
    root = decode_fields(text[len(_VERSION) : -8])
    _require("00" not in root and "63" not in root, "00 and 63: once only")
    _require(root.pop("53", "") == _YUAN, "53: yuan only")
    return _merchant_code(root)


def _root_fields(code: MerchantCode) -> Iterator[tuple[str, str]]:
    point = {None: "", False: "11", True: "12"}[code.one_time]
    yield "01", point
    yield from code.card_accounts
    yield from ((template.id, template.value()) for template in code.accounts)
    yield "52", code.category
    yield "53", _YUAN
    yield "54", "" if code.amount is None else _hundredths(code.amount)
    if code.tip is not None:
        yield "55", code.tip.kind.value
        yield "56", _hundredths(code.tip.value) if code.tip.kind is TipKind.FIXED else ""
        yield "57", _hundredths(code.tip.value).zfill(5) if code.tip.kind is TipKind.SHARE else ""
    yield "58", code.country
    yield "59", code.merchant_name
    yield "60", code.merchant_city
    yield "61", code.postal_code
    yield "62", code.additional.value() if code.additional else ""
    yield "64", code.local.value() if code.local else ""
    yield from code.reserved
    yield from ((template.id, template.value()) for template in code.unreserved)


def _merchant_code(root: dict[str, str]) -> MerchantCode:
    point = root.pop("01", None)
    _require(point is None or point in _POINTS, "01: 11 or 12")
    amount = root.pop("54", None)
    additional, local = root.pop("62", None), root.pop("64", None)
    return MerchantCode(
        one_time=None if point is None else _POINTS[point],
        amount=None if amount is None else _parse_hundredths(_AMOUNT, amount, "54"),
        tip=_tip(root),
        category=root.pop("52", ""),
        country=root.pop("58", ""),
        merchant_name=root.pop("59", ""),
        merchant_city=root.pop("60", ""),
        postal_code=root.pop("61", ""),
        additional=None if additional is None else _additional(additional),
        local=None if local is None else _local(local),
        card_accounts=_take(root, "02", "25"),
        accounts=_templates(_take(root, "26", "51")),
        reserved=_take(root, "65", "79"),
        unreserved=_templates(_take(root, "80", "99")),
    )


def _tip(root: dict[str, str]) -> Tip | None:
    kind, fixed, share = (root.pop(field_id, None) for field_id in ("55", "56", "57"))
    _require((fixed is not None) == (kind == TipKind.FIXED), "56: with a fixed tip only")
    _require((share is not None) == (kind == TipKind.SHARE), "57: with a tip by share only")
    if kind is None:
        return None
    _require(kind in tuple(TipKind), "55: 01, 02 or 03")
    if fixed is not None:
        return Tip(TipKind.FIXED, _parse_hundredths(_AMOUNT, fixed, "56"))
    if share is not None:
        return Tip(TipKind.SHARE, _parse_hundredths(_SHARE, share, "57"))
    return Tip(TipKind.ASK)


def _additional(text: str) -> AdditionalData:
    content = decode_fields(text)
    _require("00" not in content, "62.00: not a field")
    names = [field.name for field in fields(AdditionalData)][:11]
    named = {name: content.pop(f"{index:02d}", "") for index, name in enumerate(names, start=1)}
    return AdditionalData(
        **named, reserved=_take(content, "12", "49"), templates=_templates(_take(content, "50", "99"))
    )


def _local(text: str) -> LocalName:
    content = decode_fields(text)
    # Ids above 02 are EMVCo's to define; the specification tells readers to ignore what they do not know.
    return LocalName(content.get("00", ""), content.get("01", ""), content.get("02", ""))


def _templates(found: Fields) -> tuple[Template, ...]:
    templates: list[Template] = []
    for field_id, value in found:
        content = decode_fields(value)
        templates.append(Template(field_id, content.pop("00", ""), tuple(sorted(content.items()))))
    return tuple(templates)


def _take(content: dict[str, str], first: str, last: str) -> Fields:
    return tuple((field_id, content.pop(field_id)) for field_id in sorted(content) if first <= field_id <= last)


def _hundredths(value: int) -> str:
    return f"{value // 100}.{value % 100:02d}"


def _parse_hundredths(form: re.Pattern[str], text: str, field_id: str) -> int:
    match = form.fullmatch(text)
    if match is None:
        raise EmvcoError(f"{field_id}: digits with at most two decimals")
    return int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise EmvcoError(rule)


def _require_plain(content: Fields, where: str) -> None:
    for field_id, value in content:
        _require(_PLAIN.fullmatch(value) is not None, f"{where}.{field_id}: plain ASCII only")


def _require_ids(content: Fields, first: str, last: str, where: str) -> None:
    """Check ids for range, form, order and repetition, and values for being there, so that a value has one text."""
    previous = ""
    for field_id, value in content:
        _require(len(field_id) == 2 and field_id.isdecimal() and field_id.isascii(), f"{where}: ids are two digits")
        _require(first <= field_id <= last, f"{where}.{field_id}: outside {first} to {last}")
        _require(previous < field_id, f"{where}.{field_id}: ids ascend")
        _require(bool(value), f"{where}.{field_id}: empty")
        previous = field_id
    _require_plain(content, where)
