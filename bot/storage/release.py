"""Which schema this release wants, told without the tools of migration, for they take long to load."""

from pathlib import Path
from typing import Final

from bot.kernel.errors import Misconfigured
from bot.storage.port import Database

# One file a step, ``0007_trail.py``; the number is the revision's name, and tests compare it with Alembic's view.
_STEPS: Final = Path(__file__).parent / "migrations" / "versions"
_TABLE: Final = "alembic_version"


def revisions() -> tuple[str, ...]:
    """Return the revisions that this code knows, the newest last."""
    return tuple(sorted(file.name.partition("_")[0] for file in _STEPS.glob("[0-9]*_*.py")))


async def check(database: Database) -> None:
    """Raise Misconfigured unless the database has exactly the schema of this code."""
    judge(await current(database))


async def current(database: Database) -> str | None:
    """Return the revision of a database, or None where nothing has been migrated yet."""
    if database.engine == "sqlite":
        there = await database.row("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1", _TABLE)
    else:
        there = await database.row("SELECT 1 WHERE to_regclass($1) IS NOT NULL", _TABLE)
    found = await database.row("SELECT version_num FROM alembic_version") if there else None
    return str(found["version_num"]) if found else None


def judge(revision: str | None) -> None:
    """Raise Misconfigured for a revision that is not this code's newest."""
    refuse_newer(revision)
    if revision != revisions()[-1]:
        raise Misconfigured("schema_behind", "run: python -m bot migrate", revision=revision or "none")


def refuse_newer(revision: str | None) -> None:
    """Raise Misconfigured for a revision that this code has never heard of."""
    if revision is not None and revision not in revisions():
        raise Misconfigured(
            "schema_newer", "a newer release has migrated this database; run that release", revision=revision
        )
