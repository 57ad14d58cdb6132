"""Nicknames and groups of saved accounts, reminders, and what a customer wants to be told."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_ASKED = sa.text("remind_at IS NOT NULL")


def upgrade() -> None:
    op.add_column("customers", sa.Column("large", INT, server_default="0", nullable=False))
    # What people call an account may be a name, so it is kept as sealed as the account; nobody has given one yet.
    op.add_column("saved_accounts", sa.Column("nickname_sealed", sa.LargeBinary, nullable=True))
    op.execute("ALTER TABLE saved_accounts DROP COLUMN nickname")
    op.add_column("saved_accounts", sa.Column("remind_at", INT, nullable=True))
    op.create_index(
        "ix_saved_accounts_remind_at",
        "saved_accounts",
        ["remind_at", "id"],
        sqlite_where=_ASKED,
        postgresql_where=_ASKED,
    )
    _reminders()
    op.create_table(
        "contract_accounts",
        sa.Column("contract_id", sa.Text, nullable=False),
        sa.Column("account_sealed", sa.LargeBinary, nullable=False),
        sa.Column("fields_sealed", sa.LargeBinary, nullable=True),
        sa.Column("next_at", INT, nullable=False),
        sa.Column("created_at", INT, nullable=False),
        sa.ForeignKeyConstraint(["contract_id"], ["contracts.id"], name=op.f("fk_contract_accounts_contract_id")),
        sa.PrimaryKeyConstraint("contract_id", name=op.f("pk_contract_accounts")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_contract_accounts_next_at"), "contract_accounts", ["next_at"])


def _reminders() -> None:
    op.create_table(
        "reminder_wishes",
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("created_at", INT, nullable=False),
        sa.Column("stopped_at", INT, nullable=True),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_reminder_wishes_customer_id")),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_reminder_wishes")),
        sqlite_strict=True,
    )
    op.create_table(
        "reminders",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("item_id", sa.Text, nullable=False),
        sa.Column("account_mask", sa.Text, nullable=False),
        sa.Column("bill_key", sa.Text, nullable=False),
        sa.Column(
            "amount", INT, sa.CheckConstraint("amount > 0", name=op.f("ck_reminders_amount_range")), nullable=False
        ),
        sa.Column("due_on", sa.Text, nullable=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, server_default="", nullable=False),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("created_at", INT, nullable=False),
        sa.Column("changed_at", INT, nullable=False),
        sa.CheckConstraint("state IN ('queued', 'sent', 'unsent', 'dropped')", name=op.f("ck_reminders_state_known")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_reminders_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminders")),
        sa.UniqueConstraint("customer_id", "bill_key", name=op.f("uq_reminders_customer_id_bill_key")),
        sqlite_strict=True,
    )
