"""Each check of sharing finds the fault that it is there for, planted by SQL."""

# ruff: noqa: S608 - Faults are planted by SQL put together here.

import pytest

from bot.payments.facts import Declined
from bot.payments.sharing.invariants import CHECKS
from bot.storage.port import Tx
from tests.payments.sharing.rig import ShareWorld

DONE = "(SELECT MIN(id) FROM shares WHERE state = 'done')"
PART = f"(SELECT MIN(id) FROM share_parts WHERE share_id = {DONE})"
YEAR = 400 * 86_400.0
POSTING = (
    "INSERT INTO postings (journal, entry_no, source, destination, amount, asset, trace_id, at) "
    "VALUES ('planted', 0, '{0}', '{1}', 1, 'CNY', 't', 1)"
)
FAULTS = [
    ("share_sum_differs", f"UPDATE shares SET rest = rest + 1 WHERE id = {DONE}"),
    ("share_sum_differs", "UPDATE shares SET rest = 0 WHERE state = 'planned'"),
    ("share_of_another", f"UPDATE shares SET paid = paid + 1 WHERE id = {DONE}"),
    ("share_of_another", f"UPDATE shares SET transaction_id = 'other' WHERE id = {DONE}"),
    ("share_undated", f"UPDATE share_parts SET succeeded_at = NULL WHERE id = {PART}"),
    ("share_undated", "UPDATE share_returns SET succeeded_at = 1 WHERE state = 'failed'"),
    ("share_over_cap", f"UPDATE share_parts SET amount = amount * 9 WHERE share_id = {DONE}"),
    ("share_inconsistent", f"UPDATE share_parts SET state = 'pending' WHERE id = {PART}"),
    ("share_inconsistent", f"UPDATE shares SET state = 'sent' WHERE id = {DONE}"),
    ("sharing_differs", POSTING.format("merchant:mer:due", "sharing:scripted:main")),
    ("shared_differs", f"UPDATE share_parts SET amount = amount + 1 WHERE id = {PART}"),
    ("share_returned_too_much", "UPDATE share_returns SET amount = 99999 WHERE state = 'succeeded'"),
    ("refund_before_return", "UPDATE refunds SET state = 'pending', next_query_at = 1 WHERE state = 'approved'"),
    ("share_return_silent", "UPDATE share_returns SET state = 'sent' WHERE state = 'failed'"),
    ("share_rule_of_one_name", "UPDATE share_rules SET decided_by = proposed_by"),
    ("share_off_desk", "DELETE FROM outbox WHERE kind = 'case'"),
    ("share_forgotten", "UPDATE orders SET paid_at = 1"),
    ("share_overdue", "UPDATE shares SET next_query_at = 1 WHERE state = 'planned'"),
]


class _TakenBack(Exception):
    """Undoes a planted fault."""


async def test_every_planted_fault_is_found(sharing: ShareWorld) -> None:
    """One world: shared, planned, returned, and a return that was refused."""
    world = sharing.world
    await sharing.shared(world.meal(10_000))
    back, _ = await sharing.shared(world.meal(10_000))
    await world.refund(back)
    await sharing.work_off()
    kept, _ = await sharing.shared(world.meal(10_000))
    await world.refund(kept)
    world.gateway.scripts["take_back"].extend([Declined("no")] * 2)
    await sharing.work_off()
    await world.settled()
    assert await sharing.audit() == []
    checks = {check.name: check for check in CHECKS}
    assert {name for name, _ in FAULTS} == set(checks)

    for name, statement in FAULTS:
        check, found = checks[name], list[str]()
        values = () if check.older_than is None else (int(world.clock.now().timestamp()) * 1_000_000,)

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
            await world.database.effect(plant)
        assert found, (name, statement)
