"""Tokens of codes: unguessable, pausable, and gone for good once revoked."""

import pytest

from bot.billers.codes import CodeToken, add_code, read_code, set_code_state
from bot.kernel.clock import ManualClock
from bot.kernel.errors import NotFound
from bot.storage.port import Database
from qrcodes.tokens import is_token, new_token


async def added(database: Database, clock: ManualClock, **more: str) -> str:
    return await database.effect(lambda tx: add_code(tx, clock, kind="static", merchant_id="mer_sun", **more))


async def test_a_code_stands_for_what_it_was_made_for(database: Database, clock: ManualClock) -> None:
    token = await added(database, clock, store_id="sto_sun", item_id="itm_meal", label="1 号桌")

    assert is_token(token)
    assert await read_code(database, token) == CodeToken(
        token, "static", "mer_sun", "sto_sun", "itm_meal", None, "1 号桌", "active"
    )


async def test_a_code_for_an_order(database: Database, clock: ManualClock) -> None:
    token = await database.effect(lambda tx: add_code(tx, clock, kind="order", merchant_id="mer_sun", order_id="ord_1"))

    code = await read_code(database, token)
    assert (code.kind, code.order_id, code.store_id) == ("order", "ord_1", None)


async def test_a_token_may_be_brought_along(database: Database, clock: ManualClock) -> None:
    printed = new_token()

    assert await added(database, clock, token=printed) == printed


async def test_an_unknown_token(database: Database) -> None:
    with pytest.raises(NotFound, match="code_unknown"):
        await read_code(database, new_token())


async def test_paused_and_resumed_and_revoked_for_good(database: Database, clock: ManualClock) -> None:
    token = await added(database, clock)

    async def becomes(state: str) -> tuple[bool, str]:
        done = await database.effect(lambda tx: set_code_state(tx, clock, token, state, actor="li"))  # type: ignore[arg-type]
        return done, (await read_code(database, token)).state

    assert await becomes("paused") == (True, "paused")
    assert await becomes("active") == (True, "active")
    assert await becomes("revoked") == (True, "revoked")
    for state in ("active", "paused", "revoked"):
        assert await becomes(state) == (False, "revoked")


async def test_an_unknown_code_has_no_state(database: Database, clock: ManualClock) -> None:
    assert await database.effect(lambda tx: set_code_state(tx, clock, new_token(), "paused", actor="li")) is False
