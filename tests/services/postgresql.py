"""Real PostgreSQL for the tests: one cluster a process, one database a test, copied from a template."""

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
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
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


def run_sql(dsn: str, *statements: str) -> list[str]:
    """Run statements one by one, each in its own transaction; return the first value that each answers."""
    answers: list[str] = []
    in_thread(lambda: answers.extend(asyncio.run(_statements(dsn, *statements))))
    return answers


def with_path(url: str, path: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{path}"))


@dataclass(eq=False)
class Postgres:
    """A PostgreSQL server, and a factory of databases on it."""

    dsn: str
    process: Process | None = None
    # Copying the template takes longer than most tests do, so the next database is made while a test runs.
    ahead: bool = False
    _maker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "next-database"), repr=False)
    _next: Future[str] | None = field(default=None, repr=False)
    _prefix: str = field(default_factory=lambda: f"scenepay_test_{os.getpid()}_{secrets.token_hex(3)}")
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _template: str | None = None

    @functools.cached_property
    def version(self) -> str:
        return run_sql(self.dsn, "SHOW server_version")[0].split()[0]

    def create_database(self, name: str | None = None, *, blank: bool = False) -> str:
        """Make a database with the application's schema, or an empty one, and return its DSN."""
        template = "template0" if blank else self._schema()
        if name or blank or not self.ahead:
            return self._copy_of(template, name)
        ready, self._next = self._next, None
        dsn = ready.result() if ready else self._copy_of(template)
        self._next = self._maker.submit(self._copy_of, template)
        return dsn

    def _copy_of(self, template: str, name: str | None = None) -> str:
        name = name or f"{self._prefix}_{next(self._numbers)}"
        run_sql(self.dsn, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return with_path(self.dsn, name)

    def drop_database(self, dsn: str) -> None:
        """Drop a database whoever is still connected to it; a database that is gone already is fine."""
        run_sql(self.dsn, f'DROP DATABASE IF EXISTS "{urlsplit(dsn).path[1:]}" WITH (FORCE)')

    def _schema(self) -> str:
        if self._template is None:
            dsn = self.create_database(f"{self._prefix}_schema", blank=True)
            in_thread(lambda: template_setup(dsn))
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
        self._maker.shutdown()
        if self.process is not None:
            self.process.stop()
            shutil.rmtree(self.process.folder, ignore_errors=True)
            return
        if self._next is not None and self._next.exception() is None:
            self.drop_database(self._next.result())
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
    """The server of a run of the tests, which makes databases ahead."""
    dsn = os.environ.get("TEST_PG_DSN")
    server = Postgres(dsn) if dsn else start_postgres()
    server.ahead = True
    return server
