"""The migrations lead to exactly the schema that the tables declare, and to no other database's."""

import asyncio
import re
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from bot.kernel.clock import SystemClock
from bot.kernel.errors import Misconfigured
from bot.storage import migrations, release
from bot.storage.database import connect
from bot.storage.errors import StoreAway
from bot.storage.migrations import runner
from bot.storage.schema import immutable_tables
from bot.storage.sqlite_link import translated, unique_indexes
from bot.storage.tables import METADATA
from tests.services import Postgres, run_sql

Snapshot = dict[str, object]

CATALOGUE = {
    "columns": """SELECT array_agg(ARRAY[table_name, column_name, data_type, is_nullable, column_default, is_identity]
                    ORDER BY table_name, ordinal_position)
                  FROM information_schema.columns WHERE table_schema = 'public'""",
    "constraints": """SELECT array_agg(ARRAY[conrelid::regclass::text, conname, pg_get_constraintdef(oid)]
                        ORDER BY conrelid::regclass::text, conname)
                      FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "indexes": "SELECT array_agg(indexdef ORDER BY indexname) FROM pg_indexes WHERE schemaname = 'public'",
    "triggers": "SELECT array_agg(pg_get_triggerdef(oid) ORDER BY tgname) FROM pg_trigger WHERE NOT tgisinternal",
    "functions": """SELECT array_agg(ARRAY[proname, prosrc] ORDER BY proname)
                    FROM pg_proc WHERE pronamespace = 'public'::regnamespace""",
}


def snapshot(url: str) -> Snapshot:
    """Everything that the engine's own catalogue says about a database."""
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        connection.close()
        return {f"{kind} {name}": parts(sql) for kind, name, sql in rows}
    return dict(zip(CATALOGUE, run_sql(url, *CATALOGUE.values()), strict=True))


def parts(sql: str) -> tuple[list[str], str]:
    """The parts of a CREATE statement in an order of their own: constraints may be declared in any."""
    flat = re.sub(r"\s+", " ", sql)
    head, _, body = flat.partition("(")
    items, depth, current = [], 0, ""
    for character in body:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            items.append(current.strip())
            current = ""
        else:
            current += character
    return sorted([*items, current.strip().removesuffix(" STRICT").removesuffix(")").strip()]), head + body[-8:]


@pytest.fixture
def pair(blank_database_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """Two blank databases on one engine."""
    if blank_database_url.startswith("sqlite"):
        yield blank_database_url, f"sqlite:///{tmp_path / 'other.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    other = server.create_database(blank=True)
    yield blank_database_url, other
    server.drop_database(other)


def test_migrations_make_what_the_tables_declare(pair: tuple[str, str]) -> None:
    migrated, declared = pair
    migrations.upgrade(migrated)
    migrations.create_all(declared)

    assert snapshot(migrated) == snapshot(declared)


def test_a_snapshot_sees_a_missing_check(pair: tuple[str, str]) -> None:
    """The comparison above can fail: a check constraint is what Alembic's own comparison overlooks."""
    one, two = pair
    for url, check in ((one, "CHECK (a > 0)"), (two, "")):
        execute(url, f"CREATE TABLE t (a INTEGER {check})")

    assert snapshot(one) != snapshot(two)


def test_alembic_finds_nothing_to_migrate(blank_database_url: str) -> None:
    migrations.upgrade(blank_database_url)

    def differences(connection: sa.Connection) -> list[object]:
        # SQLite has no identity columns, which Alembic takes for a difference; the snapshots compare defaults there.
        defaults = connection.dialect.name == "postgresql"
        context = MigrationContext.configure(connection, opts={"compare_server_default": defaults})
        return list(compare_metadata(context, METADATA))

    assert runner._on(blank_database_url, differences) == []


def test_every_immutable_table_is_guarded(blank_database_url: str) -> None:
    migrations.upgrade(blank_database_url)
    assert {"postings", "audit"} <= set(immutable_tables(METADATA))
    guards = {"sqlite": ("update", "delete"), "postgresql": ("row", "all")}
    engine = "sqlite" if blank_database_url.startswith("sqlite") else "postgresql"
    expected = {f"immutable_{table}_{guard}" for table in immutable_tables(METADATA) for guard in guards[engine]}

    found = str(snapshot(blank_database_url))

    assert {name for name in expected if name in found} == expected


def test_migrating_twice_changes_nothing(blank_database_url: str) -> None:
    first = migrations.upgrade(blank_database_url)
    before = snapshot(blank_database_url)

    assert migrations.upgrade(blank_database_url) == first
    assert snapshot(blank_database_url) == before
    assert migrations.current(blank_database_url) == first
    migrations.check(blank_database_url)


async def test_migrating_works_inside_a_running_loop(blank_database_url: str) -> None:
    assert migrations.upgrade(blank_database_url) == migrations.current(blank_database_url)


def test_a_blank_database_is_behind(blank_database_url: str) -> None:
    assert migrations.current(blank_database_url) is None
    with pytest.raises(Misconfigured, match="python -m bot migrate"):
        migrations.check(blank_database_url)


def test_revisions_are_told_by_their_files_as_by_alembic() -> None:
    scripts = runner._scripts()

    assert set(release.revisions()) == {script.revision for script in scripts.walk_revisions()}
    assert release.revisions()[-1] == scripts.get_current_head()


async def test_an_open_database_tells_its_revision(blank_database_url: str) -> None:
    database = await connect(blank_database_url, SystemClock())
    try:
        with pytest.raises(Misconfigured, match="python -m bot migrate"):
            await release.check(database)
        await asyncio.to_thread(migrations.upgrade, blank_database_url)
        await release.check(database)
        assert await release.current(database) == migrations.current(blank_database_url)
        execute(blank_database_url, "UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(Misconfigured, match="newer release"):
            await release.check(database)
    finally:
        await database.close()


def test_duplicates_are_named_on_sqlite_as_the_schema_names_them(sqlite_url: str) -> None:
    """SQLite reports columns; what we make of them is the name that PostgreSQL reports, for every table."""
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        indexes = unique_indexes(connection)
    connection.close()
    for table, columns, name, key in unique_names():
        error = sqlite3.IntegrityError("UNIQUE constraint failed: " + ", ".join(f"{table}.{each}" for each in columns))
        error.sqlite_errorname = "SQLITE_CONSTRAINT_PRIMARYKEY" if key else "SQLITE_CONSTRAINT_UNIQUE"

        assert translated(error, indexes).facts["constraint"] == name


def unique_names() -> Iterator[tuple[str, list[str], str, bool]]:
    """Every unique constraint and index of the schema: table, columns, name, and whether it is the primary key."""
    for table in METADATA.tables.values():
        for constraint in table.constraints:
            if isinstance(constraint, sa.PrimaryKeyConstraint | sa.UniqueConstraint):
                key = isinstance(constraint, sa.PrimaryKeyConstraint)
                yield table.name, [column.name for column in constraint.columns], str(constraint.name), key
        for index in table.indexes:
            if index.unique:
                yield table.name, [column.name for column in index.columns], str(index.name), False


@pytest.mark.parametrize("step", [migrations.upgrade, migrations.check])
def test_a_database_newer_than_the_code_is_refused(blank_database_url: str, step: Callable[[str], object]) -> None:
    migrations.upgrade(blank_database_url)
    execute(blank_database_url, "UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(Misconfigured, match="newer release"):
        step(blank_database_url)


def test_sqlite_keeps_types_strictly(blank_sqlite_url: str) -> None:
    migrations.upgrade(blank_sqlite_url)
    tables = [key for key in snapshot(blank_sqlite_url) if key.startswith("table ") and "alembic" not in key]
    with sqlite3.connect(blank_sqlite_url.removeprefix("sqlite:///")) as connection:
        strict = {f"table {row[1]}" for row in connection.execute("PRAGMA table_list") if row[5]}
    connection.close()

    assert sorted(tables) == sorted(strict)


def test_a_second_release_waits_for_the_first(blank_pg_url: str) -> None:
    """Two releases that start together do not collide: the second waits for the lock and finds the work done."""
    with ThreadPoolExecutor(2) as threads:
        revisions = list(threads.map(migrations.upgrade, [blank_pg_url, blank_pg_url]))

    assert revisions == [migrations.current(blank_pg_url)] * 2


def test_a_server_that_is_away_is_named(blank_pg_url: str) -> None:
    with pytest.raises(StoreAway, match="DATABASE_URL"):
        migrations.current("postgresql://nobody:wrong@127.0.0.1:1/none")


def test_a_failed_migration_leaves_nothing(blank_database_url: str) -> None:
    """Each step is one transaction, on SQLite too."""
    execute(blank_database_url, "CREATE TABLE identities (x INTEGER)")

    with pytest.raises(sa.exc.DBAPIError):
        migrations.upgrade(blank_database_url)

    assert migrations.current(blank_database_url) is None
    assert "'table customers'" not in str(snapshot(blank_database_url))
    assert "pk_customers" not in str(snapshot(blank_database_url))


def execute(url: str, statement: str) -> None:
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        connection.execute(statement)
        connection.commit()
        connection.close()
    else:
        run_sql(url, statement)
