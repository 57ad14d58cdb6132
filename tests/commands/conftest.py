"""The commands as an operator runs them: real arguments, real settings, a real file, and what was printed."""

import asyncio
import io
import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from bot.billers.catalogue import Catalogue
from bot.cli import main
from bot.demo.sample import put_sample
from bot.kernel.clock import SystemClock
from bot.kernel.masking import Secret
from bot.storage.database import connect
from bot.storage.port import Database
from bot.storage.vault import Vault

SECRET = "a secret of the tests, at least 32 long"
VARIABLES = ("DATABASE_URL", "REDIS_URL", "PUBLIC_URL", "SECRET_KEY", "PORT", "SCENEPAY_CONFIG")


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command answered."""

    code: int
    out: str
    err: str


@dataclass(slots=True)
class Shell:
    """An environment to run commands in."""

    folder: Path
    url: str
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: str, stdin: str = "") -> Ran:
        """Run ``python -m bot …`` in this process, up to its exit code."""
        self.monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        self.capsys.readouterr()
        try:
            code = main(arguments)
        except SystemExit as end:
            # argparse ends the program itself, for --help and for a wrong call.
            code = int(end.code or 0)
        told = self.capsys.readouterr()
        return Ran(code, told.out, told.err)

    def config(self, text: str) -> None:
        """Write the configuration file."""
        path = self.folder / "scenepay.toml"
        path.write_text(text, encoding="utf-8")
        self.monkeypatch.setenv("SCENEPAY_CONFIG", str(path))

    def sql(self, statement: str, *values: Any) -> list[Any]:
        """Run a statement past all of our code."""
        with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"))) as connection, connection:
            return connection.execute(statement, values).fetchall()

    def doing(self, work: Callable[[Database], Any]) -> Any:
        """Run work of ours on an open database."""

        async def run() -> Any:
            database = await connect(self.url, SystemClock())
            try:
                return await work(database)
            finally:
                await database.close()

        return asyncio.run(run())


@pytest.fixture
def shell(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Shell]:
    """A migrated SQLite database and a sound environment."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    monkeypatch.setenv("SECRET_KEY", SECRET)
    monkeypatch.chdir(tmp_path)
    handlers, level = list(logging.getLogger().handlers), logging.getLogger().level
    yield Shell(tmp_path, sqlite_url, monkeypatch, capsys)
    # A command configures the logs of its process; this process has other tests to run.
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def town(shell: Shell) -> Shell:
    """A shell with the sample's merchants, items and bills."""

    async def fill(database: Database) -> None:
        clock = SystemClock()
        await put_sample(database, Vault.from_secrets([Secret(SECRET)]), Catalogue(database, clock), clock)

    shell.doing(fill)
    return shell


def lines(text: str) -> Sequence[str]:
    return [line for line in text.splitlines() if line.strip()]
