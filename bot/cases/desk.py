"""The desk: one person proposes what to do with a case, another agrees, and only then is it done."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final

from bot.cases.book import Case, show
from bot.kernel.clock import Clock, to_micros
from bot.kernel.errors import BadRequest, Conflict, Forbidden
from bot.storage.port import Database, Tx
from bot.trail.audit import record

# Carries out a decision inside the transaction that records it.
Action = Callable[[Tx, Case, str, datetime], Awaitable[None]]
# What may be done with a kind of case, by the name that people type.
Actions = Mapping[str, Mapping[str, Action]]

_PROPOSE = """
UPDATE cases SET state = 'proposed', action = $2, proposed_by = $3, note = $4
WHERE id = $1 AND state = 'open'
"""
_RESOLVE = """
UPDATE cases SET state = 'resolved', decided_by = $2, closed_at = $3
WHERE id = $1 AND state = 'proposed' AND proposed_by <> $2
"""
_REOPEN = """
UPDATE cases SET state = 'open', action = NULL, proposed_by = NULL, note = $2
WHERE id = $1 AND state = 'proposed'
"""


class Desk:
    """Works cases with two names. Every step is audited in the transaction that makes it."""

    def __init__(self, database: Database, actions: Actions, clock: Clock) -> None:
        self._database = database
        self._actions = actions
        self._clock = clock

    def choices(self, case: Case) -> tuple[str, ...]:
        """Return the names of what may be done with this case."""
        return tuple(self._actions.get(case.kind, _NOTHING))

    async def propose(self, case_id: str, action: str, *, actor: str, note: str = "") -> Case:
        """Say what should be done; raises BadRequest for an action that this kind does not have, Conflict when
        somebody proposed already."""
        return await self._database.effect(lambda tx: self._propose(tx, case_id, action, _name(actor), note))

    async def approve(self, case_id: str, *, actor: str) -> Case:
        """Agree and carry out; raises Forbidden when the actor is the one who proposed, Conflict otherwise."""
        return await self._database.effect(lambda tx: self._approve(tx, case_id, _name(actor)))

    async def reject(self, case_id: str, *, actor: str, note: str = "") -> Case:
        """Refuse a proposal: the case is open again, and its history is in the audit."""
        return await self._database.effect(lambda tx: self._reject(tx, case_id, _name(actor), note))

    async def _propose(self, tx: Tx, case_id: str, action: str, actor: str, note: str) -> Case:
        case = await show(tx, case_id)
        if action not in self.choices(case):
            raise BadRequest("case_action_unknown", f"choose one of: {', '.join(self.choices(case)) or 'none'}")
        if await tx.execute(_PROPOSE, case_id, action, actor, note) != 1:
            raise Conflict("case_not_open", "look at it again with `python -m bot desk show`")
        await self._audit(tx, case, actor, "case.proposed", action, note)
        return await show(tx, case_id)

    async def _approve(self, tx: Tx, case_id: str, actor: str) -> Case:
        case = await show(tx, case_id)
        if case.state == "proposed" and case.proposed_by == actor:
            raise Forbidden("case_same_person", "another person than the one who proposed must approve")
        now = self._clock.now()
        if await tx.execute(_RESOLVE, case_id, actor, to_micros(now)) != 1:
            raise Conflict("case_not_proposed", "propose an action first")
        await self._actions[case.kind][case.action or ""](tx, case, actor, now)
        await self._audit(tx, case, actor, "case.approved", case.action or "", "")
        return await show(tx, case_id)

    async def _reject(self, tx: Tx, case_id: str, actor: str, note: str) -> Case:
        case = await show(tx, case_id)
        if await tx.execute(_REOPEN, case_id, note) != 1:
            raise Conflict("case_not_proposed", "only a proposal can be rejected")
        await self._audit(tx, case, actor, "case.rejected", case.action or "", note)
        return await show(tx, case_id)

    async def _audit(self, tx: Tx, case: Case, actor: str, what: str, action: str, note: str) -> None:
        await record(
            tx,
            actor=actor,
            action=what,
            subject=case.id,
            detail={"kind": case.kind, "action": action, "note": note, "about": case.subject},
            trace_id=case.trace_id,
            now=self._clock.now(),
        )


_NOTHING: Final[Mapping[str, Action]] = {}


def _name(actor: str) -> str:
    """Return the actor's name, folded so that ``Ann`` and ``ann `` are one person; raises BadRequest when empty."""
    name = actor.strip().casefold()
    if not 1 < len(name) <= 64:
        raise BadRequest("actor_missing", "say who you are with --as NAME (2 to 64 characters)")
    return name
