"""The chart of accounts: colon paths, each made by one constructor and checked by one regular expression."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.kernel.errors import BadRequest

_PART: Final = r"[0-9A-Za-z_-]{1,64}"
_PATH: Final = re.compile(rf"[a-z]{{1,16}}(?::{_PART}){{1,3}}", re.ASCII)


class Sign(StrEnum):
    """What an account's balance (received minus given) may be."""

    ANY = "any"
    ZERO = "zero"
    NEVER_NEGATIVE = "never_negative"


@dataclass(frozen=True, slots=True)
class Kind:
    """One family of accounts; ``parts`` is how many parts follow the family's name."""

    name: str
    parts: int
    sign: Sign
    meaning: str


KINDS: Final[Mapping[str, Kind]] = {
    kind.name: kind
    for kind in (
        Kind("payers", 1, Sign.ANY, "the world outside, by gateway: what all payers gave, negative"),
        Kind("clearing", 2, Sign.ZERO, "received and not yet decided on; empty at the end of every transaction"),
        Kind("merchant", 2, Sign.ANY, "what payers paid to a merchant; the money itself lies at the gateway"),
        Kind("suspense", 2, Sign.NEVER_NEGATIVE, "received, and no order could take it"),
        Kind("refunding", 2, Sign.NEVER_NEGATIVE, "taken back from a merchant or from suspense, on its way to a payer"),
        Kind("sharing", 2, Sign.NEVER_NEGATIVE, "taken from merchants' due, on its way to others who get a share"),
        Kind("shared", 2, Sign.NEVER_NEGATIVE, "what one receiver was given of a merchant's payments, and kept"),
        Kind("fees", 2, Sign.ANY, "what a gateway kept for its service"),
    )
}


def checked(path: str) -> str:
    """Return ``path`` when it is an account of the chart; raises BadRequest(``account_path``)."""
    if _PATH.fullmatch(path) is None:
        raise BadRequest("account_path", "parts are 1 to 64 of [0-9A-Za-z_-], joined by colons")
    family, *parts = path.split(":")
    kind = KINDS.get(family)
    if kind is None or len(parts) != kind.parts:
        raise BadRequest("account_path", "see bot.ledger.accounts.KINDS")
    return path


def payers(gateway: str) -> str:
    """Everybody who pays through this gateway."""
    return checked(f"payers:{gateway}")


def clearing(gateway: str, account: str) -> str:
    """The door through which every receipt of one gateway account comes in."""
    return checked(f"clearing:{gateway}:{account}")


def merchant_due(merchant_id: str) -> str:
    """What was paid to a merchant and not given back."""
    return checked(f"merchant:{merchant_id}:due")


def suspense(gateway: str, account: str) -> str:
    """Money that waits for a refund or for a person."""
    return checked(f"suspense:{gateway}:{account}")


def refunding(gateway: str, account: str) -> str:
    """Money that refunds have reserved and that the gateway has not confirmed yet."""
    return checked(f"refunding:{gateway}:{account}")


def sharing(gateway: str, account: str) -> str:
    """Parts of payments that a gateway was asked to give to others and has not confirmed yet."""
    return checked(f"sharing:{gateway}:{account}")


def shared(merchant_id: str, receiver: str) -> str:
    """What a receiver, by its key in the merchant's rules, got of this merchant's payments."""
    return checked(f"shared:{merchant_id}:{receiver}")


def fees(gateway: str, account: str) -> str:
    """The gateway's fees, known from its statements."""
    return checked(f"fees:{gateway}:{account}")


def family(path: str) -> Kind:
    """Return the kind of a path of the chart."""
    return KINDS[checked(path).partition(":")[0]]
