"""What a turn costs its stores: the numbers that the turn's speed rests on."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.kernel.clock import ManualClock
from bot.storage.memory_store import MemoryStore
from tests.dialogue.town import START, Town, open_town


class Counting:
    """Passes every call on and counts it by its name."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if not callable(found):
            return found

        def called(*values: Any, **named: Any) -> Any:
            self.calls[name] += 1
            return found(*values, **named)

        return called

    def spent(self) -> dict[str, int]:
        """Return what was called since the last time; the ways to read count as one."""
        spent: Counter[str] = Counter()
        for name, count in self.calls.items():
            spent["reads" if name in ("row", "rows", "ask") else name] += count
        self.calls.clear()
        return dict(spent)


@pytest.fixture
async def counted(sqlite_url: str) -> AsyncIterator[tuple[Town, Counting, Counting]]:
    """A town whose clock stands, so that the catalogue stays read, and the counters of its two stores."""
    clock = ManualClock(START)
    store = Counting(MemoryStore(clock))
    async with open_town(sqlite_url, "memory://", clock, sessions_store=store) as town:
        database = Counting(town.database)
        parts: Any = town.engine._p
        billers: Any = town.billers
        for part in (parts.saved, parts.identities, parts.orders, town.catalogue, billers._hosted):
            part._database = database
        yield town, store, database
    await store.inner.close()


async def test_a_known_account_costs_two_trips_and_two_reads(counted: tuple[Town, Counting, Counting]) -> None:
    """交物业费 to the list of bills: lock and state, saved accounts, bills, state and lock; nothing else."""
    town, store, database = counted
    await town.chat("交物业费", "3-2-501", "陈晓明", "取消")
    store.spent(), database.spent()

    assert "1. 2026-09" in await town.say("交物业费")
    assert store.spent() == {"open": 1, "shut": 1}
    assert database.spent() == {"reads": 2}


async def test_a_choice_costs_one_fresh_look_at_the_bills(counted: tuple[Town, Counting, Counting]) -> None:
    town, store, database = counted
    await town.chat("交物业费", "3-2-501", "陈晓明")
    store.spent(), database.spent()

    assert "回复 1 确认" in await town.say("1")
    assert store.spent() == {"open": 1, "shut": 1}
    assert database.spent() == {"reads": 1}


async def test_small_talk_costs_no_read_at_all(counted: tuple[Town, Counting, Counting]) -> None:
    town, store, database = counted
    await town.say("你好")
    store.spent(), database.spent()

    for text in ("你好", "今天天气怎么样", "谢谢", "怎么交费"):
        await town.say(text)
    assert store.spent() == {"open": 4, "shut": 4}
    assert database.spent() == {}


async def test_a_customer_is_recognised_once_a_conversation(counted: tuple[Town, Counting, Counting]) -> None:
    """One transaction at the very first message, one read when a conversation begins anew."""
    town, _, database = counted
    await town.say("谢谢")
    assert database.spent()["effect"] == 1
    assert isinstance(town.clock, ManualClock)
    town.clock.advance(3600)

    await town.say("谢谢")
    assert database.spent() == {"reads": 1}


async def test_looking_up_an_account_costs_one_more_trip(counted: tuple[Town, Counting, Counting]) -> None:
    """The two counters of a look-up are asked at once; an account that is found is saved in one transaction."""
    town, _, database = counted
    await town.chat("交物业费", "1-1-301")
    limits: Any = Counting(town.ephemeral)
    lookups: Any = town.engine._p.lookups
    lookups._store = limits
    database.spent()

    await town.say("林美华")
    assert limits.spent() == {"allow": 2}
    # The bills, the bills as they are priced, and the account that is saved.
    assert database.spent() == {"reads": 2, "effect": 1}
