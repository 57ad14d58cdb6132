"""What a biller's answer lets the customer show or look up: a voucher for the gate, a fiscal receipt (财政电子票据)."""

import re
import secrets
from dataclasses import dataclass
from typing import ClassVar, Final, Self

_VOUCHER_DIGITS: Final = 12
_REF: Final = re.compile(r"(voucher|fiscal):([0-9A-Za-z:]{1,60})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Voucher:
    """A code that is taken once at a gate or a counter (核销码): eleven random digits and a check digit."""

    kind: ClassVar[str] = "voucher"
    code: str

    @property
    def ref(self) -> str:
        """The form in which an order line keeps it."""
        return f"{self.kind}:{self.code}"

    @property
    def shown(self) -> str:
        """The code in groups of four, as people read it out."""
        return " ".join(self.code[start : start + 4] for start in range(0, _VOUCHER_DIGITS, 4))

    @classmethod
    def new(cls) -> Self:
        """Return a voucher that nobody can guess."""
        body = "".join(secrets.choice("0123456789") for _ in range(_VOUCHER_DIGITS - 1))
        return cls(body + check_digit(body))

    @classmethod
    def of(cls, code: str) -> Self | None:
        """Read a code as it is typed, with or without gaps; None where its check digit says that it is mistyped."""
        plain = re.sub(r"[\s-]", "", code)
        if re.fullmatch(rf"\d{{{_VOUCHER_DIGITS}}}", plain, re.ASCII) is None or check_digit(plain[:-1]) != plain[-1]:
            return None
        return cls(plain)


def check_digit(digits: str) -> str:
    """Return the digit that finds every single wrong one and nearly every pair changed about (ISO 7064 MOD 11,10)."""
    rest = 10
    for digit in digits:
        rest = (rest + int(digit)) % 10 or 10
        rest = rest * 2 % 11
    return str((11 - rest) % 10)


@dataclass(frozen=True, slots=True)
class FiscalReceipt:
    """A receipt of the treasury: code of 8, number of 10, check of 6 characters (domain.md §3.0)."""

    kind: ClassVar[str] = "fiscal"
    code: str
    number: str
    check: str

    @property
    def ref(self) -> str:
        """The form in which an order line keeps it."""
        return f"{self.kind}:{self.code}:{self.number}:{self.check}"

    @classmethod
    def of(cls, code: object, number: object, check: object) -> Self | None:
        """Return the receipt of three numbers; None where one of them is none of its kind."""
        parts = (code, number, check)
        forms = (r"\d{8}", r"\d{10}", r"[0-9A-Za-z]{6}")
        if not all(
            isinstance(part, str) and re.fullmatch(form, part, re.ASCII)
            for part, form in zip(parts, forms, strict=True)
        ):
            return None
        return cls(str(code), str(number), str(check))


Proof = Voucher | FiscalReceipt


def read_proof(ref: str | None) -> Proof | None:
    """Return what a line's reference of its biller proves; None for a plain number of the biller's own."""
    match = _REF.fullmatch(ref or "")
    if match is None:
        return None
    if match[1] == Voucher.kind:
        return Voucher.of(match[2])
    parts = match[2].split(":")
    return FiscalReceipt.of(*parts) if len(parts) == len(("code", "number", "check")) else None
