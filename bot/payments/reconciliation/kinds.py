"""The kinds of differences and what people may do about each: tables as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bot.payments.states import Machine

# The kind of the cases by which differences come to the desk.
CASE: Final = "reconciliation"

DIFFERENCE: Final = Machine(
    "recon_differences",
    {
        # Near midnight, or waited for on purpose: the other side may still come.
        "pooled": frozenset({"open", "paired", "void", "explained"}),
        # Two names have to decide.
        "open": frozenset({"pooled", "working", "explained", "paired", "void"}),
        # Decided; the gateway is being asked.
        "working": frozenset({"open", "explained", "paired", "void"}),
        # Two names have said why it is so.
        "explained": frozenset({"open", "pooled", "paired", "void"}),
        # Both sides have it, on different days, or the bill alone can tell.
        "paired": frozenset({"open", "pooled", "void"}),
        # The sides agree now; it counts no longer.
        "void": frozenset({"open", "pooled", "paired"}),
    },
)
# Differences that keep their day from being explained.
UNRESOLVED: Final = ("pooled", "open", "working")


@dataclass(frozen=True, slots=True)
class Disposition:
    """What two names may decide. ``asks`` the gateway first, in a job; ``noted`` needs a word on why."""

    name: str
    meaning: str
    asks: bool = False
    noted: bool = False


DISPOSITIONS: Final[Mapping[str, Disposition]] = {
    each.name: each
    for each in (
        Disposition("credit_late", "ask the gateway, and credit its answer as a notice would be", asks=True),
        Disposition("to_suspense", "ask the gateway, and put what it confirms into suspense", asks=True),
        Disposition("adopt_refund", "ask the gateway, and adopt the refund that its console made", asks=True),
        Disposition("ask_refund", "ask the gateway how our refund stands", asks=True),
        Disposition("ask_share", "ask the gateway how our share, or what was to come back of it, stands", asks=True),
        Disposition("write_off_fee", "accept the fee as it was told, and post what differs"),
        Disposition("explained_by_gateway", "nothing to do here: the note says what the gateway answered", noted=True),
        Disposition("wait", "wait for the other side for some days more"),
    )
}
# What is decided about some measures only; whatever is not here is for all of them.
_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "credit_late": ("payment", "reversal"),
    "to_suspense": ("payment", "reversal"),
    "ask_refund": ("refund",),
    "ask_share": ("share", "share_returned"),
}
_EXPLAINED: Final = "explained_by_gateway"
_WAIT: Final = "wait"


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    meaning: str
    dispositions: tuple[str, ...]


KINDS: Final[Mapping[str, Kind]] = {
    each.name: each
    for each in (
        Kind("missing_here", "the bill has a payment that we never credited", ("credit_late", "to_suspense")),
        Kind("missing_at_gateway", "we credited a payment that no bill has", ()),
        Kind("amount", "both have it, with different amounts", ("ask_share",)),
        Kind("currency", "both have it, in different currencies", ()),
        Kind("transaction", "both have our number, with different numbers of the gateway", ()),
        Kind("state", "one side counts it and the other does not", ("ask_refund", "ask_share")),
        Kind("fee", "the fee is not the agreed one", ("write_off_fee",)),
        Kind("settlement", "the amount that reaches the merchant is not the one we were told", ()),
        Kind("duplicate", "the bills have the same thing more than once", ()),
        Kind("refund_missing_here", "the bill has a refund that we do not know", ("adopt_refund",)),
        Kind("refund_missing_at_gateway", "we booked a refund that no bill has", ("ask_refund",)),
        Kind("timing", "both have it, on different days", ()),
        Kind("undone", "the bill lists a payment and that it was undone", ()),
        Kind("flow_missing", "the trade bill has it and no money moved", ()),
        Kind("flow_extra", "money moved for which the trade bill has nothing", ()),
        Kind("flow_amount", "another sum moved than the trade bill says", ()),
        Kind("arrival", "the bank received another sum than the bill comes to", ()),
        Kind("arrival_missing", "the bank received nothing", ()),
    )
}


def allowed(kind: str, measure: str) -> tuple[str, ...]:
    """Return what may be done about a difference; every one may be waited for or explained."""
    own = (name for name in KINDS[kind].dispositions if measure in _OF.get(name, (measure,)))
    return (*own, _EXPLAINED, _WAIT)
