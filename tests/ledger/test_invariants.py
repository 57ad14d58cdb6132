"""The ledger's own checks: clean books are clean, and each fault is found where it is (see also tests/payments)."""

from bot.ledger import invariants
from bot.ledger.postings import Posting, Refs, post
from bot.storage.port import Database, Tx
from tests.ledger.conftest import NOW

PLANT = """
INSERT INTO postings (journal, entry_no, source, destination, amount, trace_id, at) VALUES ($1, $2, $3, $4, $5, 't', 1)
"""


async def test_clean_books_have_no_findings(database: Database) -> None:
    postings = (Posting("payers:w", "clearing:w:main", 5), Posting("clearing:w:main", "suspense:w:main", 5))
    await database.effect(lambda tx: post(tx, "suspend:1", postings, Refs("t"), NOW))

    assert await invariants.inspect(database, NOW) == []


async def test_each_fault_is_named_with_its_offender(database: Database) -> None:
    async def plant(journal: str, entry: int, source: str, destination: str) -> None:
        await database.effect(lambda tx: tx.execute(PLANT, journal, entry, source, destination, 5))

    await plant("left in the door", 0, "payers:w", "clearing:w:main")
    await plant("half", 1, "payers:w", "merchant:m:due")
    await plant("overdrawn", 0, "suspense:w:main", "payers:w")
    await plant("overdrawn refund", 0, "refunding:w:main", "payers:w")
    await plant("overdrawn share", 0, "sharing:w:main", "payers:w")
    await plant("overdrawn receiver", 0, "shared:m:agent", "payers:w")
    await plant("foreign", 0, "payers:w", "pocket:mine")

    found = {finding.check: finding for finding in await invariants.inspect(database, NOW)}

    assert found["clearing_not_zero"].ids == ("left in the door",)
    assert found["journal_gap"].ids == ("half",)
    assert found["suspense_negative"].ids == ("suspense:w:main",)
    assert found["refunding_negative"].ids == ("refunding:w:main",)
    assert found["sharing_negative"].ids == ("sharing:w:main",)
    assert found["shared_negative"].ids == ("shared:m:agent",)
    assert found["account_unknown"].count == 1
    assert set(found) == {check.name for check in invariants.CHECKS} - {"checkpoint_wrong"}


async def test_many_offenders_are_counted_and_the_first_are_named(database: Database) -> None:
    async def plant_all(tx: Tx) -> None:
        for number in range(invariants.IDS_SHOWN_MAX + 5):
            await tx.execute(PLANT, f"half{number}", 1, "payers:w", "fees:w:main", 1)

    await database.effect(plant_all)

    [finding] = await invariants.inspect(database, NOW)
    assert (finding.count, len(finding.ids)) == (invariants.IDS_SHOWN_MAX + 5, invariants.IDS_SHOWN_MAX)
