"""A bureau, once for each engine."""

from collections.abc import AsyncIterator

import pytest

from tests.cases.bureau import Bureau, open_bureau


@pytest.fixture
async def bureau(database_url: str) -> AsyncIterator[Bureau]:
    async with open_bureau(database_url) as opened:
        yield opened


@pytest.fixture
async def lone(sqlite_url: str) -> AsyncIterator[Bureau]:
    """A bureau for tests of what no engine can change."""
    async with open_bureau(sqlite_url) as opened:
        yield opened
