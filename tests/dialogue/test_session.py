"""One turn at a time: the lock first, then the state; what a turn that lost its hold wrote is not kept."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from bot.billers.port import Bill, Found, Line, Quote
from bot.dialogue import session
from bot.dialogue.acts import Act, Understanding
from bot.dialogue.event import Event, Said
from bot.dialogue.session import LOCK_SECONDS, Awaiting, Frame, Sessions, Slot, State
from bot.dialogue.steps import Option
from bot.kernel.clock import ManualClock, SystemClock
from bot.kernel.errors import Busy
from bot.kernel.masking import Secret
from bot.storage.ephemeral import connect
from bot.storage.ephemeral_port import Ephemeral
from bot.storage.memory_store import MemoryStore
from bot.storage.vault import Vault
from tests.dialogue.town import SECRET, START

OPENID = "oCanaryOpenid00000000000001"


def event(subject: str = OPENID, account: str = "main") -> Event:
    return Event("key", "official", account, subject, START, "trc_1", Said("x"))


@pytest.fixture
def vault() -> Vault:
    return Vault.from_secrets([Secret(SECRET)])


@pytest.fixture
async def store(ephemeral_url: str) -> AsyncIterator[Ephemeral]:
    opened = await connect(ephemeral_url, SystemClock())
    yield opened
    await opened.close()


@pytest.fixture
def sessions(store: Ephemeral, vault: Vault) -> Sessions:
    """Over each store, with the machine's clock, for what really runs side by side."""
    return Sessions(store, vault, SystemClock())


async def failures(sessions: Sessions) -> int:
    async with sessions.turn(event()) as conversation:
        return conversation.state.failures


async def add_one(sessions: Sessions, pause: float = 0.0) -> None:
    async with sessions.turn(event()) as conversation:
        before = conversation.state.failures
        await asyncio.sleep(pause)
        conversation.state.failures = before + 1


async def test_what_a_turn_leaves_the_next_one_finds(sessions: Sessions) -> None:
    await add_one(sessions)
    await add_one(sessions)

    assert await failures(sessions) == 2


async def test_turns_at_once_are_one_after_the_other(sessions: Sessions) -> None:
    """A state that was read before the lock would be an old one: then a version is lost, or a count."""
    await asyncio.gather(*(add_one(sessions, 0.01) for _ in range(6)))

    assert await failures(sessions) == 6


async def test_customers_and_accounts_do_not_wait_for_each_other(sessions: Sessions) -> None:
    async with sessions.turn(event()), sessions.turn(event("other")), sessions.turn(event(account="second")):
        pass


class Spy:
    """A store that remembers in which order it was asked."""

    def __init__(self, store: Ephemeral) -> None:
        self.store = store
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.store, name)

        async def called(*values: Any) -> Any:
            self.calls.append(name)
            return await method(*values)

        return called


async def test_a_turn_costs_two_round_trips_and_reads_nothing_before_the_lock(store: Ephemeral, vault: Vault) -> None:
    spy: Any = Spy(store)
    async with Sessions(spy, vault, SystemClock()).turn(event()):
        assert spy.calls == ["open"]

    assert spy.calls == ["open", "shut"]


async def test_a_turn_whose_lock_was_lost_stores_nothing(store: Ephemeral, vault: Vault) -> None:
    """Another process took the lock over while a slow biller answered: its word counts, not ours."""
    sessions = Sessions(store, vault, SystemClock())
    await add_one(sessions)
    with pytest.raises(Busy, match="conversation_lost"):
        async with sessions.turn(event()) as conversation:
            conversation.state.failures = 99
            await store.drop(await lock_of(store, vault))

    assert await failures(sessions) == 1


async def lock_of(store: Ephemeral, vault: Vault) -> str:
    key = vault.blind(f"official:main:{OPENID}", "dialogue.state")
    return f"{{dlg:{key}}}:lock"


async def test_a_state_that_changed_behind_the_lock_is_not_overwritten(store: Ephemeral, vault: Vault) -> None:
    sessions = Sessions(store, vault, SystemClock())
    await add_one(sessions)
    name = (await lock_of(store, vault)).replace(":lock", ":state")
    with pytest.raises(Busy, match="conversation_lost"):
        async with sessions.turn(event()) as conversation:
            conversation.state.failures = 99
            stored = await store.load(name)
            assert await store.store(name, stored.value, stored.version, 60)

    assert await failures(sessions) == 1


async def test_a_turn_that_fails_lets_go_and_stores_nothing(sessions: Sessions) -> None:
    with pytest.raises(ZeroDivisionError):
        async with sessions.turn(event()) as conversation:
            conversation.state.failures = 99 // 0

    assert await failures(sessions) == 0


async def test_a_turn_that_is_cancelled_lets_go_and_stores_nothing(sessions: Sessions) -> None:
    inside = asyncio.Event()

    async def hang() -> None:
        async with sessions.turn(event()) as conversation:
            conversation.state.failures = 99
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await inside.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert await failures(sessions) == 0


async def test_a_slow_turn_keeps_its_lock_and_one_that_waits_in_vain_is_told_so(vault: Vault) -> None:
    clock = ManualClock(START)
    store = MemoryStore(clock)
    sessions = Sessions(store, vault, clock)
    async with sessions.turn(event()) as conversation:
        waiting = asyncio.create_task(add_one(sessions))
        # Ten times as long as a lock lives when nobody renews it.
        for _ in range(int(10 * LOCK_SECONDS)):
            for _ in range(3):
                await asyncio.sleep(0)
            clock.advance(1)
        with pytest.raises(Busy, match="conversation_busy"):
            await waiting
        conversation.state.failures = 7
    await store.close()


async def test_a_state_is_forgotten_after_half_an_hour(vault: Vault) -> None:
    clock = ManualClock(START)
    store = MemoryStore(clock)
    sessions = Sessions(store, vault, clock)
    await add_one(sessions)
    clock.advance(session.STATE_SECONDS + 1)

    assert await failures(sessions) == 0
    await store.close()


def full_state() -> State:
    bill = Bill("B1", "电费", "2026-10", 100, 5, bill_id="bil_1", held_by="ord_1", detail={"用电量": "5"})
    line = Line("itm", 105, "电费", "0512345678", "****5678", bill, "2026-10", {"owner": "陈晓明"})
    quote = Quote("quo", "mer", None, "electricity", "电费", "供电公司", (line,), 105, START)
    frame = Frame(
        scene="electricity",
        act=Act.PAY,
        expires_at=START,
        slots={"account": Slot("0512345678", "saved"), "bills": Slot("B1\nB2")},
        heard={"period": "2026-10"},
        tried={"owner": Slot("陈晓明")},
        awaiting=Awaiting("bills", "choice", [Option("B1", "电费", 105, "2026-10", {"item": "itm"})], True, "amount"),
        retries=2,
        anew=True,
        found=Found("0512345678", "****5678", "**明", "", 0, (bill,)),
        quote=quote,
    )
    return State(
        customer_id="cus_1",
        script="zh_hant",
        frames=[frame],
        waiting=[Understanding(Act.QUERY, "water", 0.9, {"amount": 5, "period": "2026-10"})],
        menu=Awaiting("menu", "choice", [Option("pay:property", "物业费")]),
        failures=1,
        give_ups=1,
        person_until=START + timedelta(minutes=3),
        transcript=[("customer", "交电费"), ("bot", "ask_account")],
        seen_at=START,
    )


async def test_a_state_comes_back_as_it_was(sessions: Sessions) -> None:
    async with sessions.turn(event()) as conversation:
        for name in State.__slots__:
            setattr(conversation.state, name, getattr(full_state(), name))

    async with sessions.turn(event()) as conversation:
        assert conversation.state == full_state()


async def test_a_state_is_sealed_and_its_key_tells_no_name(vault: Vault) -> None:
    clock = ManualClock(START)
    store = MemoryStore(clock)
    async with Sessions(store, vault, clock).turn(event()) as conversation:
        for name in State.__slots__:
            setattr(conversation.state, name, getattr(full_state(), name))
    kept = repr(store._entries)

    assert len(store) == 1
    for canary in (OPENID, "0512345678", "陈晓明", "cus_1", "电费"):
        assert canary not in kept
        assert repr(canary.encode())[2:-1] not in kept
    await store.close()


@pytest.mark.parametrize("written", ["{}x", '{"frames": 5}', '{"frames": [{"scene": "x"}]}'])
async def test_a_state_of_another_release_begins_anew(store: Ephemeral, vault: Vault, written: str) -> None:
    name = (await lock_of(store, vault)).replace(":lock", ":state")
    await store.store(name, vault.seal(written, "dialogue.state"), 0, 60)

    assert await failures(Sessions(store, vault, SystemClock())) == 0


async def test_a_state_that_no_key_opens_begins_anew(store: Ephemeral, vault: Vault) -> None:
    await add_one(Sessions(store, vault, SystemClock()))
    index = Secret(SECRET)
    later = Vault.from_secrets([Secret("another secret of the tests, long enough")], index)

    assert await failures(Sessions(store, later, SystemClock())) == 0
