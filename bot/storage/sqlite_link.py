"""Opens connections to a SQLite file and speaks with them in the house's terms."""

import json
import os
import re
import sqlite3
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from bot.kernel.errors import BotError
from bot.storage.errors import Contended, Duplicate, Immutable, StoreAway, StoreFault, Violated

BUSY_SECONDS: Final = 5.0
_STATEMENTS_KEPT: Final = 1024
_PLACEHOLDER: Final = re.compile(r"\$(\d+)")
_CONSTRAINT: Final = "SQLITE_CONSTRAINT_"
_AWAY: Final = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_NOMEM")

# FULL keeps acknowledged commits through a power loss; fullfsync is its meaning on macOS (reliability.md §1).
_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",
    "PRAGMA checkpoint_fullfsync = ON",
    "PRAGMA foreign_keys = ON",
    # Without it INSERT OR REPLACE deletes rows past the triggers that guard immutable tables.
    "PRAGMA recursive_triggers = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA cache_size = -65536",
)
_UNIQUE_INDEXES: Final = """
SELECT m.name, i.name, c.name FROM sqlite_master m, pragma_index_list(m.name) i, pragma_index_info(i.name) c
WHERE m.type = 'table' AND i."unique" AND i.origin = 'c' ORDER BY i.name, c.seqno
"""
_NONE: Final[Mapping[str, str]] = {}
_READER_PRAGMAS: Final = ("PRAGMA query_only = ON", "PRAGMA cache_size = -16384")


def create_file(path: Path) -> None:
    """Make an empty database file that only its owner can read; one that is there stays as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def open_writer(path: Path) -> sqlite3.Connection:
    """Open the connection that writes. Raises StoreAway."""
    return _open(f"{path.absolute().as_uri()}?mode=rw", _PRAGMAS)


def open_reader(path: Path) -> sqlite3.Connection:
    """Open a connection that cannot write. Raises StoreAway."""
    return _open(f"{path.absolute().as_uri()}?mode=ro", _READER_PRAGMAS)


def _open(uri: str, pragmas: Sequence[str]) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(
            uri,
            uri=True,
            timeout=BUSY_SECONDS,
            # None: transactions begin where we say so and nowhere else.
            isolation_level=None,
            check_same_thread=False,
            cached_statements=_STATEMENTS_KEPT,
        )
    except sqlite3.Error as error:
        raise translated(error) from None
    try:
        connection.row_factory = sqlite3.Row
        for pragma in pragmas:
            connection.execute(pragma).fetchall()
    except sqlite3.Error as error:
        connection.close()
        raise translated(error) from None
    return connection


def unique_indexes(connection: sqlite3.Connection) -> Mapping[str, str]:
    """Return the unique indexes that were given names, by the words in which SQLite reports a duplicate in them."""
    columns: dict[str, list[str]] = {}
    for table, index, column in connection.execute(_UNIQUE_INDEXES):
        columns.setdefault(index, []).append(f"{table}.{column}")
    return {", ".join(listed): index for index, listed in columns.items()}


@lru_cache(maxsize=4096)
def sqlite_form(sql: str) -> str:
    """Return the SQL with ``?1`` for ``$1``."""
    return _PLACEHOLDER.sub(r"?\1", sql)


def bound(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the values with every sequence as JSON text, for ``json_each``."""
    for value in values:
        if value.__class__ is list or value.__class__ is tuple:
            return tuple(json.dumps(v) if isinstance(v, list | tuple) else v for v in values)
    return values


def translated(error: sqlite3.Error, indexes: Mapping[str, str] = _NONE) -> BotError:
    """Return our error for the engine's; ``indexes`` is what ``unique_indexes`` found."""
    name: str = getattr(error, "sqlite_errorname", "")
    if name.startswith(_CONSTRAINT):
        return _refused(name.removeprefix(_CONSTRAINT), str(error), indexes)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Contended("store_contended")
    if name.startswith(_AWAY):
        return StoreAway("store_away", "look at the disk of the database file", engine_code=name)
    # SQLite's texts name tables, columns and syntax, never the values of a row.
    return StoreFault("store_fault", str(error), engine_code=name)


def _refused(kind: str, text: str, indexes: Mapping[str, str]) -> BotError:
    subject = text.partition(": ")[2]
    if kind in ("UNIQUE", "PRIMARYKEY", "ROWID"):
        return Duplicate(indexes.get(subject) or _constraint(kind, subject))
    if kind == "TRIGGER" and text == "immutable_row":
        return Immutable()
    if kind == "DATATYPE":
        return StoreFault("store_fault", text, engine_code="SQLITE_CONSTRAINT_DATATYPE")
    words = {"FOREIGNKEY": "foreign_key", "NOTNULL": "not_null"}
    return Violated(words.get(kind, kind.lower()), subject)


def _constraint(kind: str, subject: str) -> str:
    """Return the name by the convention of ``tables.base``; SQLite tells ``table.column, table.column`` instead."""
    if subject.startswith("index '"):
        return subject.removeprefix("index '").removesuffix("'")
    table = subject.partition(".")[0]
    if kind != "UNIQUE":
        return f"pk_{table}"
    columns = (part.partition(".")[2] for part in subject.split(", "))
    return "_".join(("uq", table, *columns))
