"""``make bench``: prints the tables; nothing else should run on the machine meanwhile."""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import uvloop

from bench import codes, machine, notices, router, turns
from bench.report import line, table
from tests.services import RedisServer, start_postgres, start_redis
from tests.services.postgresql import Postgres

# Lines that no router was trained on, written by others than those who wrote the training lines.
HELD_OUT = Path(__file__).resolve().parents[1] / "tests" / "dialogue" / "held_out"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("turns", "notices", "router", "codes"), help="one part")
    parser.add_argument("--rounds", type=int, default=3, help="how often each half is measured (default 3)")
    arguments = parser.parse_args()
    line(machine.name())
    if arguments.only in (None, "router"):
        router.table(sorted(HELD_OUT.glob("*.txt")))
    if arguments.only in (None, "codes"):
        codes.table()
        codes.batch()
    if arguments.only in ("router", "codes"):
        return 0
    ratios: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as name, start_postgres(fsync=True) as postgres, start_redis() as redis:
        for place in range(arguments.rounds):
            if arguments.only != "notices":
                _turns(_folder(name, f"turns{place}"), postgres, redis)
            if arguments.only != "turns":
                ratios.append(_notices(_folder(name, f"notices{place}"), postgres, redis))
    if len(ratios) > 1:
        pg_ratio, lite_ratio = (statistics.median(each) for each in zip(*ratios, strict=True))
        line(f"\nmedian of {len(ratios)}: PostgreSQL {pg_ratio:.2f} (aim 1.2), SQLite {lite_ratio:.2f} (aim 1.5)")
    return 0


def _folder(base: str, name: str) -> Path:
    folder = Path(base) / name
    folder.mkdir()
    return folder


def _turns(folder: Path, postgres: Postgres, redis: RedisServer) -> None:
    rows = uvloop.run(turns.measure(folder, postgres.create_database(blank=True), redis.empty_database()))
    table("whole turn, 64 connections, one process, PostgreSQL and Redis", rows)
    by_name = {row.name: row for row in rows}
    ours, naive = by_name["whole turn, safe"], by_name["naive wechatpy echo, safe"]
    line(f"  safe mode: whole turn / naive echo = {ours.cpu_us / naive.cpu_us:.2f} of its CPU (aim at most 1.00)")


def _notices(base: Path, postgres: Postgres, redis: RedisServer) -> tuple[float, float]:
    """Measure both engines and their yardsticks; return our rates as shares of the yardsticks'."""
    sqlite = _folder(str(base), "sqlite")
    postmaster = postgres.process.pid if postgres.process else None
    pg_floor = uvloop.run(
        notices.yardstick(
            _folder(str(base), "pgbench"), postgres.create_database(blank=True), redis.empty_database(), postmaster
        )
    )
    lite_floor = uvloop.run(notices.yardstick(sqlite, f"sqlite:///{sqlite}/floor.db", "memory://"))
    rows = [
        uvloop.run(
            notices.measure(
                _folder(str(base), "postgres"),
                "paid notice, PostgreSQL",
                postgres.create_database(blank=True),
                redis.empty_database(),
                postmaster,
            )
        ),
        uvloop.run(
            notices.measure(
                _folder(str(base), "lite"), "paid notice, SQLite", f"sqlite:///{sqlite}/notices.db", "memory://"
            )
        ),
        # Telling billers and customers shares the process there, as it does in an installation.
        uvloop.run(
            notices.measure(
                _folder(str(base), "whole"),
                "  and all that follows",
                f"sqlite:///{sqlite}/whole.db",
                "memory://",
                server=notices.WITH_WORKER,
            )
        ),
    ]
    table("paid notices, 64 connections, one process", rows)
    pg_ratio, lite_ratio = rows[0].result.rate / pg_floor.rate, rows[1].result.rate / lite_floor.rate
    line(f"  pgbench, same statements, 10 clients: {pg_floor.rate:.0f} tx/s; ratio {pg_ratio:.2f} (aim 1.2)")
    line(f"    ({pg_floor.costs})")
    line(f"  SQLite one by one, FULL: {lite_floor.rate:.0f} tx/s; ratio {lite_ratio:.2f} (aim 1.5)")
    line(f"    ({lite_floor.costs})")
    # Where others use the machine too, many processes get more of it than few; what a notice costs tells more then.
    line(f"  processor time a notice, all processes: pgbench {pg_floor.all_us:.0f} us, ours {rows[0].all_us:.0f} us")
    return pg_ratio, lite_ratio


if __name__ == "__main__":
    sys.exit(main())
