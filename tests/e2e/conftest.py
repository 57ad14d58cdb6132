"""The whole system on each pair of stores."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
import pytest_asyncio

from bot.demo.run import open_demo
from bot.kernel.clock import SystemClock
from tests import engines
from tests.e2e.driver import Town, visiting
from tests.e2e.leaping import City, open_city
from tests.services import Postgres, RedisServer

PAIRS = {"sqlite": ("sqlite", "memory"), "postgresql": ("postgresql", "redis")}


def _pairs() -> list[str]:
    chosen = engines.chosen()
    return [name for name, pair in PAIRS.items() if set(pair) <= set(chosen)]


@pytest.fixture(params=_pairs())
async def town(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Town]:
    """A running demonstration: SQLite with the in-process store, then PostgreSQL with Redis."""
    if request.param == "sqlite":
        request.getfixturevalue("usage").add("memory")
        urls = {"database_url": str(request.getfixturevalue("sqlite_url")), "redis_url": "memory://"}
    else:
        urls = {
            "database_url": str(request.getfixturevalue("pg_url")),
            "redis_url": str(request.getfixturevalue("redis_url")),
        }
    async with open_demo(SystemClock(), port=0, folder=tmp_path, factor=20, **urls) as demo, visiting(demo) as town:
        yield town


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=_pairs())
async def city(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[City]:
    """One running town for all tests of a file, whose clock the tests move; on each pair of stores.

    A file that names a day in ``START`` has its calendar begin there.
    """
    folder = tmp_path_factory.mktemp("city")
    start: datetime | None = getattr(request.module, "START", None)
    usage: engines.Usage = request.getfixturevalue("usage")
    if request.param == "sqlite":
        usage.sqlite()
        usage.add("memory")
        async with open_city(folder, f"sqlite:///{folder / 'scenepay.db'}", "memory://", start=start) as city:
            yield city
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    redis: RedisServer = request.getfixturevalue("redis_server")
    dsn = postgres.create_database()
    try:
        async with open_city(folder, dsn, redis.empty_database(), start=start) as city:
            yield city
    finally:
        postgres.drop_database(dsn)
