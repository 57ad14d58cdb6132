"""Every move of an application: compare-and-set, what moves with it in the books, the audit, the notice, the desk."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.cases.applications import rows
from bot.cases.applications.kinds import Kind
from bot.cases.applications.states import WAITING
from bot.cases.book import SAID, seal_words
from bot.cases.trade.matter import Matter
from bot.cases.trade.rates import Terms
from bot.jobs.outbox import enqueue
from bot.jobs.port import NewJob
from bot.kernel.clock import to_micros
from bot.kernel.errors import BadRequest, Conflict, Forbidden, NotFound
from bot.payments import work
from bot.storage.port import Row, Tx, Value
from bot.storage.vault import Vault
from bot.trail.audit import record

# The kind of the job that tells a customer how an application stands, and the kind of the case at the desk.
NOTICE: Final = "application.notice"
CASE: Final = "application"
_DESK: Final = "desk"
_LOOK: Final = "look at the application again with `python -m bot desk show`"


@dataclass(frozen=True, slots=True)
class Means:
    """What applications are moved by."""

    vault: Vault
    kinds: Mapping[str, Kind]
    terms: Terms


class Moving:
    """Moves applications inside a transaction of somebody else's; ``actor`` goes into the audit."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def submit_in(self, tx: Tx, application_id: str, now: datetime, *, actor: str) -> bool:
        """Hand in a draft, or again what had lacked papers; False from any other state."""
        return await self._move(tx, application_id, "submitted", now, actor=actor, told=False)

    async def withdraw_in(self, tx: Tx, application_id: str, now: datetime, *, actor: str) -> bool:
        """Take it back for its customer; False once the first name has approved."""
        return await self._move(tx, application_id, "withdrawn", now, actor=actor, told=False)

    async def check_in(self, tx: Tx, application_id: str, now: datetime, *, actor: str) -> None:
        """Take it up; raises Conflict where that was done."""
        await self._must(tx, application_id, "checking", now, actor=actor)

    async def ask_papers_in(self, tx: Tx, application_id: str, now: datetime, *, actor: str, note: str) -> None:
        """Send it back to its customer for the papers that ``note`` names; raises BadRequest without one."""
        if not note:
            raise BadRequest("application_note_missing", "say with --note which papers are missing")
        await self._must(tx, application_id, "needs_documents", now, note, actor=actor)

    async def first_approve_in(self, tx: Tx, application_id: str, now: datetime, *, actor: str) -> None:
        """Approve a company's application as the first of two names; raises Conflict where somebody did already."""
        await self._must(tx, application_id, "first_approval", now, actor, actor=actor)

    async def send_back_in(self, tx: Tx, application_id: str, now: datetime, *, actor: str) -> None:
        """Undo a first approval that the second name does not share."""
        await self._must(tx, application_id, "back", now, actor=actor)

    async def approve_in(self, tx: Tx, application_id: str, now: datetime, *, first: str, actor: str) -> None:
        """Approve as the second of two different names. Raises Forbidden for one name, Conflict for another state."""
        if first == actor or not first:
            raise Forbidden("application_same_person", "another person than the one who approved first must approve")
        await self._must(tx, application_id, "approved", now, actor, first, actor=actor)

    async def reject_in(self, tx: Tx, application_id: str, now: datetime, *, first: str, actor: str, note: str) -> None:
        """Refuse it for a reason that its customer will read; whatever was set aside for it is free again."""
        if not note:
            raise BadRequest("application_note_missing", "say with --note why; the customer reads it")
        await self._must(tx, application_id, "rejected", now, note, first, actor, actor=actor)

    async def finish_in(self, tx: Tx, application_id: str, now: datetime, *, actor: str, reference: str) -> None:
        """Note that the bank's own system has carried it out, under its ``reference``; raises BadRequest without."""
        if not reference:
            raise BadRequest("application_reference_missing", "say with --note the reference of the bank's own system")
        await self._must(tx, application_id, "done", now, reference, actor=actor)

    async def _must(self, tx: Tx, application_id: str, to: str, now: datetime, *values: Value, actor: str) -> None:
        if not await self._move(tx, application_id, to, now, *values, actor=actor):
            raise Conflict("application_elsewhere", _LOOK)

    async def _move(
        self, tx: Tx, application_id: str, to: str, now: datetime, *values: Value, actor: str, told: bool = True
    ) -> bool:
        before = await tx.row(rows.GET, application_id)
        if before is None:
            raise NotFound("application_unknown")
        kind = self._means.kinds.get(before["kind"])
        if kind is None:
            raise Conflict("application_kind_gone", "its scene is not open any more: put its pack back first")
        move = rows.moves(corporate=kind.corporate)[to]
        if not await move(tx, application_id, to_micros(now), *values):
            return False
        row = await tx.row(rows.GET, application_id)
        assert row is not None, "it was there a moment ago"
        hook = kind.on.get(row["state"])
        if hook is not None and to != "back":
            await hook(tx, self._matter(row, now))
        await self._written(tx, kind, before, row, actor, now)
        jobs = [_notice(row)] if told else []
        if row["state"] in WAITING and to != "first_approval":
            jobs.append(await self._case(tx, kind, row))
        await enqueue(tx, jobs, now)
        return True

    def _matter(self, row: Row, now: datetime) -> Matter:
        means = self._means
        return Matter(
            application_id=row["id"],
            customer_id=row["customer_id"],
            kind=row["kind"],
            facts=facts_of(means.vault, row),
            trace_id=row["trace_id"],
            vault=means.vault,
            terms=means.terms,
            now=now,
            reference=row["reference"] or "",
        )

    async def _written(self, tx: Tx, kind: Kind, before: Row, row: Row, actor: str, now: datetime) -> None:
        detail = {"kind": kind.key, "from": before["state"], "to": row["state"], "version": row["version"]}
        await record(
            tx,
            actor=actor,
            action=f"application.{row['state']}",
            subject=row["id"],
            detail=detail,
            trace_id=row["trace_id"],
            now=now,
        )

    async def _case(self, tx: Tx, kind: Kind, row: Row) -> NewJob:
        """Put it on the desk, for as long as somebody there has to do something."""
        given = facts_of(self._means.vault, row)
        facts = {
            "number": row["number"],
            "what": kind.name,
            "state": row["state"],
            "corporate": kind.corporate,
            "applicant": row["subject_mask"],
            "authority": row["authority"],
            "amount": row["amount"],
            "documents": [paper["kind"] for paper in await tx.rows(rows.DOCUMENTS, row["id"])],
            # Whoever decides reads what was given; the audit names who did.
            SAID: seal_words(self._means.vault, [f"{b.label}: {given.get(b.key, '')}" for b in kind.blanks]),
        }
        payload = {"kind": CASE, "key": row["id"], "subject": row["id"], "facts": facts}
        return NewJob(work.CASE, f"application:{row['id']}:{row['version']}", _DESK, payload, row["trace_id"])


def facts_of(vault: Vault, row: Row) -> Mapping[str, str]:
    """Return in clear what a customer gave."""
    facts: Mapping[str, str] = json.loads(vault.open(row["facts_sealed"], rows.FACTS_CONTEXT))
    return facts


def _notice(row: Row) -> NewJob:
    payload = {"application_id": row["id"], "state": row["state"], "note": row["note"]}
    return NewJob(NOTICE, f"{row['id']}:{row['version']}", row["account"], payload, row["trace_id"])
