"""Money as whole fen, with the few conversions that people and vendors need."""

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

CNY: Final = "CNY"
# One hundred million yuan: above every gateway's own limit, far below 2**53, so that JSON readers keep it exact.
MAX_FEN: Final = 10_000_000_000

_YUAN = re.compile(r"(?P<yuan>\d{1,9})(?:\.(?P<cents>\d{1,2}))?", re.ASCII)


def parse_yuan(text: str) -> int | None:
    """Return the fen of a plain amount such as ``12``, ``12.5`` or ``12.50``; None for anything else."""
    match = _YUAN.fullmatch(text.strip().replace(",", ""))
    if match is None:
        return None
    fen = int(match["yuan"]) * 100 + int((match["cents"] or "0").ljust(2, "0"))
    return fen if fen <= MAX_FEN else None


def format_yuan(fen: int) -> str:
    """Return ``-12.05`` for -1205; two decimals, no grouping, as gateways and receipts write it."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def share_of(fen: int, rate: Decimal) -> int:
    """Return ``fen`` × ``rate`` rounded half up to a fen, the rounding of the gateways' fees (payments.md, trap 20)."""
    return int((Decimal(fen) * rate).quantize(Decimal(1), rounding=ROUND_HALF_UP))
