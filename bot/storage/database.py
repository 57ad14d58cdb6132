"""Opens the durable store that ``DATABASE_URL`` names."""

import asyncio
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from bot.kernel.clock import Clock
from bot.kernel.errors import Misconfigured
from bot.storage.port import Database
from bot.storage.postgres import PostgresDatabase
from bot.storage.sqlite import SqliteDatabase

_SQLITE: Final = "sqlite:///"
_POSTGRESQL: Final = ("postgresql://", "postgres://")


async def connect(url: str, clock: Clock, *, connections: int = 10, make: bool = True) -> Database:
    """Open ``sqlite:///path`` or ``postgresql://user:password@host/name`` and see that it answers.

    ``connections`` is how many a process holds to PostgreSQL at most, one for signals aside; ``make`` says whether a
    SQLite file that is missing shall be made.
    Raises Misconfigured (a wrong URL, user, password or name) and StoreAway (no answer).
    """
    if is_postgresql(url):
        database: Database = PostgresDatabase(url, clock, connections=connections)
    else:
        if not make and not await asyncio.to_thread(sqlite_path(url).is_file):
            raise Misconfigured("database_missing", f"there is no file {sqlite_path(url)}; run: python -m bot migrate")
        database = SqliteDatabase(sqlite_path(url), clock)
    try:
        await database.ping()
    except BaseException:
        await database.close()
        raise
    return database


def is_postgresql(url: str) -> bool:
    """Tell whether a URL names a PostgreSQL database."""
    return url.startswith(_POSTGRESQL)


def sqlite_path(url: str) -> Path:
    """Return the file of ``sqlite:///relative`` or ``sqlite:////absolute``. Raises Misconfigured for anything else."""
    path = unquote(url.removeprefix(_SQLITE))
    if not url.startswith(_SQLITE) or not path or path.startswith(":") or "?" in path:
        raise Misconfigured(
            "database_url", "set DATABASE_URL to sqlite:///path or postgresql://user:password@host/name"
        )
    return Path(path)
