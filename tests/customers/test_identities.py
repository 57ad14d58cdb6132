"""Customers by the names that channels give: one customer a name, whoever comes at once, and no name in the clear."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.customers.identities import Address, Customer, Identities
from bot.kernel.clock import ManualClock
from bot.kernel.errors import BotError
from bot.storage.database import connect
from bot.storage.port import Database
from bot.storage.vault import Vault
from tests.billers import samples
from tests.billers.samples import OTHER_SECRET, SECRET

OPENID = "oABCDEFGHIJKLMNOPQRSTUVWXYZ0"
MINI = "oMINI0000000000000000000000"
UNION = "uUNION000000000000000000000"


async def count(database: Database, table: str) -> int:
    rows = {"customers": "SELECT id FROM customers", "identities": "SELECT id FROM identities"}
    return len(await database.rows(rows[table]))


async def sizes(database: Database) -> tuple[int, int]:
    return await count(database, "customers"), await count(database, "identities")


# --- one name --------------------------------------------------------------------------------------------------------


async def test_a_name_is_one_customer(database: Database, identities: Identities) -> None:
    first = await identities.recognise("official", "main", OPENID)

    assert first.script == "zh_hans"
    assert await identities.recognise("official", "main", OPENID) == first
    assert await sizes(database) == (1, 1)


async def test_one_name_in_two_accounts_or_channels_is_two_customers(
    database: Database, identities: Identities
) -> None:
    """Openids of two accounts have nothing to do with each other, even when they are spelt alike."""
    who = [
        await identities.recognise(*key, OPENID)
        for key in (("official", "main"), ("official", "second"), ("mini", "main"))
    ]

    assert len({each.id for each in who}) == 3
    assert await sizes(database) == (3, 3)


async def test_a_script_is_remembered(identities: Identities) -> None:
    who = await identities.recognise("official", "main", OPENID, script="zh_hant")
    assert who.script == "zh_hant"

    await identities.set_script(who.id, "en")

    assert await identities.recognise("official", "main", OPENID) == Customer(who.id, "en")


@pytest.mark.parametrize("unionid", [None, UNION])
async def test_first_messages_at_once_are_one_customer(
    database: Database, identities: Identities, unionid: str | None
) -> None:
    who = await asyncio.gather(*(identities.recognise("official", "main", OPENID, unionid=unionid) for _ in range(12)))

    assert len({each.id for each in who}) == 1
    assert await sizes(database) == (1, 1), "and nobody without a name is left behind"


async def test_first_messages_of_which_some_know_the_unionid(database: Database, identities: Identities) -> None:
    who = await asyncio.gather(
        *(
            identities.recognise("official", "main", OPENID, unionid=UNION if number % 2 else None)
            for number in range(12)
        )
    )

    assert len({each.id for each in who}) == 1
    assert await sizes(database) == (1, 1)
    linked = await identities.recognise("mini", "shop", MINI, unionid=UNION)
    assert linked.id == who[0].id


async def test_who_was_slower_gets_the_customer_and_script_that_stand(
    database: Database, keys: Vault, clock: ManualClock
) -> None:
    """The look before the transaction found nobody, and in the transaction somebody is there."""

    class Late(Identities):
        async def first_look(self) -> None:
            await Identities(database, keys, clock).recognise("official", "main", OPENID, script="en")

    late = Late(database, keys, clock)
    original = database.row

    async def looked(sql: Any, *values: Any) -> Any:
        found = await original(sql, *values)
        if found is None:
            await late.first_look()
        return found

    class Slow:
        row = staticmethod(looked)
        effect = staticmethod(database.effect)

    late._database = Slow()  # type: ignore[assignment]
    who = await late.recognise("official", "main", OPENID, script="zh_hant")

    assert who.script == "en"
    assert await sizes(database) == (1, 1)


# --- one unionid -----------------------------------------------------------------------------------------------------


async def test_names_that_share_a_unionid_are_one_customer(database: Database, identities: Identities) -> None:
    official = await identities.recognise("official", "main", OPENID, unionid=UNION)
    await identities.set_script(official.id, "zh_hant")

    mini = await identities.recognise("mini", "shop", MINI, unionid=UNION)

    assert mini == Customer(official.id, "zh_hant")
    assert await sizes(database) == (1, 2)


async def test_names_that_share_a_unionid_at_once(database: Database, identities: Identities) -> None:
    who = await asyncio.gather(
        *(
            identities.recognise("official", f"account{number}", f"{OPENID}{number}", unionid=UNION)
            for number in range(8)
        )
    )

    assert len({each.id for each in who}) == 1
    assert await sizes(database) == (1, 8)


async def test_a_unionid_that_is_learnt_later_links_who_comes_after(database: Database, identities: Identities) -> None:
    official = await identities.recognise("official", "main", OPENID)
    assert await identities.recognise("official", "main", OPENID, unionid=UNION) == official

    mini = await identities.recognise("mini", "shop", MINI, unionid=UNION)

    assert mini.id == official.id
    assert await sizes(database) == (1, 2)


async def test_a_name_keeps_its_customer_when_its_unionid_turns_out_to_be_anothers(
    database: Database, identities: Identities
) -> None:
    """Orders and receipts hang on the customer; a message does not join two of them."""
    official = await identities.recognise("official", "main", OPENID)
    mini = await identities.recognise("mini", "shop", MINI, unionid=UNION)
    assert official.id != mini.id

    for _ in range(2):
        assert (await identities.recognise("official", "main", OPENID, unionid=UNION)).id == official.id
    third = await identities.recognise("official", "second", OPENID, unionid=UNION)

    assert third.id == mini.id, "who comes after goes to the first who had it"
    assert await sizes(database) == (2, 3)


async def test_customers_who_learn_one_unionid_at_once_stay_and_one_of_them_has_it(
    database: Database, identities: Identities
) -> None:
    keys = [("official", f"account{number}", OPENID) for number in range(6)]
    before = [await identities.recognise(*key) for key in keys]

    after = await asyncio.gather(*(identities.recognise(*key, unionid=UNION) for key in keys))

    assert list(after) == before
    rows = await database.rows("SELECT id FROM customers WHERE unionid_hash IS NOT NULL")
    assert len(rows) == 1


async def test_without_unionid_nobody_is_linked(database: Database, identities: Identities) -> None:
    await identities.recognise("official", "main", OPENID, unionid="")
    await identities.recognise("mini", "shop", MINI, unionid="")

    assert await sizes(database) == (2, 2)


async def test_a_known_name_costs_one_look_and_no_write(database: Database, keys: Vault, clock: ManualClock) -> None:
    await Identities(database, keys, clock).recognise("official", "main", OPENID, unionid=UNION)
    done: list[str] = []

    class Watched:
        async def row(self, sql: Any, *values: Any) -> Any:
            done.append("row")
            return await database.row(sql, *values)

        async def effect(self, work: Any) -> Any:
            done.append("effect")
            return await database.effect(work)

    for unionid in (None, UNION):
        await Identities(Watched(), keys, clock).recognise("official", "main", OPENID, unionid=unionid)  # type: ignore[arg-type]

    assert done == ["row", "row"]


events = st.lists(st.tuples(st.integers(0, 3), st.sampled_from([None, "u1", "u2"])), min_size=1, max_size=12)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events)
async def test_any_course_of_names_keeps_the_book_in_order(
    tmp_path: Path, sqlite_template: Path, course: list[tuple[int, str | None]]
) -> None:
    """A name never changes its customer, and no customer is without a name."""
    target = tmp_path / "book.db"
    target.write_bytes(sqlite_template.read_bytes())
    clock = ManualClock(samples.START)
    database = await connect(f"sqlite:///{target}", clock)
    try:
        identities = Identities(database, samples.vault(), clock)
        known: dict[int, str] = {}
        for name, unionid in course:
            who = await identities.recognise("official", "main", f"{OPENID}{name}", unionid=unionid)
            assert known.setdefault(name, who.id) == who.id
        lonely = await database.rows(
            "SELECT c.id FROM customers c LEFT JOIN identities i ON i.customer_id = c.id WHERE i.id IS NULL"
        )
        assert lonely == []
        assert await count(database, "identities") == len(known)
    finally:
        await database.close()
        for part in tmp_path.glob("book.db*"):
            part.unlink()


# --- writing to them -------------------------------------------------------------------------------------------------


async def test_an_address(identities: Identities) -> None:
    who = await identities.recognise("official", "main", OPENID, script="zh_hant")

    assert await identities.address(who.id, "official", "main") == Address("official", "main", OPENID, "zh_hant")
    assert await identities.address(who.id, "official", "second") is None
    assert await identities.address("cus_none", "official", "main") is None


def test_an_openid_is_not_printed_with_the_value_that_holds_it() -> None:
    assert OPENID not in repr(Address("official", "main", OPENID, "en"))


async def test_who_has_left_is_written_to_no_more_until_they_come_back(identities: Identities) -> None:
    who = await identities.recognise("official", "main", OPENID)

    await identities.set_reachable("official", "main", OPENID, False)
    assert await identities.address(who.id, "official", "main") is None
    await identities.set_reachable("official", "main", OPENID, True)
    assert await identities.address(who.id, "official", "main") is not None


async def test_of_two_names_in_one_account_the_one_seen_last(identities: Identities, clock: ManualClock) -> None:
    who = await identities.recognise("official", "main", OPENID, unionid=UNION)
    await identities.recognise("official", "main", MINI, unionid=UNION)
    clock.advance(60)
    await identities.set_reachable("official", "main", OPENID, True)

    address = await identities.address(who.id, "official", "main")

    assert address is not None
    assert address.subject == OPENID


async def test_a_stranger_who_leaves_is_no_trouble(database: Database, identities: Identities) -> None:
    await identities.set_reachable("official", "main", OPENID, False)

    assert await sizes(database) == (0, 0)


# --- at rest ---------------------------------------------------------------------------------------------------------


async def test_no_openid_lies_in_the_file(sqlite_url: str, clock: ManualClock, keys: Vault) -> None:
    database = await connect(sqlite_url, clock)
    await Identities(database, keys, clock).recognise("official", "main", OPENID, unionid=UNION)
    await database.close()

    path = Path(sqlite_url.removeprefix("sqlite:///"))
    body = b"".join(part.read_bytes() for part in path.parent.glob(f"{path.name}*"))
    assert b"official" in body
    assert OPENID.encode() not in body
    assert UNION.encode() not in body


async def test_names_outlive_a_change_of_keys(database: Database, identities: Identities, clock: ManualClock) -> None:
    who = await identities.recognise("official", "main", OPENID, unionid=UNION)
    rotated = Identities(database, samples.vault(OTHER_SECRET, SECRET), clock)

    assert await rotated.recognise("official", "main", OPENID) == who
    assert (await rotated.recognise("mini", "shop", MINI, unionid=UNION)).id == who.id
    address = await rotated.address(who.id, "official", "main")
    assert address is not None
    assert address.subject == OPENID


async def test_without_the_old_key_nothing_is_told_and_nothing_is_made_up(
    database: Database, identities: Identities, clock: ManualClock
) -> None:
    who = await identities.recognise("official", "main", OPENID)
    forgetful = Identities(database, samples.vault(OTHER_SECRET), clock)

    with pytest.raises(BotError, match="undecipherable"):
        await forgetful.address(who.id, "official", "main")
