"""Databases opened for a test and closed after it, with a scratch table beside the schema."""

from collections.abc import AsyncIterator, Iterator

import pytest

from bot.kernel.clock import SystemClock
from bot.storage.database import connect
from bot.storage.port import Database, Tx
from tests.services import Postgres, run_sql


async def make_scratch(tx: Tx) -> None:
    await tx.execute(
        """CREATE TABLE scratch (
             id INTEGER CONSTRAINT pk_scratch PRIMARY KEY,
             name TEXT NOT NULL CONSTRAINT uq_scratch_name UNIQUE,
             n INTEGER CONSTRAINT ck_scratch_n CHECK (n >= 0),
             parent INTEGER REFERENCES scratch (id))"""
    )


@pytest.fixture(scope="module")
def shared_pg_url(postgres: Postgres) -> Iterator[str]:
    """A database for all tests of a file: making one for each takes longer than most of them."""
    dsn = postgres.create_database()
    yield dsn
    postgres.drop_database(dsn)


@pytest.fixture
def pg_url(shared_pg_url: str) -> str:
    """The shared database without what the test before has made."""
    run_sql(shared_pg_url, "DROP TABLE IF EXISTS samples, scratch")
    return shared_pg_url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open database, once for each engine."""
    opened = await connect(database_url, SystemClock())
    await opened.effect(make_scratch)
    yield opened
    await opened.close()
