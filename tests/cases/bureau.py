"""A bank's bureau: the room of applications with its desk, and the short ways that its tests take again and again."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from bot.billers.port import Refusal
from bot.cases.actions import actions
from bot.cases.applications import invariants
from bot.cases.applications.book import Applications
from bot.cases.applications.deciding import ApplicationActions
from bot.cases.applications.kinds import Kind
from bot.cases.applications.values import Document, NewApplication, Progress
from bot.cases.book import Case, show
from bot.cases.desk import Desk
from bot.cases.trade.matter import Matter
from bot.cases.trade.rates import Terms
from bot.kernel.clock import ManualClock
from bot.kernel.masking import Secret
from bot.ledger import invariants as ledger
from bot.payments.policy import Policy
from bot.storage.database import connect
from bot.storage.port import Database
from bot.storage.vault import Vault
from handlers.industry import account_opening, bills, collection, financing, interbank
from tests.cases.filing import file_cases
from tests.payments.world import TickingClock

START = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
KINDS: tuple[Kind, ...] = tuple(
    kind for room in (account_opening, bills, collection, financing, interbank) for kind in room.SCENE.kinds
)
CREDITOR, DEBTOR = "91440300MA5FDEM094", "91440300MA5FDEM17Y"
NOTE = "510258400001820261010000012343"
INVOICE = "26442000000123456789"
OPENING: Mapping[str, str] = {
    "company": "示范云帆科技有限公司",
    "uscc": CREDITOR,
    "legal_person": "周明远",
    "account_type": "basic",
}
TERMS = Terms()


@dataclass(slots=True)
class Bureau:
    """The room, its desk and its clock; ``asked`` counts the requests, so that each is another one."""

    database: Database
    vault: Vault
    clock: ManualClock
    applications: Applications
    desk: Desk
    asked: int = 0

    def new(self, kind: str, facts: Mapping[str, str], customer: str = "cus_1", /, **changes: Any) -> NewApplication:
        """An application with all that it needs; ``changes`` take something away."""
        self.asked += 1
        found = next(each for each in KINDS if each.key == kind)
        authority = "letter" if found.corporate else ""
        papers = [paper.key for paper in found.papers] + ([authority] if authority else [])
        whole = NewApplication(
            request_key=f"req_{self.asked}",
            kind=kind,
            customer_id=customer,
            channel="official",
            account="main",
            facts=facts,
            trace_id=f"trc_{self.asked}",
            authority=authority,
            documents=[Document(paper, f"media-{paper}") for paper in papers],
        )
        return replace(whole, **changes)

    async def hand_in(self, kind: str, facts: Mapping[str, str], customer: str = "cus_1") -> Progress | Refusal:
        return await self.applications.submit(self.new(kind, facts, customer))

    async def handed_in(self, kind: str, facts: Mapping[str, str], customer: str = "cus_1") -> Progress:
        found = await self.hand_in(kind, facts, customer)
        assert isinstance(found, Progress), found
        return found

    async def refused(self, kind: str, facts: Mapping[str, str], customer: str = "cus_1") -> str:
        found = await self.hand_in(kind, facts, customer)
        assert isinstance(found, Refusal), found
        return found.code

    async def carried_out(self, kind: str, facts: Mapping[str, str], customer: str = "cus_1") -> Progress:
        """An application that went all the way."""
        found = await self.handed_in(kind, facts, customer)
        await self.decide(found, "approve")
        await self.decide(found, "done", note=f"BANK-{found.number}")
        return found

    async def case(self, application: Progress) -> Case:
        """The application's case, once what the outbox holds was filed."""
        await self.file()
        row = await self.database.row("SELECT id FROM cases WHERE key = $1", application.id)
        assert row is not None
        return await show(self.database, row["id"])

    async def decide(self, application: Progress, action: str, note: str = "seen") -> Case:
        case = await self.case(application)
        await self.desk.propose(case.id, action, actor="Ann", note=note)
        return await self.desk.approve(case.id, actor="Bob")

    async def file(self) -> None:
        """Deliver the case jobs of the outbox, as the relay will."""
        await file_cases(self.database, self.clock)

    async def state(self, application: Progress) -> str:
        row = await self.database.row("SELECT state FROM applications WHERE id = $1", application.id)
        assert row is not None
        return str(row["state"])

    async def rows(self, sql: Any, *values: Any) -> list[dict[str, Any]]:
        found: Any = await self.database.rows(sql, *values)
        return [dict(row) for row in found]

    async def execute(self, sql: Any, *values: Any) -> int:
        return await self.database.effect(lambda tx: tx.execute(sql, *values))

    async def notices(self) -> list[str]:
        found = await self.rows("SELECT payload FROM outbox WHERE kind = 'application.notice' ORDER BY created_at, id")
        return [json.loads(row["payload"])["state"] for row in found]

    async def audit(self) -> list[str]:
        return [each.check for each in await ledger.inspect(self.database, self.clock.now(), invariants.CHECKS)]

    def matter(self, facts: Mapping[str, str], customer: str = "cus_1", reference: str = "") -> Matter:
        now = self.clock.now()
        return Matter("app_none", customer, "", facts, "trc_x", self.vault, TERMS, now, reference)


@asynccontextmanager
async def open_bureau(url: str) -> AsyncIterator[Bureau]:
    clock = TickingClock(START)
    database = await connect(url, clock)
    try:
        vault = Vault.from_secrets([Secret("a secret of the tests, at least 32 long")])
        applications = Applications(database, vault, clock, KINDS, TERMS)
        desk = Desk(database, actions(Policy(), None, ApplicationActions(applications.moving)), clock)
        yield Bureau(database, vault, clock, applications, desk)
    finally:
        await database.close()
