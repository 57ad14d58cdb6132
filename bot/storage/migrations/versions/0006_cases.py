"""What waits for a person: dead letters, suspense, refused settlements, refunds that need a second pair of eyes."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _cases()


def _cases() -> None:
    op.create_table(
        "cases",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("facts", sa.Text, nullable=False, server_default="{}"),
        sa.Column("state", sa.Text, nullable=False, server_default="open"),
        sa.Column("action", sa.Text, nullable=True),
        sa.Column("proposed_by", sa.Text, nullable=True),
        sa.Column("decided_by", sa.Text, nullable=True),
        sa.Column("note", sa.Text, nullable=True),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("opened_at", INT, nullable=False),
        sa.Column("due_at", INT, nullable=False),
        sa.Column("closed_at", INT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
        sa.CheckConstraint("state IN ('open', 'proposed', 'resolved', 'rejected')", name=op.f("ck_cases_state_known")),
        sa.UniqueConstraint("kind", "key", name=op.f("uq_cases_kind_key")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_cases_state_due_at"), "cases", ["state", "due_at"])
    op.create_index(op.f("ix_cases_subject"), "cases", ["subject"])
    op.create_index(op.f("ix_cases_trace_id"), "cases", ["trace_id"])
