"""Databases opened for a test and closed after it, with a scratch table beside the schema."""

from collections.abc import AsyncIterator

import pytest

from bot.kernel.clock import SystemClock
from bot.storage.database import connect
from bot.storage.port import Database, Tx


async def make_scratch(tx: Tx) -> None:
    await tx.execute(
        """CREATE TABLE scratch (
             id INTEGER CONSTRAINT pk_scratch PRIMARY KEY,
             name TEXT NOT NULL CONSTRAINT uq_scratch_name UNIQUE,
             n INTEGER CONSTRAINT ck_scratch_n CHECK (n >= 0),
             parent INTEGER REFERENCES scratch (id))"""
    )


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open database, once for each engine."""
    opened = await connect(database_url, SystemClock())
    await opened.effect(make_scratch)
    yield opened
    await opened.close()
