"""What the desk may do about sharing: put a rule in force, give money free, and decide on parts that stay away."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from bot.cases.book import Case
from bot.cases.desk import Action
from bot.kernel.errors import Conflict
from bot.payments.sharing import returning, rules, shares
from bot.storage.port import Tx

_STATES: Final = """
SELECT state FROM share_rules WHERE id = $1
UNION ALL SELECT state FROM shares WHERE id = $1
UNION ALL SELECT state FROM share_returns WHERE id = $1
"""
# In these somebody has to decide, so that their case cannot simply be closed.
_OPEN: Final = frozenset({"proposed", "stuck", "failed"})


async def adopt(tx: Tx, case: Case, actor: str, now: datetime) -> None:
    """Put a proposed rule in force; raises Forbidden for the name that proposed it."""
    await rules.adopt_in(tx, case.key, actor=actor, now=now)


async def refuse(tx: Tx, case: Case, actor: str, now: datetime) -> None:
    """Refuse a proposed rule."""
    await rules.refuse_in(tx, case.key, actor=actor, now=now)


async def unfreeze(tx: Tx, case: Case, actor: str, now: datetime) -> None:
    """Ask the gateway again to give a merchant its money free."""
    await shares.unfreeze_again_in(tx, case.key, now)


async def freed(tx: Tx, case: Case, actor: str, now: datetime) -> None:
    """Note that it was given free in the gateway's console."""
    await shares.freed_in(tx, case.key, now)


async def take_again(tx: Tx, case: Case, actor: str, now: datetime) -> None:
    """Ask a receiver once more for its part, as when it has money again."""
    await returning.again_in(tx, case.key, now)


async def bear(tx: Tx, case: Case, actor: str, now: datetime) -> None:
    """Let the receiver keep its part and the refund go out: the merchant bears it."""
    await returning.waive_in(tx, case.key, now)


async def close_sharing(tx: Tx, case: Case, actor: str, now: datetime) -> None:
    """Close a case that was decided elsewhere; raises Conflict while it waits."""
    row = await tx.row(_STATES, case.key)
    if row is not None and row["state"] in _OPEN:
        raise Conflict("share_waits", "propose what should be done about it")


SHARING: Final[Mapping[str, Mapping[str, Action]]] = {
    "share_rule": {"adopt": adopt, "refuse": refuse},
    "share_stuck": {"unfreeze": unfreeze, "freed": freed},
    "share_return_failed": {"again": take_again, "bear": bear},
}
