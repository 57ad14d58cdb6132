"""What is enqueued is there once, is there only after its commit, and tells nobody a customer's secrets."""

import json
from datetime import timedelta

import pytest

from bot.jobs import payload
from bot.jobs.leases import FINISH, Finished
from bot.jobs.outbox import CHANNEL, enqueue
from bot.kernel.clock import to_micros
from bot.kernel.masking import Secret
from bot.storage.port import Database, Tx
from bot.storage.vault import Undecipherable, Vault
from tests.jobs.rig import START, new, put, rows, take

OPENID = "oCustomer0000000000000000001"


async def test_a_job_is_ready_as_it_was_given(database: Database) -> None:
    await put(database, new("a", payload={"words": "缴费"}), new("b", due_at=START + timedelta(minutes=5)))

    first, second = await rows(database)
    assert (first["state"], first["attempts"], first["dest"], first["trace_id"]) == ("ready", 0, "ann", "trc_a")
    assert (json.loads(first["payload"]), first["due_at"]) == ({"words": "缴费"}, to_micros(START))
    assert second["due_at"] - second["created_at"] == 300_000_000


async def test_the_same_kind_and_key_is_one_job_however_it_comes(database: Database) -> None:
    await put(database, new("a", payload={"n": 1}), new("a", payload={"n": 2}), new("b"))
    await put(database, new("a", payload={"n": 3}))
    await put(database, new("a", kind="parcel"), new("b"))

    assert [(row["kind"], row["key"]) for row in await rows(database)] == [
        ("letter", "a"),
        ("letter", "b"),
        ("parcel", "a"),
    ]


async def test_the_key_of_a_done_job_stays_taken(database: Database) -> None:
    await put(database, new("a"))
    (leased,) = await take(database)
    await database.batch(FINISH, Finished(leased.id, "me", "done", 0, None, 1))
    await put(database, new("a"))

    assert await take(database) == []


async def test_what_is_rolled_back_was_never_enqueued(database: Database) -> None:
    async def work(tx: Tx) -> None:
        await enqueue(tx, [new("a")], START)
        raise ValueError

    with pytest.raises(ValueError):
        await database.effect(work)

    assert await rows(database) == []


async def test_the_commit_wakes_whoever_waits(database: Database) -> None:
    await database.heard(CHANNEL, 0.01)
    await put(database, new("a"))

    assert await database.heard(CHANNEL, 5.0)


async def test_nothing_enqueued_wakes_nobody(database: Database) -> None:
    # PostgreSQL's listener rings once when it is there: something may have been signalled before.
    while await database.heard(CHANNEL, 0.3):
        pass
    await put(database)

    assert not await database.heard(CHANNEL, 0.05)


class TestPrivate:
    """Payloads with personal data (DESIGN §4; reliability.md §5, PII)."""

    async def test_a_private_payload_is_in_no_column(self, database: Database, vault: Vault) -> None:
        letter = new("a", payload={"openid": OPENID, "text": "物业费 128.50 元"}, private=True)
        await put(database, letter, vault=vault)

        (row,) = await rows(database)
        assert OPENID not in str(row) and "128.50" not in str(row) and "物业" not in str(row)
        (leased,) = await take(database)
        assert payload.unpack(leased.payload, vault) == letter.payload

    async def test_nobody_can_forget_the_vault(self, database: Database) -> None:
        with pytest.raises(ValueError, match="vault"):
            await put(database, new("a", private=True))

        assert await rows(database) == []

    async def test_a_private_payload_is_wiped_when_it_is_done(self, database: Database, vault: Vault) -> None:
        await put(database, new("a", private=True), new("b", private=True), new("c"), vault=vault)
        for leased in await take(database):
            state = "dead" if leased.key == "b" else "done"
            await database.batch(FINISH, Finished(leased.id, "me", state, 0, None, 1))

        kept = {row["key"]: row["payload"] for row in await rows(database)}
        assert kept["a"] == payload.WIPED
        assert payload.unpack(kept["b"], vault) == {"key": "b"}
        assert json.loads(kept["c"]) == {"key": "c"}

    def test_payloads_pass_through(self, vault: Vault) -> None:
        value = {"text": "缴费 \U0001f4b0", "n": [1, 2], "none": None}

        for private in (False, True):
            packed = payload.pack(value, private=private, vault=vault)
            assert payload.unpack(packed, vault) == value
            assert packed.startswith(payload.SEALED) is private

    @pytest.mark.parametrize("text", ["", "[]", "3", "{", "sealed:", "sealed:!!", "sealed:AAAA", '"sealed:"'])
    def test_what_is_no_payload_is_refused(self, text: str, vault: Vault) -> None:
        with pytest.raises((ValueError, Undecipherable)):
            payload.unpack(text, vault)

    def test_another_key_opens_nothing(self, vault: Vault) -> None:
        packed = payload.pack({"a": 1}, private=True, vault=vault)
        stranger = Vault.from_secrets([Secret("quite another secret of at least 32")])

        with pytest.raises(Undecipherable):
            payload.unpack(packed, stranger)
        with pytest.raises(ValueError):
            payload.unpack(packed, None)
