"""``kill -9`` of web and worker at random moments under load: every payment is credited once, every biller is told."""

import statistics
from pathlib import Path

import pytest

from tests.rig.killing import SETTLE_SECONDS, Plan, Report, run
from tests.services import Postgres, RedisServer

pytestmark = pytest.mark.slow

KILLS, KILLS_FULL = 20, 200
SEED = 20261123


def judged(report: Report, kills: int, record: list[str]) -> None:
    """Say what happened in the summary of the run, whatever the verdict."""
    record.append(str(report))

    assert report.problems == []
    assert report.settled_after < SETTLE_SECONDS
    # The worst one says more about who else was using the machine; until_ready has a bound for it.
    assert statistics.median(report.recoveries) < SETTLE_SECONDS
    # Otherwise it was not under load, and proves nothing.
    assert report.paid >= 2 * kills
    assert report.forged > 0


@pytest.mark.timeout(3000)
async def test_kills_on_sqlite_and_memory(
    tmp_path: Path, sqlite_url: str, full_counts: bool, record_house: list[str]
) -> None:
    """One process is everything; all that it kept in memory is gone with it."""
    kills = KILLS_FULL if full_counts else KILLS

    report = await run(Plan(sqlite_url, "memory://", tmp_path, kills, SEED))

    assert report.kills == {"web": kills}
    judged(report, kills, record_house)


@pytest.mark.timeout(3000)
async def test_kills_on_postgresql_and_redis_that_forgets(
    tmp_path: Path,
    postgres: Postgres,
    redis_server: RedisServer,
    full_counts: bool,
    record_house: list[str],
) -> None:
    """Web and worker die each at its own moments, while FLUSHALL takes away what Redis holds: no ledger changes."""
    kills = KILLS_FULL if full_counts else KILLS
    dsn = postgres.create_database()
    try:
        report = await run(Plan(dsn, redis_server.empty_database(), tmp_path, kills, SEED, flush=True))
    finally:
        postgres.drop_database(dsn)

    assert report.kills == {"web": kills, "worker": kills}
    assert report.flushes >= kills / 2
    judged(report, kills, record_house)
