"""Saved accounts: one's own only, the one used last first, and sealed."""

import asyncio
from pathlib import Path

import pytest

from bot.customers.accounts import KEPT_MAX, SavedAccount, SavedAccounts
from bot.customers.identities import Identities
from bot.kernel.clock import ManualClock
from bot.kernel.errors import BotError
from bot.storage.database import connect
from bot.storage.port import Database
from bot.storage.vault import Vault
from tests.billers import samples
from tests.billers.samples import OTHER_SECRET, SECRET

METER = "0512345678"


@pytest.fixture
async def me(identities: Identities) -> str:
    return (await identities.recognise("official", "main", "oME")).id


@pytest.fixture
async def other(identities: Identities) -> str:
    return (await identities.recognise("official", "main", "oOTHER")).id


async def save(
    saved: SavedAccounts,
    who: str,
    account: str = METER,
    *,
    item: str = "itm_power",
    scene: str = "electricity",
    fields: dict[str, str] | None = None,
) -> None:
    await saved.save(who, scene=scene, item_id=item, account=account, mask=f"****{account[-4:]}", fields=fields or {})


async def accounts(saved: SavedAccounts, who: str, scene: str | None = None) -> list[str]:
    return [each.account for each in await saved.of(who, scene)]


async def test_what_was_saved_comes_back_whole(saved: SavedAccounts, me: str) -> None:
    await save(saved, me, fields={"owner": "陈晓明"})

    (found,) = await saved.of(me)

    assert found == SavedAccount(found.id, "itm_power", "electricity", METER, "****5678", fields={"owner": "陈晓明"})


async def test_the_one_used_last_comes_first(saved: SavedAccounts, me: str, clock: ManualClock) -> None:
    for account in ("0500000001", "0500000002", "0500000001", "0500000003"):
        clock.advance(1)
        await save(saved, me, account)

    assert await accounts(saved, me) == ["0500000003", "0500000001", "0500000002"]


async def test_saving_again_changes_the_fields_and_makes_no_second(saved: SavedAccounts, me: str) -> None:
    await save(saved, me, fields={"owner": "陈晓明"})
    (before,) = await saved.of(me)
    await save(saved, me, fields={"owner": "林美华"})
    (after,) = await saved.of(me)

    assert (after.id, after.fields) == (before.id, {"owner": "林美华"})
    await save(saved, me)
    assert (await saved.of(me))[0].fields == {}


async def test_one_number_at_two_billers_is_two_accounts(saved: SavedAccounts, me: str) -> None:
    await save(saved, me, item="itm_power")
    await save(saved, me, item="itm_water", scene="water")

    assert len(await saved.of(me)) == 2
    assert [each.item_id for each in await saved.of(me, "water")] == ["itm_water"]
    assert await saved.of(me, "gas") == []


async def test_saved_at_once(saved: SavedAccounts, me: str) -> None:
    await asyncio.gather(*(save(saved, me) for _ in range(8)))

    assert await accounts(saved, me) == [METER]


async def test_nobody_finds_or_forgets_what_is_anothers(saved: SavedAccounts, me: str, other: str) -> None:
    await save(saved, other)
    (theirs,) = await saved.of(other)

    assert await saved.of(me) == []
    assert await saved.of(me, "electricity") == []
    assert await saved.forget(me, theirs.id) is False
    assert await accounts(saved, other) == [METER]


async def test_the_same_number_of_two_customers_does_not_show(
    database: Database, saved: SavedAccounts, me: str, other: str
) -> None:
    """Both pay for one flat, and each has a row of their own."""
    await save(saved, me, fields={"owner": "陈晓明"})
    await save(saved, other, fields={"owner": "林美华"})

    assert [each.fields for each in await saved.of(me)] == [{"owner": "陈晓明"}]
    sealed = [row["account_sealed"] for row in await database.rows("SELECT account_sealed FROM saved_accounts")]
    assert sealed[0] != sealed[1]


async def test_many_who_ask_at_once_each_get_their_own(
    saved: SavedAccounts, identities: Identities, clock: ManualClock
) -> None:
    """On PostgreSQL their questions share round trips."""
    people = [(await identities.recognise("official", "main", f"o{number}")).id for number in range(6)]
    for number, who in enumerate(people[:-1]):
        for scene in ("electricity", "water"):
            for place in range(number % 3 + 1):
                clock.advance(1)
                await save(saved, who, f"05{number:04d}{place:04d}", scene=scene, item=f"itm_{scene}")
    asked = [(who, scene) for who in people for scene in ("electricity", "water", "gas")]
    alone = [await saved.of(*each) for each in asked]

    together = await asyncio.gather(*(saved.of(*each) for each in asked * 4))

    assert together == alone * 4
    assert [len(each) for each in alone[::3]] == [1, 2, 3, 1, 2, 0]


async def test_forgetting(saved: SavedAccounts, me: str) -> None:
    await save(saved, me, "0500000001")
    await save(saved, me, "0500000002")
    doomed = next(each for each in await saved.of(me) if each.account == "0500000001")

    assert await saved.forget(me, doomed.id) is True
    assert await saved.forget(me, doomed.id) is False
    assert await accounts(saved, me) == ["0500000002"]


async def test_nobody_fills_the_table(saved: SavedAccounts, me: str, other: str, clock: ManualClock) -> None:
    await save(saved, other)
    for number in range(KEPT_MAX + 5):
        clock.advance(1)
        await save(saved, me, f"{number:010d}")

    kept = await accounts(saved, me)
    assert kept == [f"{number:010d}" for number in range(KEPT_MAX + 4, 4, -1)]
    assert await accounts(saved, other) == [METER]


def test_an_account_is_not_printed_with_the_value_that_holds_it() -> None:
    printed = repr(SavedAccount("acc_1", "itm", "s", METER, "****5678", fields={"owner": "陈晓明"}))

    assert METER not in printed
    assert "陈晓明" not in printed


async def test_nothing_lies_in_the_file_in_the_clear(sqlite_url: str, clock: ManualClock, keys: Vault) -> None:
    database = await connect(sqlite_url, clock)
    who = (await Identities(database, keys, clock).recognise("official", "main", "oME")).id
    await save(SavedAccounts(database, keys, clock), who, fields={"owner": "陈晓明", "card": "6222021234567890"})
    await database.close()

    path = Path(sqlite_url.removeprefix("sqlite:///"))
    body = b"".join(part.read_bytes() for part in path.parent.glob(f"{path.name}*"))
    assert b"itm_power" in body
    for secret in (METER, "陈晓明", "6222021234567890"):
        assert secret.encode() not in body


async def test_a_new_key_opens_the_old_and_use_seals_anew(
    database: Database, saved: SavedAccounts, me: str, clock: ManualClock
) -> None:
    await save(saved, me, fields={"owner": "陈晓明"})
    rotated = samples.vault(OTHER_SECRET, SECRET)
    mine = SavedAccounts(database, rotated, clock)

    async def sealed() -> bytes:
        row = await database.row("SELECT account_sealed FROM saved_accounts")
        assert row is not None
        return bytes(row["account_sealed"])

    assert [each.account for each in await mine.of(me)] == [METER]
    assert rotated.needs_rotation(await sealed())
    await save(mine, me)
    assert [each.account for each in await mine.of(me)] == [METER], "still one: its blind outlived the rotation"
    assert not rotated.needs_rotation(await sealed())


async def test_a_blob_from_another_column_does_not_open(
    database: Database, saved: SavedAccounts, keys: Vault, me: str
) -> None:
    """Whoever can write to the table cannot pass an openid off as an account."""
    await save(saved, me)
    foreign = keys.seal("oOTHER", "identities.subject")
    await database.effect(lambda tx: tx.execute("UPDATE saved_accounts SET account_sealed = $1", foreign))

    with pytest.raises(BotError, match="undecipherable"):
        await saved.of(me)
