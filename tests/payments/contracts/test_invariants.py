"""Each check of contracts finds the fault that it is there for, planted by SQL."""

import pytest

from bot.payments.contracts.invariants import CHECKS
from bot.storage.port import Tx
from tests.payments.contracts.rig import ContractWorld

FAULTS = [
    ("deduction_over_cap", "UPDATE contracts SET maximum = 1"),
    ("deduction_over_cap", "UPDATE deductions SET amount = 1 WHERE state = 'paid'"),
    ("deduction_untold", "UPDATE deductions SET announced_at = NULL WHERE state = 'paid'"),
    ("deduction_inconsistent", "UPDATE deductions SET charge_id = NULL WHERE state = 'paid'"),
    ("deduction_inconsistent", "UPDATE deductions SET next_at = NULL WHERE state = 'announced'"),
    ("deduction_of_nobody", "UPDATE deductions SET charge_id = 'other' WHERE state = 'paid'"),
    ("deduction_after_the_end", "UPDATE contracts SET state = 'ending'"),
    ("contract_inconsistent", "UPDATE contracts SET contract_id = NULL"),
    ("contract_inconsistent", "UPDATE contracts SET next_query_at = NULL"),
    ("contract_overdue", "UPDATE contracts SET next_query_at = 1"),
]


class _TakenBack(Exception):
    """Undoes a planted fault."""


async def test_every_planted_fault_is_found(autopay: ContractWorld) -> None:
    contract = await autopay.active()
    await autopay.deducted(contract)
    other = await autopay.active(customer_id="cus-2")
    await autopay.due(other, autopay.line("E2"))
    await autopay.sweep()
    assert await autopay.audit() == []
    checks = {check.name: check for check in CHECKS}
    # Two deductions of one period the database itself refuses; see the next test.
    assert {name for name, _ in FAULTS} == set(checks) - {"deduction_twice"}

    for name, statement in FAULTS:
        check, found = checks[name], list[str]()
        values = () if check.older_than is None else (int(autopay.world.clock.now().timestamp()) * 1_000_000,)

        async def plant(
            tx: Tx,
            sql: str = statement,
            query: str = check.sql,
            values: tuple[int, ...] = values,
            found: list[str] = found,
        ) -> None:
            await tx.execute(sql)
            found.extend(str(row["id"]) for row in await tx.rows(query, *values))
            raise _TakenBack

        with pytest.raises(_TakenBack):
            await autopay.world.database.effect(plant)
        assert found, (name, statement)


@pytest.mark.parametrize("column", ["period", "bill_key"])
async def test_two_deductions_of_one_period_or_bill_are_found_where_no_index_refuses_them(
    autopay: ContractWorld, column: str
) -> None:
    await autopay.deducted(await autopay.active())
    world = autopay.world
    for name in ("uq_deductions_period", "uq_deductions_bill"):
        await world.execute(f"DROP INDEX {name}")
    other = {"period": "bill_key", "bill_key": "period"}[column]
    fresh = {"period": "period + 100", "bill_key": "'another'"}[other]
    columns = {"id": "'ded_2'", other: fresh}
    names = "id, contract_id, period, bill_key, amount, line_sealed, day, state, trace_id, created_at, changed_at"
    picked = ", ".join(columns.get(name, name) for name in names.split(", "))
    await world.execute(f"INSERT INTO deductions ({names}) SELECT {picked} FROM deductions")  # noqa: S608 - Planted.

    found = [finding.check for finding in await autopay.audit()]

    assert "deduction_twice" in found
