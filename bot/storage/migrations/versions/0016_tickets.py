"""What customers complained of, with the clock that runs on it and its progress."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _tickets()
    _entries()


def _tickets() -> None:
    op.create_table(
        "tickets",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("wish", sa.Text, nullable=False),
        sa.Column("disposition", sa.Text, nullable=False),
        sa.Column("matter", sa.Text, nullable=False),
        sa.Column("order_id", sa.Text, nullable=True),
        sa.Column("title", sa.Text, nullable=False, server_default=""),
        sa.Column(
            "amount", INT, sa.CheckConstraint("amount >= 0", name=op.f("ck_tickets_amount_range")), nullable=True
        ),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("opened_at", INT, nullable=False),
        sa.Column("counted_at", INT, nullable=False),
        sa.Column("due_at", INT, nullable=False),
        sa.Column("overdue_at", INT, nullable=True),
        sa.Column("closed_at", INT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tickets")),
        sa.CheckConstraint("state IN ('open', 'closed', 'withdrawn')", name=op.f("ck_tickets_state_known")),
        sa.UniqueConstraint("number", name=op.f("uq_tickets_number")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("uq_tickets_open"),
        "tickets",
        ["matter"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(op.f("ix_tickets_customer_id_opened_at"), "tickets", ["customer_id", "opened_at"])
    op.create_index(op.f("ix_tickets_state_due_at"), "tickets", ["state", "due_at"])
    op.create_index(op.f("ix_tickets_trace_id"), "tickets", ["trace_id"])


def _entries() -> None:
    op.create_table(
        "ticket_entries",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("ticket_id", sa.Text, nullable=False),
        sa.Column("at", INT, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("by_whom", sa.Text, nullable=False),
        sa.Column("words_sealed", sa.LargeBinary, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket_entries")),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name=op.f("fk_ticket_entries_ticket_id")),
        sa.CheckConstraint("by_whom IN ('customer', 'desk', 'system')", name=op.f("ck_ticket_entries_by_whom_known")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_ticket_entries_ticket_id_at"), "ticket_entries", ["ticket_id", "at"])
