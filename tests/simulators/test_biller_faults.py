"""Each fault of the biller simulator's table, provoked by an account's last digits."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from bot.simulators.biller import Account
from bot.simulators.clock import ManualClock
from bot.simulators.faults import BILLER_FAULTS
from tests.simulators.biller_rig import BILL, LOST, Caller, advice, running
from tests.simulators.pay_rig import until


def _home(suffix: int) -> Account:
    return Account(f"01000000{suffix}", "张*明", "", "electricity", bills=(BILL,))


@asynccontextmanager
async def faulty(suffix: int, **changes: Any) -> AsyncIterator[tuple[Caller, dict[str, Any]]]:
    """A biller with one account that ends in the fault's digits, and what an advice on it adds."""
    home = _home(suffix)
    async with running(**{"accounts": (home,), **changes}) as caller:
        yield caller, {"account": home.account}


async def test_80_81_82_query() -> None:
    async with faulty(80) as (caller, where):
        assert await caller.query(**where) == {"result": "later", "retry_after": 2}
        assert (await caller.query(**where))["result"] == "found"
    async with faulty(81) as (caller, where):
        assert (await caller.call("bills/query", {**where, "item": "electricity"})).status == 500
        assert (await caller.query(**where))["result"] == "found"
    async with faulty(82) as (caller, where):
        for _ in range(2):
            with pytest.raises(LOST):
                await caller.query(**where)


async def test_83_84_pending_then_decided() -> None:
    clock = ManualClock()
    for suffix, result in ((83, "settled"), (84, "refused")):
        async with faulty(suffix, clock=clock) as (caller, where):
            first = await caller.advise("oln_1", **where)
            again = await caller.advise("oln_1", **where)
            await clock.advance(5)

            assert first == again == {"result": "pending", "retry_after": 5.0}
            assert (await caller.told("payments/status", line_id="oln_1"))["result"] == result
            assert ("oln_1" in await caller.control("settled")) == (result == "settled")


@pytest.mark.parametrize(("suffix", "code"), [(85, "paid_elsewhere"), (86, "closed")])
async def test_85_86_refused(suffix: int, code: str) -> None:
    async with faulty(suffix) as (caller, where):
        answer = await caller.advise("oln_1", **where)
        assert (answer["result"], answer["code"]) == ("refused", code)


async def test_87_settled_but_unheard() -> None:
    async with faulty(87) as (caller, where):
        with pytest.raises(LOST):
            await caller.advise("oln_1", **where)
        assert (await caller.told("payments/status", line_id="oln_1"))["result"] == "settled"
        assert (await caller.advise("oln_1", **where))["result"] == "settled"


async def test_88_89_nothing_done_at_first() -> None:
    async with faulty(88) as (caller, where):
        for _ in range(2):
            assert (await caller.call("payments/advise", advice("oln_1", **where))).status == 500
        assert await caller.told("payments/status", line_id="oln_1") == {"result": "unknown"}
        assert (await caller.advise("oln_1", **where))["result"] == "settled"
    async with faulty(89) as (caller, where):
        with pytest.raises(LOST):
            await caller.advise("oln_1", **where)
        assert await caller.told("payments/status", line_id="oln_1") == {"result": "unknown"}


@pytest.mark.parametrize("suffix", [90, 91, 92, 93])
async def test_90_to_93_first_answers_spoiled(suffix: int) -> None:
    async with faulty(suffix) as (caller, where):
        answer = await caller.call("payments/advise", advice("oln_1", **where))

        assert answer.status == 200
        assert answer.signed == (suffix == 93)
        if suffix == 93:
            with pytest.raises(json.JSONDecodeError):
                _ = answer.json
        assert (await caller.advise("oln_1", **where))["result"] == "settled"


async def test_94_undo_pending() -> None:
    clock = ManualClock()
    async with faulty(94, clock=clock) as (caller, where):
        await caller.advise("oln_1", **where)
        assert (await caller.undo("oln_1"))["result"] == "pending"
        assert await caller.control("settled") == {"oln_1": 12850}
        await clock.advance(5)
        assert (await caller.told("payments/undo_status", line_id="oln_1"))["result"] == "reversed"
        assert await caller.control("settled") == {}


async def test_95_undo_refused() -> None:
    async with faulty(95) as (caller, where):
        await caller.advise("oln_1", **where)
        assert [(await caller.undo("oln_1"))["code"] for _ in range(2)] == ["used", "used"]
        assert await caller.control("settled") == {"oln_1": 12850}


async def test_96_97_undo_lost_and_500() -> None:
    async with faulty(96) as (caller, where):
        await caller.advise("oln_1", **where)
        with pytest.raises(LOST):
            await caller.undo("oln_1")
        assert (await caller.told("payments/undo_status", line_id="oln_1"))["result"] == "reversed"
    async with faulty(97) as (caller, where):
        await caller.advise("oln_1", **where)
        facts = {"line_id": "oln_1", "amount": 12850, "reason": "x"}
        assert (await caller.call("payments/undo", facts)).status == 500
        assert await caller.told("payments/undo_status", line_id="oln_1") == {"result": "unknown"}
        assert (await caller.undo("oln_1"))["result"] == "reversed"


@pytest.mark.parametrize(("suffix", "undone"), [(83, "reversed"), (84, "refused")])
async def test_an_undo_of_a_pending_advice_waits_for_it(suffix: int, undone: str) -> None:
    clock = ManualClock()
    async with faulty(suffix, clock=clock) as (caller, where):
        await caller.advise("oln_1", **where)
        assert (await caller.undo("oln_1"))["result"] == "pending"
        await clock.advance(5)
        assert (await caller.told("payments/undo_status", line_id="oln_1"))["result"] == undone
        assert (await caller.undo("oln_1"))["result"] == undone
        assert await caller.control("settled") == {}


async def test_by_rate_and_by_force() -> None:
    async with running(faults_by_account=False, rates={"advise_500": 1.0}) as caller:
        assert (await caller.call("payments/advise", advice("oln_1"))).status == 500
        await caller.control("faults", {"rates": {}, "next": ["paid_elsewhere"]})
        assert (await caller.advise("oln_1"))["code"] == "paid_elsewhere"
        assert "error" in await caller.control("faults", {"next": ["typo"]})
        assert len((await caller.control("faults"))["table"]) == len(BILLER_FAULTS)


async def test_a_lost_answer_does_not_hold_up_the_end() -> None:
    started = time.monotonic()
    async with aiohttp.ClientSession() as session:
        async with faulty(82, hang_seconds=60.0) as (caller, where):
            caller.session = session
            waiting = asyncio.create_task(caller.query(**where))
            await until(lambda: caller.biller.calls["query"] == 1)
        with pytest.raises(LOST):
            await waiting

    assert time.monotonic() - started < 5


async def test_pending_work_ends_with_the_biller() -> None:
    async with faulty(83, clock=ManualClock()) as (caller, where):
        await caller.advise("oln_1", **where)
        background = caller.biller.background
        assert len(background) == 1

    assert len(background) == 0
