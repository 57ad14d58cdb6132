"""Traces of what happened, the audit of what people did, and the seals over both and over the ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
IMMUTABLE = (
    "audit",
    "seals",
)


def upgrade() -> None:
    _audit()
    _seals()
    _traces()
    _guard()


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", INT, sa.Identity(always=False), nullable=False, autoincrement=True),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False, server_default="{}"),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("at", INT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_audit_subject"), "audit", ["subject"])
    op.create_index(op.f("ix_audit_trace_id"), "audit", ["trace_id"])


def _seals() -> None:
    op.create_table(
        "seals",
        sa.Column("seq", INT, sa.Identity(always=False), nullable=False, autoincrement=True),
        sa.Column("sealed_table", sa.Text, nullable=False),
        sa.Column("from_seq", INT, nullable=False),
        sa.Column("upto_seq", INT, nullable=False),
        sa.Column("row_count", INT, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("previous_digest", sa.Text, nullable=False),
        sa.Column("at", INT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_seals")),
        sa.UniqueConstraint("sealed_table", "from_seq", name=op.f("uq_seals_sealed_table_from_seq")),
        sqlite_strict=True,
    )


def _traces() -> None:
    op.create_table(
        "traces",
        sa.Column("seq", INT, sa.Identity(always=False), nullable=False, autoincrement=True),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False, server_default="{}"),
        sa.Column("at", INT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_traces")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_traces_at"), "traces", ["at"])
    op.create_index(op.f("ix_traces_trace_id"), "traces", ["trace_id"])


def _guard() -> None:
    """Let nobody change or delete rows of the immutable tables."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    for table in IMMUTABLE:
        if postgresql:
            op.execute(
                f"CREATE TRIGGER immutable_{table}_row BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            )
            op.execute(
                f"CREATE TRIGGER immutable_{table}_all BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )
            continue
        for what in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER immutable_{table}_{what} BEFORE {what.upper()} ON {table} "
                "BEGIN SELECT RAISE(ABORT, 'immutable_row'); END"
            )
