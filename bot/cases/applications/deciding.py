"""What the desk may do with an application: for a company's, proposing to approve is the first approval itself."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from bot.cases.applications import rows
from bot.cases.applications.moving import Moving
from bot.cases.applications.states import FINAL
from bot.cases.book import Case
from bot.cases.desk import CLOSE, Action, Staged
from bot.kernel.errors import Conflict
from bot.storage.port import Tx

# In these the customer has to do something, so that the desk has nothing to wait for.
_ASLEEP: Final = frozenset({*FINAL, "needs_documents"})


class ApplicationActions:
    """The actions by name; ``moving`` moves the application in the transaction that records the decision."""

    def __init__(self, moving: Moving) -> None:
        self._moving = moving
        self._approval = Staged(begin=self._first_approve, end=self._approve, drop=self._send_back)

    def of(self, case: Case) -> Mapping[str, Action]:
        """Return what may be done with a case, by the state in which the application came to the desk."""
        if case.facts.get("state") == "approved":
            return {"done": self._finish, "failed": self._reject, CLOSE: close_application}
        approve: Action = self._approval if case.facts.get("corporate") else self._approve
        return {
            "approve": approve,
            "check": self._check,
            "documents": self._ask_papers,
            "reject": self._reject,
            CLOSE: close_application,
        }

    async def _check(self, tx: Tx, case: Case, actor: str, now: datetime) -> None:
        await self._moving.check_in(tx, case.key, now, actor=actor)

    async def _ask_papers(self, tx: Tx, case: Case, actor: str, now: datetime) -> None:
        await self._moving.ask_papers_in(tx, case.key, now, actor=actor, note=case.note or "")

    async def _first_approve(self, tx: Tx, case: Case, actor: str, now: datetime) -> None:
        await self._moving.first_approve_in(tx, case.key, now, actor=actor)

    async def _send_back(self, tx: Tx, case: Case, actor: str, now: datetime) -> None:
        await self._moving.send_back_in(tx, case.key, now, actor=actor)

    async def _approve(self, tx: Tx, case: Case, actor: str, now: datetime) -> None:
        await self._moving.approve_in(tx, case.key, now, first=case.proposed_by or "", actor=actor)

    async def _reject(self, tx: Tx, case: Case, actor: str, now: datetime) -> None:
        first = case.proposed_by or ""
        await self._moving.reject_in(tx, case.key, now, first=first, actor=actor, note=case.note or "")

    async def _finish(self, tx: Tx, case: Case, actor: str, now: datetime) -> None:
        await self._moving.finish_in(tx, case.key, now, actor=actor, reference=case.note or "")


async def close_application(tx: Tx, case: Case, actor: str, now: datetime) -> None:
    """Close a case whose application has come to its end or waits for its customer; raises Conflict otherwise."""
    row = await tx.row(rows.GET, case.key)
    if row is not None and row["state"] not in _ASLEEP:
        raise Conflict("application_waits", "propose what should be done about it")
