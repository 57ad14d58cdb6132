"""The services are what the fixtures say: real, separate for every test, and gone afterwards."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import redis
from playwright.sync_api import sync_playwright

from tests.services import Chromium, Postgres, RedisServer, ServiceFailed, run_sql, start_postgres, start_redis
from tests.services.postgresql import with_path


def test_each_database_is_its_own(postgres: Postgres) -> None:
    one, two = postgres.create_database(), postgres.create_database()
    try:
        run_sql(one, "CREATE TABLE only_here (x int)")

        assert run_sql(two, "SELECT to_regclass('only_here')") == ["None"]
        assert run_sql(one, "SELECT to_regclass('only_here')") == ["only_here"]
    finally:
        postgres.drop_database(one)
        postgres.drop_database(two)


@pytest.fixture
def lender(postgres: Postgres) -> Iterator[Postgres]:
    """The same server, whose databases nobody else borrows."""
    with Postgres(postgres.dsn) as server:
        yield server


CUSTOMER = "INSERT INTO customers (id, created_at) VALUES ('cus_1', 0)"
AUDIT = "INSERT INTO audit (at, actor, action, subject, trace_id) VALUES (0, 'a', 'b', 'c', 't') RETURNING seq"


def test_a_database_is_lent_again_without_its_rows_numbers_and_guests(lender: Postgres) -> None:
    first = lender.lend_database()
    run_sql(first, CUSTOMER)
    (number,) = run_sql(first, AUDIT)

    async def leave_one_in_the_middle() -> None:
        connection = await asyncpg.connect(first)
        await connection.execute("BEGIN")
        await connection.execute("UPDATE customers SET created_at = 1")
        await asyncio.to_thread(lender.take_back, first)
        connection.terminate()

    asyncio.run(leave_one_in_the_middle())

    assert lender.lend_database() == first
    assert run_sql(first, "SELECT count(*) FROM customers", "SELECT count(*) FROM audit") == ["0", "0"]
    assert run_sql(first, "SELECT count(*) FROM alembic_version", AUDIT) == ["1", number]
    assert lender.lend_database() != first


@pytest.mark.parametrize(
    "change",
    [
        "DROP TABLE audit",
        "ALTER TABLE customers ADD COLUMN extra int",
        "CREATE TABLE extra (x int)",
        "ALTER TABLE audit DISABLE TRIGGER ALL",
        "UPDATE alembic_version SET version_num = '9999'",
    ],
)
def test_a_database_whose_schema_was_touched_is_not_lent_again(lender: Postgres, change: str) -> None:
    touched = lender.lend_database()
    run_sql(touched, change)
    lender.take_back(touched)

    assert lender.lend_database() != touched
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        run_sql(touched, "SELECT 1")


def test_a_database_is_lent_a_bounded_number_of_times(lender: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.services.postgresql._LENT_MAX", 2)
    lent = []
    for _ in range(3):
        lent.append(lender.lend_database())
        lender.take_back(lent[-1])

    assert lent[0] == lent[1] != lent[2]


async def test_databases_can_be_made_inside_a_running_event_loop(postgres: Postgres) -> None:
    dsn = postgres.create_database(blank=True)
    connection = await asyncpg.connect(dsn)

    assert await connection.fetchval("SELECT current_database()") == urlsplit(dsn).path[1:]

    await connection.close()
    postgres.drop_database(dsn)


def test_a_database_with_open_connections_is_dropped_all_the_same(postgres: Postgres) -> None:
    dsn = postgres.create_database(blank=True)

    async def leave_one_open() -> None:
        connection = await asyncpg.connect(dsn)
        await asyncio.to_thread(postgres.drop_database, dsn)
        connection.terminate()

    asyncio.run(leave_one_open())

    with pytest.raises(asyncpg.InvalidCatalogNameError):
        run_sql(dsn, "SELECT 1")


def test_the_server_asks_for_its_password(postgres: Postgres) -> None:
    parts = urlsplit(postgres.dsn)
    wrong = parts._replace(netloc=f"scenepay:wrong@{parts.hostname}:{parts.port}").geturl()

    with pytest.raises(asyncpg.InvalidPasswordError):
        run_sql(wrong, "SELECT 1")


@pytest.mark.slow
def test_a_crashed_postgresql_comes_back_with_what_it_acknowledged() -> None:
    with start_postgres(fsync=True) as server:
        assert run_sql(server.dsn, "SHOW fsync", "SHOW synchronous_commit") == ["on", "on"]
        dsn = server.create_database(blank=True)
        run_sql(dsn, "CREATE TABLE kept (x int)", "INSERT INTO kept VALUES (7)")
        assert server.process is not None
        first = server.process.pid

        server.kill()
        with pytest.raises(OSError):
            run_sql(dsn, "SELECT 1")
        server.restart()

        assert server.process.pid != first
        assert run_sql(dsn, "SELECT x FROM kept") == ["7"]
        folder = server.process.folder
    assert not folder.exists()


def test_each_redis_database_is_empty_and_its_own(redis_server: RedisServer) -> None:
    one, two = redis_server.empty_database(), redis_server.empty_database()
    with redis.Redis.from_url(one) as first, redis.Redis.from_url(two) as second:
        first.set("only", "here")

        assert second.get("only") is None

    for _ in range(redis_server.databases - 2):
        redis_server.empty_database()
    with redis.Redis.from_url(redis_server.empty_database()) as again:
        assert again.dbsize() == 0


def test_a_crashed_redis_comes_back_empty() -> None:
    with start_redis() as server:
        with redis.Redis.from_url(server.url) as client:
            client.set("gone", "soon")
        server.kill()
        server.restart()
        with redis.Redis.from_url(server.url) as client:
            assert client.dbsize() == 0


def test_a_supplied_server_is_never_stopped() -> None:
    with pytest.raises(ServiceFailed, match="TEST_PG_DSN"):
        Postgres("postgresql://somewhere/postgres").kill()
    with pytest.raises(ServiceFailed, match="TEST_REDIS_URL"):
        RedisServer("redis://somewhere", 16).kill()


def test_a_server_that_cannot_start_says_why(redis_server: RedisServer) -> None:
    taken = urlsplit(redis_server.url).port
    with start_redis() as server:
        assert server.process is not None
        server.process.stop()
        server.process.stdin = f"bind 127.0.0.1\nport {taken}\nno-such-setting 1\n"

        with pytest.raises(ServiceFailed, match="no-such-setting"):
            server.process.start()


def test_no_server_outlives_its_end() -> None:
    with start_redis() as server:
        assert server.process is not None
        pid = server.process.pid
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="the death signal is Linux's, set by util-linux")
def test_no_server_outlives_a_killed_run() -> None:
    """Whoever kills pytest with SIGKILL is not left with servers that nobody stops."""
    program = "from tests.services import start_redis; import os; server = start_redis().process; "
    program += "print(server.pid, server.folder, flush=True); os.kill(os.getpid(), 9)"
    killed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    pid, folder = killed.stdout.split()

    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            break
        time.sleep(0.01)
    else:
        assert not Path(f"/proc/{pid}").exists()
    with start_redis():
        assert not Path(folder).exists(), "the next start sweeps up"


def test_paths_of_urls_are_replaced() -> None:
    assert with_path("redis://:p@h:1/0", "5") == "redis://:p@h:1/5"
    assert with_path("postgresql://u:p@h:1/postgres?x=1", "db") == "postgresql://u:p@h:1/db?x=1"


def test_both_engines_are_handed_out(database_url: str) -> None:
    assert database_url.startswith(("sqlite:////", "postgresql://"))


def test_both_ephemeral_stores_are_handed_out(ephemeral_url: str) -> None:
    assert ephemeral_url == "memory://" or ephemeral_url.startswith("redis://")


@pytest.mark.browser
def test_chromium_draws_chinese(chromium: Chromium, tmp_path: Path) -> None:
    page_file = tmp_path / "page.html"
    page_file.write_text("<meta charset=utf-8><title>缴费</title><p style='font-size:40px'>交物业费 一二三</p>")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**chromium.launch_options())
        page = browser.new_page(viewport={"width": 320, "height": 120})
        page.goto(page_file.as_uri())
        # Without a Chinese font every character is the same empty box, so two different ones look alike.
        pictures = []
        for text in ("交", "费"):
            page.eval_on_selector("p", "(p, text) => { p.textContent = text }", text)
            pictures.append(page.screenshot())
        title = page.title()
        browser.close()

    assert title == "缴费"
    assert pictures[0] != pictures[1]
