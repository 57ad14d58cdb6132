"""The desk: one person proposes what to do with a case, another agrees, and only then is it done."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.cases import tickets
from bot.cases.book import SAID, Case, show
from bot.kernel.clock import Clock, to_micros
from bot.kernel.errors import BadRequest, Conflict, Forbidden
from bot.kernel.text import normalise, shorten
from bot.outside.redaction import redact_text
from bot.storage.port import Database, Tx
from bot.storage.vault import Vault
from bot.trail.audit import record

# Carries out a decision inside the transaction that records it.
Action = Callable[[Tx, Case, str, datetime], Awaitable[None]]
# What may be done with a case, by the name that people type.
Actions = Callable[[Case], Mapping[str, Action]]


@dataclass(frozen=True, slots=True)
class Staged:
    """An action whose proposal is a step of its own: ``begin`` goes with the proposal, ``drop`` with its refusal."""

    begin: Action
    end: Action
    drop: Action

    async def __call__(self, tx: Tx, case: Case, actor: str, now: datetime) -> None:
        await self.end(tx, case, actor, now)


# The one action that does nothing but end the case; the note is all that remains of why.
CLOSE: Final = "close"

_NAME_MAX: Final = 64
_NOTE_MAX: Final = 500
# A name is one or more words; what the house itself signs with is nobody's name.
_NAME: Final = re.compile(r"\w[\w .'·@-]*")
_OURS: Final = frozenset({"system", "policy", "admin", "root"})

_PROPOSE: Final = """
UPDATE cases SET state = 'proposed', action = $2, proposed_by = $3, note = $4
WHERE id = $1 AND state = 'open'
"""
# Whose proposal and what it says are compared too: another one may have taken its place since it was read.
_RESOLVE: Final = """
UPDATE cases SET state = 'resolved', decided_by = $2, closed_at = $3
WHERE id = $1 AND state = 'proposed' AND proposed_by <> $2 AND proposed_by = $4 AND action = $5
"""
_REOPEN: Final = """
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
        return tuple(self._actions(case))

    async def propose(self, case_id: str, action: str, *, actor: str, note: str = "") -> Case:
        """Say what should be done; a note is required where the action alone tells nothing.

        Raises BadRequest for an action that this case does not have, Conflict when somebody proposed already.
        """
        name, why = name_of(actor), note_of(note)
        return await self._database.effect(lambda tx: self._propose(tx, case_id, action, name, why))

    async def approve(self, case_id: str, *, actor: str, note: str = "") -> Case:
        """Agree and carry out.

        Raises Forbidden when the actor is the one who proposed, Conflict when nothing is proposed (any more) or when
        it cannot be done; the proposal then stands.
        """
        name, why = name_of(actor), note_of(note)
        return await self._database.effect(lambda tx: self._approve(tx, case_id, name, why))

    async def reject(self, case_id: str, *, actor: str, note: str = "") -> Case:
        """Refuse a proposal, or take one's own back: the case is open again, and its history is in the audit."""
        name, why = name_of(actor), note_of(note)
        return await self._database.effect(lambda tx: self._reject(tx, case_id, name, why))

    async def look(self, case_id: str, *, actor: str) -> Case:
        """Return a case to somebody who will read the customer's own words in it; the audit names who did."""
        name = name_of(actor)

        async def work(tx: Tx) -> Case:
            case = await show(tx, case_id)
            if SAID in case.facts:
                await self._audit(tx, case, name, "case.read", "", "")
            return case

        return await self._database.effect(work)

    async def tell(self, case_id: str, words: str, *, actor: str, vault: Vault) -> Case:
        """Tell the customer of a case how it stands; raises NotFound where the case has no open ticket.

        What is told is the customer's and lies sealed in the ticket; the audit names who told and how much.
        """
        name, told = name_of(actor), shorten(" ".join(words.split()), tickets.WORDS_MAX)
        if not told:
            raise BadRequest("case_note_missing", "say with --note what the customer is to read")

        async def work(tx: Tx) -> Case:
            case = await show(tx, case_id)
            await tickets.told_in(tx, case, told, vault, self._clock.now())
            await self._audit(tx, case, name, "case.told", "", f"{len(told)} characters")
            return case

        return await self._database.effect(work)

    async def _propose(self, tx: Tx, case_id: str, action: str, actor: str, note: str) -> Case:
        case = await show(tx, case_id)
        if action not in self.choices(case):
            raise BadRequest("case_action_unknown", f"choose one of: {', '.join(self.choices(case))}")
        if action == CLOSE and not note:
            raise BadRequest("case_note_missing", "say with --note what was done, and where")
        if await tx.execute(_PROPOSE, case_id, action, actor, note) != 1:
            raise Conflict("case_not_open", "look at it again with `python -m bot desk show`")
        step = self._actions(case)[action]
        if isinstance(step, Staged):
            await step.begin(tx, case, actor, self._clock.now())
        await tickets.moved_in(tx, case, "proposed", self._clock.now())
        await self._audit(tx, case, actor, "case.proposed", action, note)
        return await show(tx, case_id)

    async def _approve(self, tx: Tx, case_id: str, actor: str, note: str) -> Case:
        case = await show(tx, case_id)
        if case.state == "proposed" and case.proposed_by == actor:
            raise Forbidden("case_same_person", "another person than the one who proposed must approve")
        action = self._actions(case).get(case.action or "")
        now = self._clock.now()
        values = (actor, to_micros(now), case.proposed_by, case.action)
        if action is None or await tx.execute(_RESOLVE, case_id, *values) != 1:
            raise Conflict("case_not_proposed", "look at it again with `python -m bot desk show`")
        await action(tx, case, actor, now)
        await tickets.closed_in(tx, case, now)
        await self._audit(tx, case, actor, "case.approved", case.action or "", note)
        return await show(tx, case_id)

    async def _reject(self, tx: Tx, case_id: str, actor: str, note: str) -> Case:
        case = await show(tx, case_id)
        if await tx.execute(_REOPEN, case_id, note) != 1:
            raise Conflict("case_not_proposed", "only a proposal can be rejected")
        step = self._actions(case).get(case.action or "")
        if isinstance(step, Staged):
            await step.drop(tx, case, actor, self._clock.now())
        await tickets.moved_in(tx, case, "rejected", self._clock.now())
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


def name_of(actor: str) -> str:
    """Return a person's name, folded so that ``Ann``, ``ann `` and ``Ａnn`` are one person.

    Raises BadRequest for none, and for one that the house itself signs with.
    """
    name = normalise(normalise(actor).casefold())
    if not 2 <= len(name) <= _NAME_MAX or not _NAME.fullmatch(name) or name in _OURS:
        raise BadRequest("actor_missing", f"say who you are with --as NAME (2 to {_NAME_MAX} letters)")
    return name


def note_of(note: str) -> str:
    """Return a note fit to be kept for ever: one line, and no long number of a person's in it."""
    return shorten(redact_text(normalise(note)), _NOTE_MAX)
