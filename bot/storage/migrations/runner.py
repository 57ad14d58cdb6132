"""Brings a database to the schema of this release, and refuses one that a newer release has written."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import asyncpg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import create_async_engine

from bot.kernel.errors import BotError, Misconfigured
from bot.storage import release
from bot.storage.database import is_postgresql, sqlite_path
from bot.storage.errors import StoreAway
from bot.storage.schema import trigger_ddl
from bot.storage.sqlite_link import create_file, open_writer
from bot.storage.tables import METADATA

# Any number will do as long as all releases use the same one.
_LOCK: Final = 0x5CE_9A7
_CONNECT_SECONDS: Final = 10.0

Answer = TypeVar("Answer")


def upgrade(url: str) -> str:
    """Migrate to the newest revision and return its name; safe to run from several machines at the same time.

    Raises Misconfigured for a database that is newer than this code, StoreAway when it does not answer.
    """

    def work(connection: sa.Connection) -> str:
        _lock(connection)
        release.refuse_newer(_revision(connection))
        connection.commit()
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        _look_at_references(connection)
        return _head()

    return _on(url, work)


def current(url: str) -> str | None:
    """Return the revision of a database, or None where nothing has been migrated yet."""
    return _on(url, _revision)


def check(url: str) -> None:
    """Raise Misconfigured unless the database has exactly the schema of this code."""
    release.judge(current(url))


def create_all(url: str) -> None:
    """Make the schema straight from the tables, as the tests do that compare it with the migrations."""

    def work(connection: sa.Connection) -> None:
        METADATA.create_all(connection)
        for statement in trigger_ddl(METADATA, connection.dialect.name):
            connection.exec_driver_sql(statement)
        MigrationContext.configure(connection).stamp(_scripts(), "head")
        connection.commit()

    _on(url, work)


def draft(url: str, message: str) -> None:
    """Write a new revision file with what the tables have and the migrated database has not, to be edited by hand."""

    def work(connection: sa.Connection) -> None:
        config = _config()
        config.attributes["connection"] = connection
        command.revision(config, message, autogenerate=True, rev_id=f"{len(list(_scripts().walk_revisions())) + 1:04}")

    _on(url, work)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _head() -> str:
    head = _scripts().get_current_head()
    assert head is not None
    return head


def _revision(connection: sa.Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _lock(connection: sa.Connection) -> None:
    """Let one release at a time migrate; a migration that waits long for a table gives up and says so."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET lock_timeout = '60s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({_LOCK})")
        connection.exec_driver_sql("SET lock_timeout = '5s'")


def _look_at_references(connection: sa.Connection) -> None:
    """See that rebuilding tables on SQLite, for which foreign keys rest, has left no row without its parent."""
    if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise Misconfigured("schema_broken", "restore the backup: rows refer to rows that are gone")


def _on(url: str, work: Callable[[sa.Connection], Answer]) -> Answer:
    """Run work on a connection of its own; from anywhere, a running event loop included."""
    if not is_postgresql(url):
        return _on_sqlite(sqlite_path(url), work)
    with ThreadPoolExecutor(1, "migrate") as threads:
        return threads.submit(asyncio.run, _on_postgresql(url, work)).result()


def _on_sqlite(path: Path, work: Callable[[sa.Connection], Answer]) -> Answer:
    def connect() -> Any:
        create_file(path)
        connection = open_writer(path)
        connection.row_factory = None
        # Rebuilding a table drops it for a moment, which foreign keys would take for the loss of its rows.
        connection.execute("PRAGMA foreign_keys = OFF")
        return connection

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.NullPool)
    # The driver itself begins nothing; IMMEDIATE also keeps a second migration out.
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.connect() as connection:
            return work(connection)
    finally:
        engine.dispose()


async def _on_postgresql(dsn: str, work: Callable[[sa.Connection], Answer]) -> Answer:
    async def connect() -> Any:
        return await asyncpg.connect(dsn, timeout=_CONNECT_SECONDS)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=sa.NullPool)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(work)
    except BotError:
        raise
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        code = getattr(error, "sqlstate", None) or type(error).__name__
        raise StoreAway("store_away", "check the server and user of DATABASE_URL", engine_code=code) from None
    finally:
        await engine.dispose()
