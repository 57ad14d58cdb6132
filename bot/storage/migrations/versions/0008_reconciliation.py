"""Statements as the gateways gave them, the bank's arrivals, the days that were reconciled, and what differed."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _statements()
    _statement_lines()
    _flow_lines()
    _arrivals()
    _recon_days()
    _recon_differences()
    _received_and_given()


def _received_and_given() -> None:
    """Let the books be walked by account and moment, for the other direction of the comparison."""
    for name, table, column in (
        ("ix_charges_received", "charges", "paid_at"),
        ("ix_refunds_given", "refunds", "succeeded_at"),
    ):
        op.create_index(
            op.f(name),
            table,
            ["gateway", "gateway_account", column],
            sqlite_where=sa.text(f"{column} IS NOT NULL"),
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
    op.create_index(op.f("ix_suspense_received"), "suspense", ["gateway", "gateway_account", "at"])


def _statements() -> None:
    op.create_table(
        "statements",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("gateway", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("version", INT, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False, server_default=""),
        sa.Column("lines", INT, nullable=False, server_default="0"),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("begun_at", INT, nullable=False),
        sa.Column("ended_at", INT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statements")),
        sa.CheckConstraint("kind IN ('trade', 'flow')", name=op.f("ck_statements_kind_known")),
        sa.CheckConstraint(
            "state IN ('loading', 'ready', 'superseded', 'abandoned')", name=op.f("ck_statements_state_known")
        ),
        sa.UniqueConstraint(
            "gateway", "account", "day", "kind", "version", name=op.f("uq_statements_gateway_account_day_kind_version")
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("uq_statements_ready"),
        "statements",
        ["gateway", "account", "day", "kind"],
        unique=True,
        sqlite_where=sa.text("state = 'ready'"),
        postgresql_where=sa.text("state = 'ready'"),
    )


def _statement_lines() -> None:
    op.create_table(
        "statement_lines",
        sa.Column("statement_id", sa.Text, nullable=False),
        sa.Column("line_no", INT, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("out_trade_no", sa.Text, nullable=False),
        sa.Column("transaction_id", sa.Text, nullable=False),
        sa.Column("refund_id", sa.Text, nullable=False),
        sa.Column(
            "amount",
            INT,
            sa.CheckConstraint("amount >= 0", name=op.f("ck_statement_lines_amount_range")),
            nullable=False,
        ),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("fee", INT, nullable=False, server_default="0"),
        sa.Column(
            "settlement_amount",
            INT,
            sa.CheckConstraint("settlement_amount >= 0", name=op.f("ck_statement_lines_settlement_amount_range")),
            nullable=True,
        ),
        sa.Column("shared", INT, nullable=False, server_default="0"),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("vendor_state", sa.Text, nullable=False),
        sa.Column("at", INT, nullable=False),
        sa.PrimaryKeyConstraint("statement_id", "line_no", name=op.f("pk_statement_lines")),
        sa.CheckConstraint("kind IN ('payment', 'refund', 'reversal')", name=op.f("ck_statement_lines_kind_known")),
        sa.CheckConstraint("outcome IN ('done', 'pending', 'failed')", name=op.f("ck_statement_lines_outcome_known")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_statement_lines_number_statement_id"), "statement_lines", ["number", "statement_id"])
    op.create_index(op.f("ix_statement_lines_transaction_id"), "statement_lines", ["transaction_id"])


def _flow_lines() -> None:
    op.create_table(
        "flow_lines",
        sa.Column("statement_id", sa.Text, nullable=False),
        sa.Column("line_no", INT, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("flow_no", sa.Text, nullable=False),
        sa.Column("amount", INT, nullable=False, server_default="0"),
        sa.Column("balance", INT, nullable=True),
        sa.Column("vendor_kind", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("at", INT, nullable=False),
        sa.PrimaryKeyConstraint("statement_id", "line_no", name=op.f("pk_flow_lines")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_flow_lines_number_statement_id"), "flow_lines", ["number", "statement_id"])


def _arrivals() -> None:
    op.create_table(
        "arrivals",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("gateway", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column(
            "amount", INT, sa.CheckConstraint("amount >= 0", name=op.f("ck_arrivals_amount_range")), nullable=False
        ),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("at", INT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_arrivals")),
        sa.UniqueConstraint("gateway", "account", "reference", name=op.f("uq_arrivals_gateway_account_reference")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_arrivals_gateway_account_day"), "arrivals", ["gateway", "account", "day"])


def _recon_days() -> None:
    op.create_table(
        "recon_days",
        sa.Column("gateway", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("run", INT, nullable=False, server_default="0"),
        sa.Column("stage", sa.Text, nullable=False, server_default=""),
        sa.Column("upto", INT, nullable=False, server_default="0"),
        sa.Column("owner", sa.Text, nullable=True),
        sa.Column("due_at", INT, nullable=True),
        sa.Column("tries", INT, nullable=False, server_default="0"),
        sa.Column("trouble", sa.Text, nullable=False, server_default=""),
        sa.Column("matched_at", INT, nullable=True),
        sa.PrimaryKeyConstraint("gateway", "account", "day", name=op.f("pk_recon_days")),
        sa.CheckConstraint("state IN ('planned', 'loaded', 'matched')", name=op.f("ck_recon_days_state_known")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_recon_days_due_at"), "recon_days", ["due_at"])


def _recon_differences() -> None:
    op.create_table(
        "recon_differences",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("gateway", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("measure", sa.Text, nullable=False),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("copy", INT, nullable=False, server_default="0"),
        sa.Column("out_trade_no", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("ours_currency", sa.Text, nullable=False),
        sa.Column("ours", INT, nullable=False, server_default="0"),
        sa.Column("theirs", INT, nullable=False, server_default="0"),
        sa.Column("ours_fee", INT, nullable=False, server_default="0"),
        sa.Column("theirs_fee", INT, nullable=False, server_default="0"),
        sa.Column("ours_state", sa.Text, nullable=False),
        sa.Column("theirs_state", sa.Text, nullable=False),
        sa.Column("other_day", sa.Text, nullable=False),
        sa.Column("line_no", INT, nullable=True),
        sa.Column("our_id", sa.Text, nullable=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("pool_until", sa.Text, nullable=False),
        sa.Column("disposition", sa.Text, nullable=True),
        sa.Column("proposed_by", sa.Text, nullable=True),
        sa.Column("decided_by", sa.Text, nullable=True),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("asked", INT, nullable=False, server_default="0"),
        sa.Column("seen", INT, nullable=False, server_default="0"),
        sa.Column("told", INT, nullable=False, server_default="0"),
        sa.Column("found_at", INT, nullable=False),
        sa.Column("changed_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recon_differences")),
        sa.CheckConstraint(
            "measure IN ('payment', 'refund', 'reversal', 'flow', 'arrival')",
            name=op.f("ck_recon_differences_measure_known"),
        ),
        sa.CheckConstraint(
            "state IN ('pooled', 'open', 'working', 'explained', 'paired', 'void')",
            name=op.f("ck_recon_differences_state_known"),
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_recon_differences_gateway_account_day"), "recon_differences", ["gateway", "account", "day"]
    )
    op.create_index(
        op.f("ix_recon_differences_unresolved"),
        "recon_differences",
        ["gateway", "account", "day"],
        sqlite_where=sa.text("state IN ('pooled', 'open', 'working')"),
        postgresql_where=sa.text("state IN ('pooled', 'open', 'working')"),
    )
