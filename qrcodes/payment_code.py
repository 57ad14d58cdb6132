"""Reads the code that a payer shows to a cashier (付款码) and tells whose it is, without ever printing it.

Such a code is as good as cash for about a minute: it lives in memory only, is never stored or logged (domain.md §4),
and what must remember that one is in flight remembers its keyed fingerprint.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NoReturn, final

from qrcodes.wallet import Wallet

# The longest of any wallet, with room for the line end that a scanning gun types after it.
_SCAN_CHARS_MAX: Final = 32


@dataclass(frozen=True, slots=True)
class PrefixRule:
    """Codes of one wallet: their first two digits and how many digits they have, both bounds included."""

    wallet: Wallet
    first: int
    last: int
    digits_min: int
    digits_max: int


# General knowledge, not law (domain.md §3.0, marked K): an operator passes other rules when a wallet changes its own.
RULES: Final[tuple[PrefixRule, ...]] = (
    PrefixRule(Wallet.WECHAT, first=10, last=15, digits_min=18, digits_max=18),
    PrefixRule(Wallet.ALIPAY, first=25, last=30, digits_min=16, digits_max=24),
    PrefixRule(Wallet.UNIONPAY, first=62, last=62, digits_min=19, digits_max=19),
)


@final
class PaymentCode:
    """One payment code; ``reveal`` is the only way to its digits, so that their uses can be found.

    It has slots instead of dataclass fields because ``asdict`` would hand the digits to whoever logs the holder.
    """

    __slots__ = ("_digits", "wallet")

    wallet: Wallet

    def __init__(self, wallet: Wallet, digits: str) -> None:
        object.__setattr__(self, "wallet", wallet)
        object.__setattr__(self, "_digits", digits)

    def reveal(self) -> str:
        """Return the digits, for the gateway's request body and nothing else."""
        digits: str = object.__getattribute__(self, "_digits")
        return digits

    def fingerprint(self, key: bytes) -> str:
        """Return a name under which "one in flight per code" can be kept.

        It is keyed: there are only 10**16 codes of a wallet, so a bare hash could be searched.
        """
        if not key:
            raise ValueError("a fingerprint needs a key")
        return hmac.new(key, self.reveal().encode(), hashlib.sha256).hexdigest()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a payment code does not change")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a payment code does not change")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PaymentCode):
            return NotImplemented
        return hmac.compare_digest(self.reveal(), other.reveal())

    def __hash__(self) -> int:
        return hash(self.reveal())

    def __repr__(self) -> str:
        return f"PaymentCode({self.wallet.value})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a payment code is neither copied nor stored")


def read_payment_code(scanned: str, rules: Sequence[PrefixRule] = RULES) -> PaymentCode | None:
    """Return the code and its wallet, or None where no wallet's rule fits.

    White space around the digits is what scanning guns type; inside them it is a damaged scan and refused.
    """
    if len(scanned) > _SCAN_CHARS_MAX:
        return None
    digits = scanned.strip()
    # isdecimal alone would admit full-width and Arabic digits, which gateways refuse only after a round trip.
    if not (digits.isascii() and digits.isdecimal()):
        return None
    for rule in rules:
        fits = rule.digits_min <= len(digits) <= rule.digits_max
        if fits and rule.first <= int(digits[:2]) <= rule.last:
            return PaymentCode(rule.wallet, digits)
    return None
