"""What all tables share: one MetaData, names for constraints, and the column types both engines keep strictly."""

from typing import Any, Final

import sqlalchemy as sa

METADATA: Final = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# STRICT tables of SQLite know INTEGER, not BIGINT; both hold 64 bits.
Int: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def table(name: str, *parts: Any, immutable: bool = False) -> sa.Table:
    """Declare a table; an immutable one gets triggers that refuse UPDATE and DELETE on both engines."""
    return sa.Table(name, METADATA, *parts, info={"immutable": immutable}, sqlite_strict=True)


def text(name: str, *parts: Any, null: bool = False, default: str | None = None) -> sa.Column[str]:
    """A text column; NOT NULL unless said otherwise."""
    return sa.Column(name, sa.Text, *parts, nullable=null, server_default=default)


def key(name: str = "id") -> sa.Column[str]:
    """A text primary key."""
    return sa.Column(name, sa.Text, primary_key=True)


def fen(name: str, *, null: bool = False, default: int | None = None, check: str | None = None) -> sa.Column[int]:
    """A column of money in fen, never negative."""
    rule = sa.CheckConstraint(check or f"{name} >= 0", name=f"{name}_range")
    return sa.Column(name, Int, rule, nullable=null, server_default=None if default is None else str(default))


def moment(name: str, *, null: bool = False) -> sa.Column[int]:
    """A column of microseconds since 1970, UTC."""
    return sa.Column(name, Int, nullable=null)


def number(name: str, *, null: bool = False, default: int | None = 0) -> sa.Column[int]:
    """A counting column."""
    return sa.Column(name, Int, nullable=null, server_default=None if default is None else str(default))


def sealed(name: str, *, null: bool = False) -> sa.Column[bytes]:
    """A column of personal data, encrypted by the vault before it comes here."""
    return sa.Column(name, sa.LargeBinary, nullable=null)


def serial(name: str = "seq") -> sa.Column[int]:
    """A number given by the engine, rising, never used twice."""
    return sa.Column(name, Int, sa.Identity(always=False), primary_key=True, autoincrement=True)


def one_of(column: str, *values: str) -> sa.CheckConstraint:
    """Let a state column hold nothing but the states of its table of transitions."""
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")
