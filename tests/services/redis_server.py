"""Real Redis for the tests: a child that keeps nothing on disk, with databases enough for every test."""

import functools
import itertools
import os
import secrets
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import redis

from tests.services import finding
from tests.services.postgresql import with_path
from tests.services.process import START_TRIES_MAX, Process, ServiceFailed, free_port, scratch

DATABASES = 64
SUPPLIED_DATABASES = 16


@dataclass(eq=False)
class RedisServer:
    """A Redis server with several databases; tests may flush it, all of it, whenever they like."""

    url: str
    databases: int
    process: Process | None = None
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @functools.cached_property
    def version(self) -> str:
        with redis.Redis.from_url(self.url) as client:
            return str(client.info("server")["redis_version"])

    def empty_database(self) -> str:
        """The URL of a database that nobody has used for a while, emptied."""
        url = with_path(self.url, str(next(self._numbers) % self.databases))
        with redis.Redis.from_url(url) as client:
            client.flushdb()
        return url

    def kill(self) -> None:
        """Crash the server; it keeps nothing on disk, so that everything in it is lost."""
        self._own().kill()

    def restart(self) -> None:
        """Start the server again, empty, on the same port."""
        self._own().start()

    def _own(self) -> Process:
        if self.process is None:
            raise ServiceFailed("this server was supplied by TEST_REDIS_URL; only one of our own can be stopped")
        return self.process

    def close(self) -> None:
        if self.process is not None:
            self.process.stop()
            shutil.rmtree(self.process.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def start_redis() -> RedisServer:
    """Start a Redis of our own that keeps nothing on disk. Raises ServiceMissing or ServiceFailed."""
    finding.obtain(["redis"])
    binary = finding.find_redis()
    if binary is None:
        raise finding.ServiceMissing(finding.remedy(["redis"]))
    folder = scratch()
    password = secrets.token_urlsafe(18)
    for attempt in range(START_TRIES_MAX):
        port = free_port()
        url = f"redis://:{password}@127.0.0.1:{port}/0"
        # The configuration goes in by standard input: an argument would show the password to every user.
        settings = f'bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave ""\nappendonly no\n'
        settings += f"databases {DATABASES}\ndaemonize no\ndir {folder}\nloglevel warning\n"
        process = Process([str(binary), "-"], folder, functools.partial(_answers, url), signal.SIGTERM, settings)
        try:
            process.start()
        except ServiceFailed:
            if attempt == START_TRIES_MAX - 1:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            continue
        return RedisServer(url, DATABASES, process)
    raise AssertionError("unreachable: the loop returns or raises")


def _answers(url: str, _pid: int) -> bool:
    with redis.Redis.from_url(url, socket_connect_timeout=1) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


def supplied_or_own_redis() -> RedisServer:
    url = os.environ.get("TEST_REDIS_URL")
    if not url:
        return start_redis()
    if "PYTEST_XDIST_WORKER" in os.environ:
        raise ServiceFailed("tests flush the Redis that TEST_REDIS_URL names, so run them without -n, or unset it")
    return RedisServer(url, SUPPLIED_DATABASES)
