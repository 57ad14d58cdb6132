"""Real PostgreSQL for the tests: one cluster a process, one database a test, emptied for the next one."""

import asyncio
import contextlib
import functools
import importlib
import itertools
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from tests.services import finding
from tests.services.process import (
    START_SECONDS_MAX,
    START_TRIES_MAX,
    Process,
    ServiceFailed,
    as_servant,
    free_port,
    scratch,
    servant,
)


def template_setup(url: str) -> None:
    """Give a blank database the application's schema; every test's database is a copy of the result."""
    # Loaded when first needed: SQLAlchemy and Alembic take longer to load than most test files take to run.
    importlib.import_module("bot.storage.migrations").upgrade(url)


def in_thread(work: Callable[[], object]) -> None:
    """Run blocking or asyncio work from anywhere, a test's running event loop included."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


async def _statements(dsn: str, *statements: str) -> list[str]:
    connection = await asyncpg.connect(dsn, timeout=START_SECONDS_MAX)
    try:
        return [str(await connection.fetchval(statement)) for statement in statements]
    finally:
        await connection.close()


async def _script(dsn: str, script: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=START_SECONDS_MAX)
    try:
        await connection.execute(script)
    finally:
        await connection.close()


def run_sql(dsn: str, *statements: str) -> list[str]:
    """Run statements one by one, each in its own transaction; return the first value that each answers."""
    answers: list[str] = []
    in_thread(lambda: answers.extend(asyncio.run(_statements(dsn, *statements))))
    return answers


def with_path(url: str, path: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{path}"))


# What a database needs so that it can be emptied, which takes a fraction of the time of a copy: it notes whether its
# schema was touched, for then it is no longer fit to be lent.
_POOLED = """
CREATE SCHEMA pool;
CREATE TABLE pool.altered ();
CREATE TABLE pool.revision AS TABLE public.alembic_version;
CREATE FUNCTION pool.note() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS
$$ BEGIN INSERT INTO pool.altered DEFAULT VALUES; END $$;
CREATE FUNCTION pool.emptied() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE filled regclass;
BEGIN
  IF EXISTS (SELECT FROM pool.altered) OR EXISTS (TABLE pool.revision EXCEPT TABLE public.alembic_version)
    OR EXISTS (SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 1000000)
  THEN
    RETURN false;
  END IF;
  -- Past foreign keys and the triggers that guard the books. TRUNCATE would make every table's files anew.
  PERFORM set_config('session_replication_role', 'replica', true), set_config('lock_timeout', '5s', true);
  FOR filled IN
    SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
      AND relname <> 'alembic_version' AND pg_relation_size(oid) > 0
  LOOP
    EXECUTE 'DELETE FROM ' || filled;
  END LOOP;
  PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
  FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL;
  RETURN true;
END $$;
CREATE EVENT TRIGGER pool_note ON ddl_command_end EXECUTE FUNCTION pool.note();
"""
_HANG_UP = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
              WHERE datname = current_database() AND pid <> pg_backend_pid()"""
# Every time leaves dead rows behind, which nobody sweeps here.
_LENT_MAX = 40


@dataclass(eq=False)
class Postgres:
    """A PostgreSQL server, and a factory of databases on it."""

    dsn: str
    process: Process | None = None
    _free: list[str] = field(default_factory=list)
    _lent: Counter[str] = field(default_factory=Counter)
    _prefix: str = field(default_factory=lambda: f"scenepay_test_{os.getpid()}_{secrets.token_hex(3)}")
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _template: str | None = None

    @functools.cached_property
    def version(self) -> str:
        return run_sql(self.dsn, "SHOW server_version")[0].split()[0]

    @functools.cached_property
    def _strategy(self) -> str:
        """How a database is copied: file by file takes a third of the time where nothing is made durable."""
        fsync, number = run_sql(self.dsn, "SHOW fsync", "SHOW server_version_num")
        return "STRATEGY FILE_COPY" if fsync == "off" and int(number) >= 150_000 else ""

    def create_database(self, name: str | None = None, *, blank: bool = False) -> str:
        """Make a database with the application's schema, or an empty one, and return its DSN."""
        template = "template0" if blank else self._schema()
        name = name or f"{self._prefix}_{next(self._numbers)}"
        run_sql(self.dsn, f'CREATE DATABASE "{name}" TEMPLATE "{template}" {self._strategy}')
        return with_path(self.dsn, name)

    def drop_database(self, dsn: str) -> None:
        """Drop a database whoever is still connected to it; a database that is gone already is fine."""
        run_sql(self.dsn, f'DROP DATABASE IF EXISTS "{urlsplit(dsn).path[1:]}" WITH (FORCE)')

    def lend_database(self) -> str:
        """Return a database with the application's schema and no rows, perhaps one that was given back."""
        dsn = self._free.pop() if self._free else self.create_database()
        self._lent[dsn] += 1
        return dsn

    def take_back(self, dsn: str) -> None:
        """Empty a lent database for the next one; one whose schema was touched, or that is used up, is dropped."""
        if self._lent[dsn] < _LENT_MAX and self._emptied(dsn):
            self._free.append(dsn)
        else:
            self.drop_database(dsn)

    def _emptied(self, dsn: str) -> bool:
        try:
            return run_sql(dsn, _HANG_UP, "SELECT pool.emptied()")[1] == "True"
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            # Renamed, broken, held by somebody who does not let go, or a supplied server whose user may not do this.
            return False

    def _schema(self) -> str:
        if self._template is None:
            dsn = self.create_database(f"{self._prefix}_schema", blank=True)
            in_thread(lambda: template_setup(dsn))
            if run_sql(dsn, "SHOW is_superuser") == ["on"]:
                in_thread(lambda: asyncio.run(_script(dsn, _POOLED)))
            self._template = urlsplit(dsn).path[1:]
        return self._template

    def _own(self) -> Process:
        if self.process is None:
            raise ServiceFailed("this server was supplied by TEST_PG_DSN; only one of our own can be stopped")
        return self.process

    def kill(self) -> None:
        """Crash the server: no checkpoint, no farewell to clients."""
        self._own().kill()

    def restart(self) -> None:
        """Start the server again after ``kill`` or ``stop``, on the same port and data, and wait for its recovery."""
        for attempt in range(START_TRIES_MAX):
            try:
                self._own().start()
            except ServiceFailed:
                # Orphans of a killed server hold its shared memory until they notice.
                if attempt == START_TRIES_MAX - 1:
                    raise
                time.sleep(0.2)
            else:
                return

    def stop(self) -> None:
        self._own().stop()

    def close(self) -> None:
        """Give everything back; a supplied server loses only the databases that we made."""
        if self.process is not None:
            self.process.stop()
            shutil.rmtree(self.process.folder, ignore_errors=True)
            return
        for dsn in self._free:
            self.drop_database(dsn)
        if self._template is not None:
            self.drop_database(with_path(self.dsn, self._template))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target)
    if owner := servant():
        for folder, _, files in os.walk(target):
            os.chown(folder, *owner)
            for name in files:
                os.chown(Path(folder) / name, *owner)
    target.chmod(0o700)


def _initdb(binaries: Path, folder: Path) -> None:
    """Make a cluster in ``folder``/data whose only user has the password in ``folder``/password."""
    password = folder / "password"
    password.write_text(secrets.token_urlsafe(18))
    # MD5 spares each of the many connections the milliseconds of SCRAM; the network is the loopback.
    command = [str(binaries / "initdb"), "-D", str(folder / "data"), "--no-sync", "--locale=C", "--encoding=UTF8"]
    command += ["-U", "scenepay", "--auth=md5", f"--pwfile={password}"]
    if owner := servant():
        os.chown(password, *owner)
    done = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
        capture_output=True,
        text=True,
        check=False,
        **as_servant(),  # type: ignore[call-overload]
    )
    if done.returncode != 0:
        raise ServiceFailed(f"initdb failed: {done.stderr.strip()}")


def _new_cluster(binaries: Path, version: str) -> Path:
    """A folder with a fresh cluster, copied from the cache where there is one (0.1 s instead of 1 s)."""
    folder = scratch()
    cached = finding.CACHE / f"postgresql-{version}-{os.geteuid()}"
    try:
        if not (cached / "password").exists():
            _initdb(binaries, folder)
            _fill_cache(cached, folder)
            return folder
        _copy(cached / "data", folder / "data")
        shutil.copy(cached / "password", folder / "password")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _fill_cache(cached: Path, folder: Path) -> None:
    """Keep a fresh cluster for the next run; the rename makes whole what others see, and a failure costs nothing."""
    with contextlib.suppress(OSError):
        finding.CACHE.mkdir(exist_ok=True)
        half = Path(tempfile.mkdtemp(prefix="half-", dir=finding.CACHE))
        try:
            shutil.copytree(folder / "data", half / "data")
            shutil.copy(folder / "password", half / "password")
            half.rename(cached)
        finally:
            shutil.rmtree(half, ignore_errors=True)


def _is_ready(data: Path, pid: int) -> bool:
    """Read PostgreSQL's own word: the last line of its pid file, of this start and not of a killed one."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _settings(port: int, fsync: bool) -> list[str]:
    durable = "on" if fsync else "off"
    values = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "fsync": durable,
        "full_page_writes": durable,
        "max_connections": "200",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "shared_buffers": "64MB",
        "autovacuum": durable,
        "jit": "off",
        "timezone": "UTC",
    }
    return [part for name, value in values.items() for part in ("-c", f"{name}={value}")]


def start_postgres(*, fsync: bool = False) -> Postgres:
    """Start a server of our own; with ``fsync`` one whose commits survive ``kill``.

    Close it, or use it as a context manager. Raises ServiceMissing or ServiceFailed.
    """
    finding.obtain(["postgresql"])
    binaries = finding.find_postgres()
    if binaries is None:
        raise finding.ServiceMissing(finding.remedy(["postgresql"]))
    version = finding.version_of(binaries / "postgres", finding.POSTGRES_VERSION) or "unknown"
    folder = _new_cluster(binaries, version)
    data = folder / "data"
    for attempt in range(START_TRIES_MAX):
        port = free_port()
        command = [str(binaries / "postgres"), "-D", str(data), *_settings(port, fsync)]
        # SIGQUIT stops at once, without a checkpoint: what is left behind is thrown away or recovered anyway.
        process = Process(command, folder, functools.partial(_is_ready, data), signal.SIGQUIT)
        try:
            process.start()
        except ServiceFailed:
            # Another process may have taken the port between our looking and PostgreSQL's binding.
            if attempt == START_TRIES_MAX - 1:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            continue
        password = (folder / "password").read_text()
        return Postgres(f"postgresql://scenepay:{password}@127.0.0.1:{port}/postgres", process)
    raise AssertionError("unreachable: the loop returns or raises")


def supplied_or_own_postgres() -> Postgres:
    """The server of a run of the tests."""
    dsn = os.environ.get("TEST_PG_DSN")
    return Postgres(dsn) if dsn else start_postgres()
