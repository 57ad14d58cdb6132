"""A desk over a world of payments, with the short ways that its tests take again and again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.cases.actions import actions
from bot.cases.book import Case, open_case, show, waiting
from bot.cases.desk import Desk
from tests.cases.filing import file_cases
from tests.payments.world import START, World


@dataclass(slots=True)
class Office:
    """The desk, its world, and how cases come to it."""

    world: World
    desk: Desk

    async def file(self) -> None:
        """Deliver the case jobs of the outbox, as the relay will."""
        await file_cases(self.world.database, self.world.clock)

    async def open(self, kind: str = "contradiction", key: str = "k1", **facts: Any) -> Case:
        """A case that needs no payment behind it."""
        return await self.told(self.world.clock.now(), kind, key, **facts)

    async def told(self, moment: datetime, kind: str = "contradiction", key: str = "k1", **facts: Any) -> Case:
        """Tell of a trouble that was found at a moment."""
        subject = facts.pop("subject", "ord_1")
        now = self.world.clock.now()
        await self.world.database.effect(
            lambda tx: open_case(
                tx, kind=kind, key=key, subject=subject, facts=facts, trace_id="trc_1", told_at=moment, now=now
            )
        )
        row = await self.world.row("SELECT id FROM cases WHERE kind = $1 AND key = $2", kind, key)
        return await show(self.world.database, row["id"])

    async def only(self, kind: str) -> Case:
        """The one case of a kind that waits, once what the outbox holds was filed."""
        await self.file()
        (case,) = [case for case in await waiting(self.world.database) if case.kind == kind]
        return case

    async def decide(self, case: Case, action: str, *, note: str = "seen") -> Case:
        """Two people do it."""
        await self.desk.propose(case.id, action, actor="Ann", note=note)
        return await self.desk.approve(case.id, actor="Bob")

    async def audited(self, case: Case) -> list[tuple[str, str]]:
        rows = await self.world.rows("SELECT actor, action FROM audit WHERE subject = $1 ORDER BY seq", case.id)
        return [(row["actor"], row["action"]) for row in rows]


def open_office(world: World) -> Office:
    return Office(world, Desk(world.database, actions(world.policy), world.clock))


def a_case(facts: Mapping[str, Any], kind: str = "customer") -> Case:
    """A case that lies in no table."""
    return Case("cas_1", kind, "k", "ord_1", facts, "open", None, None, None, None, "trc_1", START, START)
