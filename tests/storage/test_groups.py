"""Groups of items that share a commit: bounded, in order, and nobody is left waiting when they close."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from bot.storage import postgres_groups
from bot.storage.errors import StoreAway
from bot.storage.port import Batch, Tx
from bot.storage.postgres_groups import GROUP_MAX, WRITERS, Groups


async def _never_alone(_tx: Tx, _item: int) -> int:
    raise AssertionError("no item is to be carried out on its own here")


FORM: Batch[int, int] = Batch("test.groups", one=_never_alone)


class Store:
    """Carries groups out when it is let, and remembers them."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.open = asyncio.Event()

    async def run(self, _form: object, items: Sequence[int]) -> Sequence[int]:
        self.groups.append(list(items))
        await self.open.wait()
        return [item * 2 for item in items]

    async def alone(self, work: Any) -> Any:
        raise AssertionError("nothing is to be carried out on its own here")


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_comes_while_the_writers_are_busy_shares_the_next_commit() -> None:
    store = Store()
    groups = Groups(FORM, store.run, store.alone)
    tasks = []
    for item in range(WRITERS):
        tasks.append(asyncio.create_task(groups.add(item)))
        await settled()
    tasks += [asyncio.create_task(groups.add(item)) for item in range(WRITERS, 10)]
    await settled()
    assert store.groups == [[item] for item in range(WRITERS)]

    store.open.set()
    assert await asyncio.gather(*tasks) == [item * 2 for item in range(10)]
    assert store.groups[WRITERS] == list(range(WRITERS, 10))
    await groups.close()


async def test_groups_and_the_queue_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_groups, "_WAITING_MAX", 100)
    store = Store()
    groups = Groups(FORM, store.run, store.alone)
    tasks = [asyncio.create_task(groups.add(item)) for item in range(500)]
    await settled()

    assert len(groups._waiting) <= 100
    store.open.set()
    assert await asyncio.gather(*tasks) == [item * 2 for item in range(500)]
    assert max(len(group) for group in store.groups) <= GROUP_MAX
    assert sorted(item for group in store.groups for item in group) == list(range(500))
    await groups.close()


async def test_who_has_gone_away_is_left_out() -> None:
    store = Store()
    groups = Groups(FORM, store.run, store.alone)
    busy = []
    for item in range(WRITERS):
        busy.append(asyncio.create_task(groups.add(item)))
        await settled()
    staying, leaving = asyncio.create_task(groups.add(8)), asyncio.create_task(groups.add(9))
    await settled()
    leaving.cancel()
    store.open.set()

    assert await staying == 16
    await asyncio.gather(*busy)
    assert 9 not in [item for group in store.groups for item in group]
    await groups.close()


async def test_closing_leaves_nobody_waiting_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that never answers: those under way learn that nobody knows, those behind them that nothing was done."""
    monkeypatch.setattr(postgres_groups, "_CLOSE_SECONDS", 0.01)
    monkeypatch.setattr(postgres_groups, "_WAITING_MAX", 100)
    store = Store()
    groups = Groups(FORM, store.run, store.alone)
    tasks = [asyncio.create_task(groups.add(item)) for item in range(300)]
    await settled()
    await groups.close()

    async with asyncio.timeout(2.0):
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(outcome, BaseException) for outcome in outcomes)
    sent = sum(len(group) for group in store.groups)
    assert [type(outcome).__name__ for outcome in outcomes].count("MaybeCommitted") == sent
    assert sum(isinstance(outcome, StoreAway) for outcome in outcomes) == 300 - sent
    with pytest.raises(StoreAway):
        await groups.add(1)
