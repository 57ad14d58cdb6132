"""Redis' own ways: shared round trips, lost answers, restarts, forgotten scripts, clusters."""

import asyncio
import contextlib
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from functools import partial
from urllib.parse import urlsplit

import pytest
import redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import MovedError

from bot.kernel.clock import SystemClock
from bot.kernel.errors import Busy, Misconfigured
from bot.storage import redis_wire
from bot.storage.ephemeral import connect
from bot.storage.ephemeral_port import Ephemeral, Versioned
from bot.storage.errors import StoreFault
from bot.storage.redis_store import RedisStore
from bot.storage.redis_wire import SharedWire
from tests.services import Process, RedisServer, start_redis
from tests.services.finding import find_redis
from tests.services.process import free_port, scratch
from tests.storage.proxy import Proxy, proxy_to


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[Ephemeral]:
    opened = await connect(redis_url, SystemClock())
    yield opened
    await opened.close()


@pytest.fixture
async def unsteady(redis_url: str) -> AsyncIterator[tuple[Ephemeral, Proxy]]:
    """A store behind a proxy that a test can make lose things."""
    async with proxy_to(redis_url) as (proxy, url):
        opened = await connect(url, SystemClock())
        yield opened, proxy
        await opened.close()


class TestRoundTrips:
    async def test_concurrent_calls_share_them(self, store: Ephemeral, monkeypatch: pytest.MonkeyPatch) -> None:
        await store.count("n", 10)
        writes = 0
        send = AbstractConnection.send_packed_command

        async def counted(self: AbstractConnection, command: object, check_health: bool = True) -> None:
            nonlocal writes
            writes += 1
            await send(self, command, check_health)  # type: ignore[arg-type]

        monkeypatch.setattr(AbstractConnection, "send_packed_command", counted)
        sums = await asyncio.gather(*(store.count("n", 10) for _ in range(200)))

        assert sorted(sums) == list(range(2, 202))
        assert writes <= 4

    async def test_a_round_is_bounded(self, store: Ephemeral) -> None:
        values = {f"k{i}": bytes([i % 256]) * 5000 for i in range(600)}
        await asyncio.gather(*(store.put(key, value, 10) for key, value in values.items()))

        assert await asyncio.gather(*(store.get(key) for key in values)) == list(values.values())

    async def test_what_waits_is_bounded(self, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(redis_wire, "_PENDING_MAX", 5)
        store = await connect(redis_url, SystemClock())

        results = await asyncio.gather(*(store.get("a") for _ in range(20)), return_exceptions=True)

        assert {type(result) for result in results} == {type(None), Busy}
        await store.close()

    async def test_a_refusal_reaches_only_its_caller(self, store: Ephemeral) -> None:
        await store.put("text", b"not a number", 10)

        results = await asyncio.gather(
            store.count("n", 10), store.count("text", 10), store.count("n", 10), return_exceptions=True
        )

        assert [results[0], results[2]] == [1, 2]
        assert isinstance(results[1], StoreFault)
        assert "not a number" not in str(results[1])


class TestScripts:
    async def test_a_server_that_forgot_them_is_taught_again(self, store: Ephemeral, redis_url: str) -> None:
        await store.count("n", 10)
        with redis.Redis.from_url(redis_url) as client:
            client.script_flush()

        assert await asyncio.gather(*(store.count("n", 10) for _ in range(3))) == [2, 3, 4]

    async def test_flushing_everything_harms_nothing_but_what_was_in_it(self, store: Ephemeral, redis_url: str) -> None:
        await store.open("lock:{a}", "talk:{a}", "me", 10)
        with redis.Redis.from_url(redis_url) as client:
            client.flushall()

        assert not await store.shut("lock:{a}", "me", "talk:{a}", b"x", 0, 10)
        assert await store.load("talk:{a}") == Versioned(None, 0)
        assert await store.open("lock:{a}", "talk:{a}", "you", 10) == Versioned(None, 0)

    async def test_nothing_is_stored_without_an_expiry(self, store: Ephemeral, redis_url: str) -> None:
        await store.claim("a", "o", 10)
        await store.open("lock:{b}", "talk:{b}", "o", 10)
        await store.shut("lock:{b}", "o", "talk:{b}", b"x", 0, 10)
        await store.store("c", b"x", 0, 10)
        await store.count("d", 10)
        await store.allow("e", 5, 10)
        await store.put("f", b"x", 10)
        with redis.Redis.from_url(redis_url) as client:
            keys = client.keys("*")
            lives = [client.pttl(key) for key in keys]

        assert len(keys) == 6
        assert all(0 < life <= 10_000 for life in lives)
        assert all(key.startswith(b"scenepay:") for key in keys)


class TestTrouble:
    @pytest.mark.parametrize("forward", [False, True], ids=["request lost", "answer lost"])
    async def test_a_lost_answer_is_told_and_nothing_is_repeated(
        self, unsteady: tuple[Ephemeral, Proxy], forward: bool
    ) -> None:
        store, proxy = unsteady
        await store.count("warm", 10)
        proxy.word, proxy.forward, proxy.times = b"scenepay:n", forward, 1

        with pytest.raises(Busy):
            await store.count("n", 10)

        assert await store.count("n", 10, 0) == (1 if forward else 0)

    async def test_a_connection_that_died_at_rest_costs_nobody_an_answer(self, redis_url: str) -> None:
        store = await connect(redis_url, SystemClock())
        await asyncio.gather(*(store.get("a") for _ in range(50)))
        with redis.Redis.from_url(redis_url) as client:
            client.client_kill_filter(_type="normal", skipme=True)
        await asyncio.sleep(0.04)  # Past the moment in which a connection is taken for alive unseen.

        assert await store.count("n", 10) == 1
        await store.close()

    async def test_a_server_that_stays_silent_is_given_up(
        self, store: Ephemeral, redis_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await store.ping()
        monkeypatch.setattr(redis_wire, "_ANSWER_SECONDS", 0.05)
        with redis.Redis.from_url(redis_url) as client:
            client.client_pause(300)

            with pytest.raises(Busy, match="answer_lost"):
                await store.get("a")

            client.client_unpause()
        assert await store.get("a") is None

    async def test_a_restart_is_survived(self) -> None:
        with start_redis() as server:
            store = await connect(server.url, SystemClock())
            ear = asyncio.create_task(store.hear("news", 10))
            await store.count("n", 10)
            server.kill()
            for _ in range(5):
                with pytest.raises(Busy):
                    await store.count("n", 10)
            server.restart()

            assert await eventually(store) == 1
            # The listener comes back by itself, and so do its subscriptions.
            for _ in range(100):
                await store.publish("news", b"back")
                done, _ = await asyncio.wait([ear], timeout=0.05)
                if done:
                    break
            assert await ear == b"back"
            await store.close()

    async def test_an_absent_server_is_asked_ever_more_seldom(self, unsteady: tuple[Ephemeral, Proxy]) -> None:
        store, proxy = unsteady
        proxy._port = free_port()
        for _ in range(200):
            with pytest.raises(Busy):
                await store.get("a")

        assert proxy.connections <= 8

    async def test_a_wrong_password_is_a_setting(self, redis_url: str) -> None:
        parts = urlsplit(redis_url)
        wrong = parts._replace(netloc=f":canary@{parts.hostname}:{parts.port}").geturl()
        store = await connect(wrong, SystemClock())

        with pytest.raises(Misconfigured, match="REDIS_URL") as refused:
            await store.ping()

        assert "canary" not in str(refused.value)
        await store.close()

    async def test_closing_tells_those_who_wait(self, redis_url: str) -> None:
        store = await connect(redis_url, SystemClock())
        await store.ping()
        with redis.Redis.from_url(redis_url) as client:
            client.client_pause(200)
            tasks = [asyncio.create_task(store.get("a")) for _ in range(10)]
            await asyncio.sleep(0.01)
            await store.close()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            client.client_unpause()

        assert all(isinstance(result, Busy) for result in results)

    async def test_a_surprise_from_the_driver_does_not_end_a_lane(
        self, store: Ephemeral, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await store.ping()
        with monkeypatch.context() as patch:
            patch.setattr(AbstractConnection, "read_response", broken)
            for _ in range(5):
                with pytest.raises(Busy):
                    await store.get("a")

        assert await eventually(store) == 1

    def test_one_lane_is_enough(self, redis_url: str) -> None:
        async def use() -> list[int]:
            wire = SharedWire(redis_url, lanes=1)
            store = RedisStore(wire, None)  # type: ignore[arg-type]
            sums = await asyncio.gather(*(store.count("n", 10) for _ in range(300)))
            await wire.close()
            return sums

        assert sorted(asyncio.run(use())) == list(range(1, 301))


async def broken(*_arguments: object, **_options: object) -> None:
    raise AttributeError("'NoneType' object has no attribute 'gets'")


async def eventually(store: Ephemeral) -> int:
    for _ in range(100):
        with contextlib.suppress(Busy):
            return await store.count("n", 10)
        await asyncio.sleep(0.05)
    raise AssertionError("the store did not come back")


@pytest.fixture(scope="module")
def cluster_url(redis_server: RedisServer) -> Iterator[str]:
    """A cluster of one node that holds all slots: enough to refuse keys of two slots and commands without keys."""
    binary = find_redis()
    assert binary is not None
    folder, port = scratch(), free_port()
    settings = f"bind 127.0.0.1\nport {port}\ncluster-enabled yes\ncluster-port {free_port()}\n"
    settings += f'save ""\nappendonly no\ndir {folder}\ndaemonize no\nloglevel warning\n'

    def up(_pid: int) -> bool:
        with redis.Redis(port=port) as client, contextlib.suppress(redis.RedisError):
            return bool(client.ping())
        return False

    process = Process([str(binary), "-"], folder, partial(up), signal.SIGTERM, settings)
    process.start()
    with redis.Redis(port=port) as client:
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        for _ in range(200):
            if b"cluster_state:ok" in client.execute_command("CLUSTER", "INFO"):
                break
            signal.sigtimedwait([], 0.02)
    yield f"redis+cluster://127.0.0.1:{port}"
    process.stop()
    shutil.rmtree(folder, ignore_errors=True)


class TestCluster:
    async def test_every_call_keeps_to_one_slot(self, cluster_url: str) -> None:
        store = await connect(cluster_url, SystemClock())
        await store.ping()
        assert await store.claim("msg:1", "me", 10) is None
        assert await store.renew("msg:1", "me", 10)
        assert await store.release("msg:1", "me")
        assert await store.open("lock:{a}", "talk:{a}", "me", 10) == Versioned(None, 0)
        assert await store.shut("lock:{a}", "me", "talk:{a}", b"x", 0, 10)
        assert (await store.load("talk:{a}")).value == b"x"
        assert not await store.store("talk:{a}", b"y", 0, 10)
        assert await store.count("n", 10) == 1
        assert sum(await asyncio.gather(*(store.allow("tries", 5, 10) for _ in range(30)))) == 5
        await store.put("p", b"v", 10)
        assert await store.take("p") == b"v"
        ear = asyncio.create_task(store.hear("news", 5))
        await asyncio.sleep(0.1)
        await store.publish("news", b"hello")
        assert await ear == b"hello"
        await store.close()

    async def test_an_absent_one_is_away(self) -> None:
        store = await connect("redis+cluster://127.0.0.1:1", SystemClock())
        with pytest.raises(Busy):
            await store.ping()
        await store.close()

    def test_a_cluster_behind_the_wrong_scheme_is_a_setting(self) -> None:
        fault = redis_wire.translated(MovedError("3999 127.0.0.1:6381"))

        assert isinstance(fault, Misconfigured)
        assert "redis+cluster://" in str(fault)
