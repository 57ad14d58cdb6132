"""The limits and schedules of the payment rooms: settings with defaults, and pure functions over them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

# When an unanswered or open charge is asked about, in seconds after it was made (issue 2, item 4); afterwards every
# five minutes until it expires.
QUERY_AT: Final = (5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
QUERY_EVERY: Final = 300.0
# Pauses between attempts to close upstream, and between questions after a refund; the last repeats.
CLOSE_PAUSES: Final = (2.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0)
REFUND_PAUSES: Final = (5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 21600.0)


@dataclass(frozen=True, slots=True)
class Policy:
    """What an operator may set. Amounts are in fen, times in seconds."""

    order_max: int = 5_000_000
    # A refund above this needs a second person's name.
    refund_alone_max: int = 50_000
    charges_per_order_max: int = 10
    # No rule may give others more than so many basis points of a payment (WeChat Pay's own limit, unless raised there).
    share_cap_max: int = 3_000
    # A charge needs this much time before its order expires: WeChat Pay takes no expiry that is less than a minute
    # away, and a payer has to type a password in it.
    charge_seconds_min: float = 60.0
    # How long after its expiry a charge may still turn out paid at its gateway before "no such number" is believed.
    expiry_grace: float = 10.0
    # How long one sweeper keeps a charge or refund to itself.
    sweep_lease: float = 10.0
    # A paid line that is not at its end after this long must be on somebody's desk.
    fulfil_within: float = 90_000.0
    # After so many vain attempts to close a charge a person is told; the attempts go on.
    close_tries_before_case: int = 12


def query_pause(queries: int) -> float:
    """Return the seconds from query number ``queries`` (0 for the making of the charge) to the next one."""
    if queries < len(QUERY_AT):
        return QUERY_AT[queries] - (QUERY_AT[queries - 1] if queries else 0.0)
    return QUERY_EVERY


def pause(pauses: Sequence[float], attempt: int) -> float:
    """Return the pause after attempt number ``attempt`` (from 0) of a schedule whose last pause repeats."""
    return pauses[min(max(attempt, 0), len(pauses) - 1)]


def next_query(now: datetime, queries: int, expires_at: datetime, grace: float) -> datetime:
    """Return when to ask about a charge again: by the schedule, but not later than when it may be closed."""
    scheduled = now + timedelta(seconds=query_pause(queries))
    closable = expires_at + timedelta(seconds=grace)
    return min(scheduled, closable) if closable > now else scheduled


def over(now: datetime, expires_at: datetime, grace: float) -> bool:
    """Tell whether a charge is past its expiry by so much that its gateway cannot take it any more."""
    return now >= expires_at + timedelta(seconds=grace)
