"""Contracts for deduction and the deductions made or planned under them."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _contracts()
    _deductions()


def _contracts() -> None:
    op.create_table(
        "contracts",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("out_contract_no", sa.Text, nullable=False),
        sa.Column("gateway", sa.Text, nullable=False),
        sa.Column("gateway_account", sa.Text, nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("contract_id", sa.Text, nullable=True),
        sa.Column("merchant_id", sa.Text, nullable=False),
        sa.Column("item_id", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=True),
        sa.Column("account", sa.Text, nullable=True),
        sa.Column("account_hash", sa.Text, nullable=False),
        sa.Column("account_mask", sa.Text, nullable=False),
        sa.Column(
            "maximum", INT, sa.CheckConstraint("maximum > 0", name=op.f("ck_contracts_maximum_range")), nullable=False
        ),
        sa.Column("period_days", INT, nullable=False),
        sa.Column("notice_days", INT, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("ended_by", sa.Text, server_default="", nullable=False),
        sa.Column("failure", sa.Text, nullable=True),
        sa.Column("request_sealed", sa.LargeBinary, nullable=False),
        sa.Column("handover_sealed", sa.LargeBinary, nullable=True),
        sa.Column("queries", INT, server_default="0", nullable=False),
        sa.Column("next_query_at", INT, nullable=True),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("created_at", INT, nullable=False),
        sa.Column("signed_at", INT, nullable=True),
        sa.Column("ended_at", INT, nullable=True),
        sa.Column("changed_at", INT, nullable=False),
        sa.CheckConstraint(
            "state IN ('created', 'signing', 'failed', 'lapsed', 'active', 'ending', 'ended')",
            name=op.f("ck_contracts_state_known"),
        ),
        sa.CheckConstraint("period_days > 0", name=op.f("ck_contracts_period_days_range")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contracts")),
        sa.UniqueConstraint("out_contract_no", name=op.f("uq_contracts_out_contract_no")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_contracts_next_query_at"), "contracts", ["next_query_at"], unique=False)
    op.create_index(op.f("ix_contracts_trace_id"), "contracts", ["trace_id"], unique=False)
    op.create_index(
        "uq_contracts_alive",
        "contracts",
        ["customer_id", "item_id", "account_hash"],
        unique=True,
        sqlite_where=sa.text("state IN ('created', 'signing', 'active', 'ending')"),
        postgresql_where=sa.text("state IN ('created', 'signing', 'active', 'ending')"),
    )


def _deductions() -> None:
    op.create_table(
        "deductions",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("contract_id", sa.Text, nullable=False),
        sa.Column("period", INT, nullable=False),
        sa.Column("bill_key", sa.Text, nullable=False),
        sa.Column(
            "amount", INT, sa.CheckConstraint("amount > 0", name=op.f("ck_deductions_amount_range")), nullable=False
        ),
        sa.Column("line_sealed", sa.LargeBinary, nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("failure", sa.Text, nullable=True),
        sa.Column("order_id", sa.Text, nullable=True),
        sa.Column("charge_id", sa.Text, nullable=True),
        sa.Column("tries", INT, server_default="0", nullable=False),
        sa.Column("next_at", INT, nullable=True),
        sa.Column("announced_at", INT, nullable=True),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("created_at", INT, nullable=False),
        sa.Column("changed_at", INT, nullable=False),
        sa.CheckConstraint(
            "state IN ('planned', 'announced', 'charging', 'paid', 'failed', 'cancelled')",
            name=op.f("ck_deductions_state_known"),
        ),
        sa.ForeignKeyConstraint(["contract_id"], ["contracts.id"], name=op.f("fk_deductions_contract_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deductions")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_deductions_charge_id"), "deductions", ["charge_id"], unique=False)
    op.create_index(op.f("ix_deductions_next_at"), "deductions", ["next_at"], unique=False)
    op.create_index(op.f("ix_deductions_trace_id"), "deductions", ["trace_id"], unique=False)
    op.create_index(
        "uq_deductions_bill",
        "deductions",
        ["contract_id", "bill_key"],
        unique=True,
        sqlite_where=sa.text("state IN ('planned', 'announced', 'charging', 'paid')"),
        postgresql_where=sa.text("state IN ('planned', 'announced', 'charging', 'paid')"),
    )
    op.create_index(
        "uq_deductions_period",
        "deductions",
        ["contract_id", "period"],
        unique=True,
        sqlite_where=sa.text("state IN ('planned', 'announced', 'charging', 'paid')"),
        postgresql_where=sa.text("state IN ('planned', 'announced', 'charging', 'paid')"),
    )
