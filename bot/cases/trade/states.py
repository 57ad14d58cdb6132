"""The states of notes, receivables and financings, and every transition that exists: tables as data."""

from collections.abc import Mapping
from typing import Final

from bot.payments.states import Machine


def _table(**targets: str) -> Mapping[str, frozenset[str]]:
    return {source: frozenset(listed.split()) for source, listed in targets.items()}


# 登记 → 预托管 → 托管 → {贴现, 质押, 背书} → 到期 → 提示付款 → 结清, 拒付 → 追索 (domain.md §3.1 card 19).
NOTE: Final = Machine(
    "notes",
    _table(
        registered="pre_custody",
        pre_custody="custody returned",
        custody="discounted pledged endorsed due returned",
        # What stands behind a financing leaves the pool by its release, or when it falls due.
        pledged="custody due",
        due="presented",
        presented="settled refused",
        refused="recourse",
        recourse="settled",
        discounted="",
        endorsed="",
        settled="",
        returned="",
    ),
)

RECEIVABLE: Final = Machine(
    "receivables",
    _table(
        registered="confirmed disputed withdrawn",
        disputed="confirmed withdrawn",
        confirmed="collected",
        collected="",
        withdrawn="",
    ),
)

FINANCING: Final = Machine(
    "financings",
    _table(reserved="drawn released", drawn="repaid", repaid="", released=""),
)

MACHINES: Final = (NOTE, RECEIVABLE, FINANCING)
# What takes room under a limit.
USING: Final = ("reserved", "drawn")
