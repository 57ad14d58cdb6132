"""The ephemeral port means the same on Redis and in process."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.kernel.clock import Clock, ManualClock, SystemClock
from bot.kernel.errors import Busy, Misconfigured
from bot.storage.ephemeral import connect
from bot.storage.ephemeral_port import Ephemeral, Versioned, check_pair, tag_of
from bot.storage.memory_store import MemoryStore

LOCK, STATE = "lock:{gh_1:oABC}", "talk:{gh_1:oABC}"
# Long enough for a loaded machine between two calls, short enough to wait for.
SHORT = 0.04


@pytest.fixture
async def store(ephemeral_url: str) -> AsyncIterator[Ephemeral]:
    opened = await connect(ephemeral_url, SystemClock())
    yield opened
    await opened.close()


class TestClaims:
    async def test_the_first_takes_and_the_second_learns_who(self, store: Ephemeral) -> None:
        assert await store.claim("msg:1", "first", 10) is None
        assert await store.claim("msg:1", "second", 10) == "first"
        assert await store.claim("msg:1", "first", 10) == "first"

    async def test_of_many_at_once_one_takes(self, store: Ephemeral) -> None:
        answers = await asyncio.gather(*(store.claim("msg:1", f"owner {i}", 10) for i in range(64)))

        assert answers.count(None) == 1
        winner = f"owner {answers.index(None)}"
        assert {answer for answer in answers if answer is not None} == {winner}

    async def test_only_the_owner_gives_back_and_renews(self, store: Ephemeral) -> None:
        await store.claim("msg:1", "first", 10)

        assert not await store.release("msg:1", "second")
        assert not await store.renew("msg:1", "second", 10)
        assert await store.renew("msg:1", "first", 10)
        assert await store.release("msg:1", "first")
        assert not await store.release("msg:1", "first")
        assert not await store.renew("msg:1", "first", 10)
        assert await store.claim("msg:1", "second", 10) is None

    async def test_a_claim_runs_out(self, store: Ephemeral) -> None:
        await store.claim("msg:1", "first", SHORT)
        await asyncio.sleep(SHORT * 1.5)

        assert not await store.renew("msg:1", "first", 10)
        assert await store.claim("msg:1", "second", 10) is None

    async def test_a_renewed_claim_lives_on(self, store: Ephemeral) -> None:
        await store.claim("msg:1", "first", SHORT)
        assert await store.renew("msg:1", "first", 10)
        await asyncio.sleep(SHORT * 1.5)

        assert await store.claim("msg:1", "second", 10) == "first"


class TestStates:
    async def test_nothing_is_version_zero(self, store: Ephemeral) -> None:
        assert await store.load(STATE) == Versioned(None, 0)

    async def test_a_state_is_replaced_by_who_knows_its_version(self, store: Ephemeral) -> None:
        assert await store.store(STATE, b"one \x00\xff", 0, 10)
        first = await store.load(STATE)
        assert first.value == b"one \x00\xff"
        assert first.version > 0

        assert not await store.store(STATE, b"stale", 0, 10)
        assert not await store.store(STATE, b"stale", first.version + 1, 10)
        assert await store.store(STATE, b"two", first.version, 10)
        assert not await store.store(STATE, b"late", first.version, 10)
        assert (await store.load(STATE)).value == b"two"

    async def test_of_many_replacements_one_wins(self, store: Ephemeral) -> None:
        await store.store(STATE, b"start", 0, 10)
        version = (await store.load(STATE)).version

        won = await asyncio.gather(*(store.store(STATE, str(i).encode(), version, 10) for i in range(64)))

        assert won.count(True) == 1
        assert (await store.load(STATE)).value == str(won.index(True)).encode()

    async def test_a_version_never_comes_back(self, store: Ephemeral) -> None:
        """Deleted and made anew, a state must not be taken for the one that somebody still remembers."""
        seen = set()
        for turn in range(5):
            assert await store.store(STATE, str(turn).encode(), 0, 10)
            version = (await store.load(STATE)).version
            assert version not in seen
            seen.add(version)
            assert await store.store(STATE, None, version, 10)
            assert await store.load(STATE) == Versioned(None, 0)
            assert not await store.store(STATE, b"ghost", version, 10)

    async def test_an_empty_value_is_a_value(self, store: Ephemeral) -> None:
        assert await store.store(STATE, b"", 0, 10)
        assert (await store.load(STATE)).value == b""

    async def test_a_state_runs_out_and_so_does_its_version(self, store: Ephemeral) -> None:
        await store.store(STATE, b"one", 0, SHORT)
        version = (await store.load(STATE)).version
        await asyncio.sleep(SHORT * 1.5)

        assert await store.load(STATE) == Versioned(None, 0)
        assert not await store.store(STATE, b"two", version, 10)


class TestConversations:
    async def test_open_locks_before_it_reads(self, store: Ephemeral) -> None:
        await store.store(STATE, b"talk", 0, 10)

        opened = await store.open(LOCK, STATE, "first", 10)

        assert opened == await store.load(STATE)
        assert await store.open(LOCK, STATE, "second", 10) is None
        assert await store.open(LOCK, STATE, "first", 10) is None

    async def test_shut_stores_and_gives_back(self, store: Ephemeral) -> None:
        opened = await store.open(LOCK, STATE, "first", 10)
        assert opened == Versioned(None, 0)

        assert await store.shut(LOCK, "first", STATE, b"talk", 0, 10)

        again = await store.open(LOCK, STATE, "second", 10)
        assert again is not None
        assert again.value == b"talk"
        assert await store.shut(LOCK, "second", STATE, None, again.version, 10)
        assert await store.load(STATE) == Versioned(None, 0)

    async def test_a_lost_lock_stores_nothing(self, store: Ephemeral) -> None:
        """style.md §7.5: the lock ran out under a slow handler, and somebody else has it now."""
        await store.open(LOCK, STATE, "slow", SHORT)
        await asyncio.sleep(SHORT * 1.5)
        second = await store.open(LOCK, STATE, "second", 10)
        assert second is not None

        assert not await store.shut(LOCK, "slow", STATE, b"old news", 0, 10)

        assert await store.load(STATE) == Versioned(None, 0)
        assert await store.claim(LOCK, "third", 10) == "second"

    async def test_a_lost_version_stores_nothing_but_gives_the_lock_back(self, store: Ephemeral) -> None:
        await store.open(LOCK, STATE, "first", 10)
        await store.store(STATE, b"behind the back", 0, 10)

        assert not await store.shut(LOCK, "first", STATE, b"mine", 0, 10)

        assert (await store.load(STATE)).value == b"behind the back"
        assert await store.claim(LOCK, "second", 10) is None

    async def test_turns_of_many_tasks_never_overlap(self, store: Ephemeral) -> None:
        async def turn(owner: str) -> None:
            while (opened := await store.open(LOCK, STATE, owner, 10)) is None:  # noqa: ASYNC110 - That is the test.
                await asyncio.sleep(0.001)
            number = int(opened.value or b"0")
            await asyncio.sleep(0)
            assert await store.shut(LOCK, owner, STATE, str(number + 1).encode(), opened.version, 10)

        await asyncio.gather(*(turn(f"task {i}") for i in range(20)))

        assert (await store.load(STATE)).value == b"20"

    @pytest.mark.parametrize(("lock", "state"), [("lock:a", "talk:a"), ("lock:{a}", "talk:{b}"), ("{}", "{}")])
    async def test_keys_of_one_call_share_a_tag(self, store: Ephemeral, lock: str, state: str) -> None:
        with pytest.raises(ValueError, match="tag"):
            await store.open(lock, state, "first", 10)
        with pytest.raises(ValueError, match="tag"):
            await store.shut(lock, "first", state, b"", 0, 10)


class TestCounters:
    async def test_sums(self, store: Ephemeral) -> None:
        assert [await store.count("seen", 10), await store.count("seen", 10, 5), await store.count("seen", 10)] == [
            1,
            6,
            7,
        ]

    async def test_a_counter_lives_from_its_first_addition(self, store: Ephemeral) -> None:
        await store.count("seen", SHORT)
        await store.count("seen", 10)
        await asyncio.sleep(SHORT * 1.5)

        assert await store.count("seen", 10) == 1

    async def test_exactly_the_limit_passes(self, store: Ephemeral) -> None:
        """reliability.md §5: 64 parallel requests at the limit."""
        passed = await asyncio.gather(*(store.allow("tries", 20, 10) for _ in range(64)))

        assert sum(passed) == 20
        assert not await store.allow("tries", 20, 10)
        assert await store.allow("tries", 21, 10)

    async def test_amounts_count_as_amounts(self, store: Ephemeral) -> None:
        assert await store.allow("fen", 1000, 10, 700)
        assert not await store.allow("fen", 1000, 10, 301)
        assert await store.allow("fen", 1000, 10, 300)
        assert not await store.allow("fen", 1000, 10, 1)
        assert not await store.allow("other", 10, 10, 11)
        assert await store.count("other", 10, 0) == 0

    async def test_a_limit_is_fresh_after_its_time(self, store: Ephemeral) -> None:
        assert await store.allow("tries", 1, SHORT)
        assert not await store.allow("tries", 1, SHORT)
        await asyncio.sleep(SHORT * 1.5)

        assert await store.allow("tries", 1, SHORT)


class TestValues:
    async def test_kept_for_a_while(self, store: Ephemeral) -> None:
        value = bytes(range(256)) * 300
        await store.put("page", value, 10)
        await store.put("short", b"x", SHORT)

        assert await store.get("page") == value
        assert await store.get("nothing") is None
        await asyncio.sleep(SHORT * 1.5)
        assert await store.get("short") is None
        await store.put("page", b"other", 10)
        assert await store.get("page") == b"other"
        await store.drop("page")
        await store.drop("page")
        assert await store.get("page") is None

    async def test_a_token_is_spent_once(self, store: Ephemeral) -> None:
        await store.put("state:abc", b"session", 10)

        answers = await asyncio.gather(*(store.take("state:abc") for _ in range(32)))

        assert answers.count(b"session") == 1
        assert answers.count(None) == 31

    @pytest.mark.parametrize("key", ["", "钥匙", "x" * 201, "a\nb"])
    async def test_keys_that_no_store_could_keep(self, store: Ephemeral, key: str) -> None:
        with pytest.raises(ValueError, match="key"):
            await store.get(key)
        with pytest.raises(ValueError, match="key"):
            await store.hear(key, 0)

    @pytest.mark.parametrize("ttl", [0, -1, float("nan")])
    async def test_nothing_stays_for_ever_or_for_no_time(self, store: Ephemeral, ttl: float) -> None:
        for call in (
            store.put("a", b"", ttl),
            store.claim("b", "o", ttl),
            store.count("c", ttl),
            store.allow("d", 1, ttl),
            store.store("e", b"", 0, ttl),
        ):
            with pytest.raises(ValueError, match="ttl"):
                await call


class TestMessages:
    async def test_all_who_wait_hear(self, store: Ephemeral) -> None:
        ears = [asyncio.create_task(store.hear("news", 5)) for _ in range(3)]
        elsewhere = asyncio.create_task(store.hear("olds", 0.2))
        await asyncio.sleep(0.05)

        await store.publish("news", b"\x00 paid")

        assert await asyncio.gather(*ears) == [b"\x00 paid"] * 3
        assert await elsewhere is None

    async def test_who_does_not_listen_misses(self, store: Ephemeral) -> None:
        await store.publish("news", b"early")

        assert await store.hear("news", 0.02) is None

    async def test_one_message_after_the_other(self, store: Ephemeral) -> None:
        for number in range(3):
            ear = asyncio.create_task(store.hear("news", 5))
            await asyncio.sleep(0.03)
            await store.publish("news", str(number).encode())
            assert await ear == str(number).encode()


class TestLife:
    async def test_it_answers_until_it_is_closed(self, store: Ephemeral) -> None:
        await store.ping()
        await store.close()
        for call in (store.ping(), store.get("a"), store.allow("b", 1, 1), store.hear("c", 1)):
            with pytest.raises(Busy):
                await call

    async def test_a_caller_who_leaves_harms_nobody(self, store: Ephemeral) -> None:
        tasks = [asyncio.create_task(store.count("n", 10)) for _ in range(50)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        counted = [result for result in results if isinstance(result, int)]

        assert len(counted) == len(set(counted))
        assert await store.count("n", 10, 0) >= len(counted)

    @pytest.mark.parametrize("url", ["", "memory", "http://x", "redis:/x", "redis://h:port", "unix:///x"])
    async def test_other_urls_are_refused(self, url: str) -> None:
        with pytest.raises(Misconfigured, match="REDIS_URL"):
            await connect(url, SystemClock())


class TestMemory:
    """What only the store within the process has to promise."""

    def clock(self) -> ManualClock:
        return ManualClock(datetime(2026, 1, 1, tzinfo=UTC))

    async def test_time_is_the_clocks(self) -> None:
        clock = self.clock()
        store = MemoryStore(clock)
        await store.put("a", b"x", 60)
        clock.advance(59.9)
        assert await store.get("a") == b"x"
        clock.advance(0.1)
        assert await store.get("a") is None

    async def test_hearing_waits_by_the_clock(self) -> None:
        clock: Clock = self.clock()
        store = MemoryStore(clock)
        ear = asyncio.create_task(store.hear("news", 30))
        for _ in range(3):
            await asyncio.sleep(0)
        assert not ear.done()
        assert isinstance(clock, ManualClock)
        clock.advance(30)

        assert await ear is None

    async def test_it_refuses_rather_than_forgets(self) -> None:
        store = MemoryStore(clock := self.clock(), entries_max=10)
        for i in range(10):
            assert await store.allow(f"tries {i}", 1, 10)
        with pytest.raises(Busy):
            await store.allow("one more", 1, 10)
        assert not await store.allow("tries 0", 1, 10)
        clock.advance(10)

        assert await store.allow("one more", 1, 10)
        assert len(store) < 10

    async def test_what_expired_is_swept_by_and_by(self) -> None:
        store = MemoryStore(clock := self.clock())
        for i in range(1000):
            await store.put(f"k{i}", b"", 1 + i % 7)
        clock.advance(100)
        for i in range(130):
            await store.put(f"new {i}", b"", 1000)

        assert len(store) == 130

    async def test_renewing_for_ever_does_not_grow_it(self) -> None:
        store = MemoryStore(self.clock())
        await store.claim("lease", "me", 3600)
        for _ in range(5000):
            await store.renew("lease", "me", 3600)

        assert len(store._expiries) < 1100

    async def test_a_renewed_entry_outlives_its_first_expiry(self) -> None:
        store = MemoryStore(clock := self.clock())
        await store.claim("lease", "me", 1)
        await store.renew("lease", "me", 100)
        clock.advance(50)
        await store.put("other", b"", 1)

        assert await store.claim("lease", "you", 1) == "me"


@given(st.text(st.characters(codec="ascii", exclude_characters="{}"), min_size=1, max_size=20))
def test_a_tag_is_what_stands_in_the_first_braces(tag: str) -> None:
    assert tag_of(f"lock:{{{tag}}}:{{other}}") == tag
    check_pair(f"lock:{{{tag}}}", f"{{{tag}}}:state")
