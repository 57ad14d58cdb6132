"""A world in which customers can have their power bills deducted, and short ways through a contract's life."""

import dataclasses
from dataclasses import dataclass
from datetime import date
from typing import Any

from bot.billers.port import Line, Quote
from bot.kernel.clock import business_day
from bot.ledger import invariants as ledger
from bot.ledger.invariants import Finding
from bot.payments.contracts import invariants, rows
from bot.payments.contracts.port import Due, Plan, SignAsk, Signing
from bot.payments.contracts.rows import Contract, Deduction
from bot.payments.facts import Way
from tests.payments.contracts.scripted_contracts import ScriptedContracts
from tests.payments.scripted_biller import ScriptedBiller
from tests.payments.world import World, build

ACCOUNT = "0512345678"
PLAN = Plan("mer", "scripted", "main", "plan-1", 20_000, 30, 1, "阳光电费", "power")
ASK = SignAsk(
    customer_id="cus-1",
    item_id="power",
    account=ACCOUNT,
    account_mask="****5678",
    origin="chat",
    trace_id="trc_contract",
    gateway="scripted",
    channel="official",
    told_at="main",
    payer_id="openid-1",
)


class QuotingBiller(ScriptedBiller):
    """A biller that quotes a bill as it stands: ``prices`` by bill number, where a test changes one."""

    world: World
    prices: dict[str, int]

    async def quote(self, lines: Any, at: Any, store_id: str | None = None) -> Any:
        told = self.scripts["quote"].popleft() if self.scripts["quote"] else None
        if told is not None:
            return told
        [line] = lines
        amount = self.prices.get(line.bill.bill_no, line.amount)
        bill = dataclasses.replace(line.bill, amount=amount)
        quote: Quote = self.world.quote(dataclasses.replace(line, amount=amount, bill=bill))
        return quote


@dataclass(slots=True)
class ContractWorld:
    """A world, the faculty of its gateway and a biller that quotes."""

    world: World
    faculty: ScriptedContracts
    biller: QuotingBiller

    @property
    def today(self) -> date:
        return business_day(self.world.clock.now())

    async def signing(self, **changes: Any) -> Contract:
        """A contract that its payer looks at."""
        told = await self.world.payments.autopay.sign(dataclasses.replace(ASK, **changes))
        assert isinstance(told, Signing), told
        return await self.get(told.contract_id)

    async def active(self, **changes: Any) -> Contract:
        """A contract that its payer has signed, as the vendor's notice told."""
        contract = await self.signing(**changes)
        await self.tell(self.faculty.sign_as_payer(contract.out_contract_no), id_=f"signed-{contract.id}")
        return await self.get(contract.id)

    async def tell(self, fact: Any, *, id_: str, account: str = "main") -> Any:
        notice = self.world.gateway.notice(None, id_=id_, account=account)
        return await self.world.payments.notices.take("scripted", dataclasses.replace(notice, fact=fact), "trc_n")

    async def get(self, contract_id: str) -> Contract:
        return await self.world.payments.contracts.get(contract_id)

    def line(self, bill: str = "E1", amount: int = 12_850) -> Line:
        return self.world.power(bill, amount)

    async def due(self, contract: Contract, line: Line | None = None, day: date | None = None) -> Deduction:
        told = await self.world.payments.autopay.due(contract.id, line or self.line(), day or self.today)
        assert isinstance(told, Due), told
        return await self.deduction(told.deduction_id)

    async def deduction(self, deduction_id: str) -> Deduction:
        found = await rows.deduction(self.world.database, deduction_id)
        assert found is not None
        return found

    async def sweep(self) -> None:
        payments = self.world.payments
        await self.world.sweep()
        for contract_id in await payments.autopay_sweep.due_contracts(50):
            await payments.contracts.ask(contract_id)
        for deduction_id in await payments.autopay_sweep.due_deductions(50):
            await payments.deductions.carry(deduction_id)

    async def days(self, days: int, *, every: float = 7_200) -> None:
        """Let time pass, with workers at work."""
        for _ in range(int(days * 86_400 / every)):
            self.world.clock.advance(every)
            await self.sweep()
        await self.world.work_off("fulfil")

    async def deducted(self, contract: Contract, line: Line | None = None) -> Deduction:
        """A deduction that was announced and has come to its day."""
        planned = await self.due(contract, line)
        await self.sweep()
        await self.days(2)
        return await self.deduction(planned.id)

    async def audit(self) -> list[Finding]:
        now = self.world.clock.now()
        found = await ledger.inspect(self.world.database, now, invariants.CHECKS)
        return [*await self.world.audit(), *found]


def equip(world: World, plan: Plan = PLAN) -> ContractWorld:
    """Give a world's gateway the faculty of contracts, and a biller that can be asked for a price."""
    gateway = world.gateway
    faculty = ScriptedContracts(gateway)
    gateway.can = gateway.can | {Way.CONTRACT}
    gateway.contracts = faculty
    biller = QuotingBiller(world.biller.hosted)
    built = build(world.database, world.clock, gateway=gateway, biller=biller, autopay=(plan,))
    biller.world, biller.prices = built, {}
    return ContractWorld(built, faculty, biller)
