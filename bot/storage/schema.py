"""What the tables need besides themselves: triggers that keep immutable rows."""

from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa

REFUSE_FUNCTION: Final = "refuse_change"

_FUNCTION: Final = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'immutable_row' USING ERRCODE = 'restrict_violation'; END $$
"""


def immutable_tables(metadata: sa.MetaData) -> list[str]:
    """Return the names of the tables whose rows can be neither changed nor deleted."""
    return sorted(table.name for table in metadata.tables.values() if table.info.get("immutable"))


def trigger_ddl(metadata: sa.MetaData, dialect: str) -> Iterator[str]:
    """Yield the statements that guard the immutable tables on ``sqlite`` or ``postgresql``."""
    tables = immutable_tables(metadata)
    if dialect == "postgresql" and tables:
        yield _FUNCTION
    for table in tables:
        yield from _sqlite(table) if dialect == "sqlite" else _postgresql(table)


def _sqlite(table: str) -> Iterator[str]:
    for what in ("update", "delete"):
        yield (
            f"CREATE TRIGGER immutable_{table}_{what} BEFORE {what.upper()} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'immutable_row'); END"
        )


def _postgresql(table: str) -> Iterator[str]:
    yield (
        f"CREATE TRIGGER immutable_{table}_row BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {REFUSE_FUNCTION}()"
    )
    yield (
        f"CREATE TRIGGER immutable_{table}_all BEFORE TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {REFUSE_FUNCTION}()"
    )
