"""The scripted conversations, each played through the real engine on both ephemeral stores, some on PostgreSQL."""

import pytest

from tests.dialogue.script import Script, play, scripts
from tests.dialogue.town import open_town

SCRIPTS = scripts()
# One of each kind of effect: orders and holds, corrections, remote bills, cases, limits, two customers.
ON_POSTGRESQL = ("01", "05", "15", "16", "25", "31", "37", "40", "43", "73", "75", "79")


def name_of(script: Script) -> str:
    return script.path.stem


@pytest.mark.parametrize("script", SCRIPTS, ids=name_of)
async def test_conversation(script: Script, sqlite_url: str, ephemeral_url: str) -> None:
    async with open_town(sqlite_url, ephemeral_url, changes=script.changes) as town:
        await play(script, town)


@pytest.mark.parametrize("script", [s for s in SCRIPTS if s.path.name[:2] in ON_POSTGRESQL], ids=name_of)
async def test_conversation_on_postgresql(script: Script, pg_url: str, redis_url: str) -> None:
    async with open_town(pg_url, redis_url, changes=script.changes) as town:
        await play(script, town)
