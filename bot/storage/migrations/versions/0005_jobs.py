"""What came in from gateways (inbox) and what must go out (outbox)."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _inbox()
    _outbox()


def _inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("gateway", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("notice_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body_digest", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("charge_id", sa.Text, nullable=True),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("received_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("gateway", "account", "notice_id", name=op.f("pk_inbox")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_inbox_charge_id"), "inbox", ["charge_id"])
    op.create_index(
        op.f("ix_inbox_orphans"),
        "inbox",
        ["trace_id"],
        sqlite_where=sa.text("charge_id IS NULL"),
        postgresql_where=sa.text("charge_id IS NULL"),
    )
    op.create_index(op.f("ix_inbox_received_at"), "inbox", ["received_at"])


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("dest", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", INT, nullable=False, server_default="0"),
        sa.Column("due_at", INT, nullable=False),
        sa.Column("lease_until", INT, nullable=True),
        sa.Column("lease_owner", sa.Text, nullable=True),
        sa.Column("last_error", sa.Text, nullable=True),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("created_at", INT, nullable=False),
        sa.Column("done_at", INT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.CheckConstraint("state IN ('ready', 'leased', 'done', 'dead')", name=op.f("ck_outbox_state_known")),
        sa.UniqueConstraint("kind", "key", name=op.f("uq_outbox_kind_key")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_outbox_dead"),
        "outbox",
        ["kind", "dest"],
        sqlite_where=sa.text("state = 'dead'"),
        postgresql_where=sa.text("state = 'dead'"),
    )
    op.create_index(
        op.f("ix_outbox_leased"),
        "outbox",
        ["lease_until"],
        sqlite_where=sa.text("state = 'leased'"),
        postgresql_where=sa.text("state = 'leased'"),
    )
    op.create_index(
        op.f("ix_outbox_ready"),
        "outbox",
        ["dest", "due_at"],
        sqlite_where=sa.text("state = 'ready'"),
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.create_index(op.f("ix_outbox_trace_id"), "outbox", ["trace_id"])
