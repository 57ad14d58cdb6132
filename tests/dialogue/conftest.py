"""A town to talk in, on each ephemeral store."""

from collections.abc import AsyncIterator

import pytest

from tests.dialogue.town import Town, open_town


@pytest.fixture
async def town(sqlite_url: str, ephemeral_url: str) -> AsyncIterator[Town]:
    """The usual town on SQLite, once for each ephemeral store."""
    async with open_town(sqlite_url, ephemeral_url) as opened:
        yield opened


@pytest.fixture
async def quick(sqlite_url: str) -> AsyncIterator[Town]:
    """The usual town on SQLite and in-process, for what does not depend on the store."""
    async with open_town(sqlite_url, "memory://") as opened:
        yield opened
