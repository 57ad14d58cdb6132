"""Deductions are planned from the bills of accounts under contract: near ones only, within the cap, once."""

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from bot.billers.port import Bill, Found, Later
from bot.customers.accounts import SavedAccount
from bot.dialogue.deductions import ChatDeductions
from bot.payments.contracts.accounts import ContractAccounts
from bot.workers.planning import DeductionPlanner, planning_rounds
from tests.dialogue.town import ELECTRICITY, POWER, item
from tests.payments.contracts.rig import ACCOUNT, ContractWorld

SAVED = SavedAccount("acc_1", "power", "electricity", ACCOUNT, "****5678", fields={"owner": "陈晓明"})


class Finding:
    """A directory whose biller owes what a test says."""

    def __init__(self, *bills: Bill) -> None:
        self.answer: Any = Found(ACCOUNT, "****5678", bills=bills)
        self.asked: list[Any] = []

    async def biller(self, item_id: str) -> Any:
        return self

    async def find(self, query: Any) -> Any:
        self.asked.append(query)
        return self.answer


class Shelf:
    """A catalogue of the one item that is under contract."""

    async def item(self, item_id: str) -> Any:
        return item(item_id, POWER, "electricity", "电费", "power", ELECTRICITY)


class Rig:
    def __init__(self, autopay: ContractWorld, *bills: Bill) -> None:
        world = autopay.world
        self.autopay = autopay
        self.accounts = ContractAccounts(world.database, world.vault, world.clock)
        self.finding = Finding(*bills)
        catalogue: Any = Shelf()
        self.planner = DeductionPlanner(self.accounts, world.payments.autopay, catalogue, self.finding, world.clock)
        self.chat = ChatDeductions(world.payments.autopay, catalogue, self.accounts)

    async def signed(self) -> str:
        """A contract as the conversation begins it, signed by its payer."""
        link = await self.chat.sign(
            "cus-1", SAVED, gateway="scripted", channel="official", told_at="main", trace_id="trc_1"
        )
        [row] = await self.autopay.world.rows("SELECT id, out_contract_no FROM contracts")
        number = row["out_contract_no"]
        await self.autopay.tell(self.autopay.faculty.sign_as_payer(number), id_="signed")
        assert link is None or (isinstance(link, str) and link.startswith("http"))
        return str(row["id"])

    async def planned(self) -> list[tuple[int, str]]:
        rows = await self.autopay.world.rows("SELECT amount, day FROM deductions ORDER BY created_at")
        return [(row["amount"], row["day"]) for row in rows]


def bill(autopay: ContractWorld, days: int | None, amount: int = 12_850, number: str = "E1") -> Bill:
    due_on = None if days is None else autopay.today + timedelta(days=days)
    return Bill(number, "电费", "2026-10", amount, due_on=due_on)


async def test_a_bill_that_becomes_due_is_planned_once(autopay: ContractWorld) -> None:
    rig = Rig(autopay, bill(autopay, 5))
    await rig.signed()

    assert await rig.planner.round() == 1
    assert await rig.planner.round() == 0
    assert await rig.planned() == [(12_850, (autopay.today + timedelta(days=3)).isoformat())]
    autopay.world.clock.advance(86_400)
    assert await rig.planner.round() == 1
    assert len(await rig.planned()) == 1
    assert rig.finding.asked[0].account == ACCOUNT
    assert rig.finding.asked[0].fields == {"owner": "陈晓明"}


@pytest.mark.parametrize(("days", "planned"), [(11, 0), (10, 1), (0, 1), (-20, 1), (None, 1)])
async def test_only_what_is_nearly_due_is_planned(autopay: ContractWorld, days: int | None, planned: int) -> None:
    rig = Rig(autopay, bill(autopay, days))
    await rig.signed()
    await rig.planner.round()

    assert len(await rig.planned()) == planned


async def test_a_bill_above_the_cap_is_passed_over_for_the_next(autopay: ContractWorld) -> None:
    rig = Rig(autopay, bill(autopay, 1, 20_001, "E1"), bill(autopay, 2, 500, "E2"))
    await rig.signed()
    await rig.planner.round()

    assert [amount for amount, _ in await rig.planned()] == [500]


async def test_what_somebody_is_paying_is_left(autopay: ContractWorld) -> None:
    rig = Rig(autopay, dataclasses.replace(bill(autopay, 1), held_by="ord_1"))
    await rig.signed()
    await rig.planner.round()

    assert await rig.planned() == []


async def test_nothing_is_planned_before_the_signature_or_after_the_end(autopay: ContractWorld) -> None:
    rig = Rig(autopay, bill(autopay, 1))
    await rig.chat.sign("cus-1", SAVED, gateway="scripted", channel="official", told_at="main", trace_id="trc_1")
    await rig.planner.round()
    assert await rig.planned() == []
    assert rig.finding.asked == []

    [row] = await autopay.world.rows("SELECT id, out_contract_no FROM contracts")
    await autopay.tell(autopay.faculty.sign_as_payer(row["out_contract_no"]), id_="signed")
    assert await rig.chat.stop(row["id"], "cus-1")
    await autopay.sweep()
    autopay.world.clock.advance(86_400)
    await rig.planner.round()
    assert await rig.planned() == []


async def test_the_account_is_forgotten_with_its_contract(autopay: ContractWorld) -> None:
    rig = Rig(autopay)
    contract = await rig.signed()
    await rig.planner.round()
    await autopay.world.database.effect(lambda tx: tx.execute("UPDATE contracts SET state = 'ended'"))
    autopay.world.clock.advance(86_400)

    assert await rig.planner.round() == 1
    assert await rig.accounts.due(10) == []
    assert await autopay.world.rows("SELECT * FROM contract_accounts WHERE contract_id = $1", contract) == []


async def test_a_silent_biller_is_asked_again_in_an_hour(autopay: ContractWorld) -> None:
    rig = Rig(autopay, bill(autopay, 1))
    answer, rig.finding.answer = rig.finding.answer, Later(5.0)
    await rig.signed()
    assert await rig.planner.round() == 1
    rig.finding.answer = answer
    assert await rig.planner.round() == 0
    autopay.world.clock.advance(3_601)

    assert await rig.planner.round() == 1
    assert len(await rig.planned()) == 1


async def test_two_workers_share_the_accounts(autopay: ContractWorld) -> None:
    rig = Rig(autopay)
    await rig.signed()
    [due] = await rig.accounts.due(10)
    until = autopay.world.clock.now() + timedelta(minutes=1)

    assert [await rig.accounts.take(due, until), await rig.accounts.take(due, until)] == [True, False]
    assert [each.name for each in planning_rounds(rig.planner)] == ["deduction planning"]


async def test_the_account_lies_sealed(autopay: ContractWorld) -> None:
    rig = Rig(autopay)
    await rig.signed()
    [row] = await autopay.world.rows("SELECT account_sealed, fields_sealed FROM contract_accounts")

    assert ACCOUNT.encode() not in row["account_sealed"]
    assert "陈晓明".encode() not in row["fields_sealed"]
    assert ACCOUNT not in repr((await rig.accounts.due(1))[0])
