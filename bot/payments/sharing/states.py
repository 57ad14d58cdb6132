"""The states of rules, shares, parts and returns, and every transition that exists: tables as data."""

from collections.abc import Mapping
from typing import Final

from bot.payments.states import Machine


def _table(**targets: str) -> Mapping[str, frozenset[str]]:
    return {source: frozenset(listed.split()) for source, listed in targets.items()}


RULE: Final = Machine("share_rules", _table(proposed="active refused", active="ended", refused="", ended=""))

SHARE: Final = Machine(
    "shares",
    _table(
        # The charge is made and its money will be frozen. With nothing to share it is only given free.
        planned="sent unfreezing",
        # The request is committed: parts, number and all.
        sent="unknown done unfreezing",
        unknown="sent done unfreezing",
        # A part failed, the whole was refused, or nothing was to be shared: what is frozen is the merchant's.
        unfreezing="done stuck",
        # The gateway refuses to give it free; a person has to find out why.
        stuck="unfreezing done",
        done="",
    ),
)

PART: Final = Machine("share_parts", _table(pending="succeeded failed", succeeded="", failed=""))

RETURN: Final = Machine(
    "share_returns",
    _table(
        planned="sent",
        sent="unknown succeeded failed",
        unknown="sent succeeded failed",
        succeeded="",
        # Two people decide: another attempt takes its place, or the merchant bears it.
        failed="replaced waived",
        replaced="",
        waived="",
    ),
)

MACHINES: Final = (RULE, SHARE, PART, RETURN)

# Nobody knows yet what the receivers have.
UNSETTLED: Final = ("sent", "unknown")
# A return in one of these stands against every refund of its payment.
COMING: Final = ("planned", "sent", "unknown")
# Refunds whose money goes, or went, to the payer.
GOING: Final = ("approved", "pending", "unknown", "abnormal", "succeeded")
