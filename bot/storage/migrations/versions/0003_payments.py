"""Orders with their lines, charges, refunds, suspense, and the keys that keep one bill from being paid twice."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _idempotency()
    _orders()
    _paid_claims()
    _suspense()
    _charges()
    _order_lines()
    _refunds()


def _idempotency() -> None:
    op.create_table(
        "idempotency",
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("input_hash", sa.Text, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("at", INT, nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name=op.f("pk_idempotency")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_idempotency_at"), "idempotency", ["at"])


def _orders() -> None:
    op.create_table(
        "orders",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("quote_id", sa.Text, nullable=False),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("merchant_id", sa.Text, nullable=False),
        sa.Column("store_id", sa.Text, nullable=True),
        sa.Column("scene", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=True),
        sa.Column("account", sa.Text, nullable=True),
        sa.Column("customer_id", sa.Text, nullable=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("amount", INT, sa.CheckConstraint("amount > 0", name=op.f("ck_orders_amount_range")), nullable=False),
        sa.Column("currency", sa.Text, nullable=False, server_default="CNY"),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("paid_charge_id", sa.Text, nullable=True),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("created_at", INT, nullable=False),
        sa.Column("expires_at", INT, nullable=False),
        sa.Column("paid_at", INT, nullable=True),
        sa.Column("closed_at", INT, nullable=True),
        sa.Column(
            "refunded",
            INT,
            sa.CheckConstraint("refunded >= 0", name=op.f("ck_orders_refunded_range")),
            nullable=False,
            server_default="0",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.CheckConstraint(
            "state IN ('created', 'closing', 'closed', 'paid', 'paid_late')", name=op.f("ck_orders_state_known")
        ),
        sa.CheckConstraint(
            "origin IN ('chat', 'static_code', 'dynamic_code', 'mini', 'device', 'open')",
            name=op.f("ck_orders_origin_known"),
        ),
        sa.CheckConstraint("refunded <= amount", name=op.f("ck_orders_refunded_range_upper")),
        sa.UniqueConstraint("quote_id", name=op.f("uq_orders_quote_id")),
        sa.UniqueConstraint("token", name=op.f("uq_orders_token")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_orders_customer_id_created_at"), "orders", ["customer_id", "created_at"])
    op.create_index(op.f("ix_orders_merchant_id_created_at"), "orders", ["merchant_id", "created_at"])
    op.create_index(op.f("ix_orders_state_expires_at"), "orders", ["state", "expires_at"])
    op.create_index(op.f("ix_orders_trace_id"), "orders", ["trace_id"])


def _paid_claims() -> None:
    op.create_table(
        "paid_claims",
        sa.Column("claim", sa.Text, nullable=False),
        sa.Column("line_id", sa.Text, nullable=False),
        sa.Column("order_id", sa.Text, nullable=False),
        sa.Column("at", INT, nullable=False),
        sa.PrimaryKeyConstraint("claim", name=op.f("pk_paid_claims")),
        sqlite_strict=True,
    )


def _suspense() -> None:
    op.create_table(
        "suspense",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("gateway", sa.Text, nullable=False),
        sa.Column("gateway_account", sa.Text, nullable=False),
        sa.Column("out_trade_no", sa.Text, nullable=False),
        sa.Column("transaction_id", sa.Text, nullable=False),
        sa.Column(
            "amount", INT, sa.CheckConstraint("amount > 0", name=op.f("ck_suspense_amount_range")), nullable=False
        ),
        sa.Column("currency", sa.Text, nullable=False, server_default="CNY"),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("charge_id", sa.Text, nullable=True),
        sa.Column("order_id", sa.Text, nullable=True),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("at", INT, nullable=False),
        sa.Column("changed_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suspense")),
        sa.CheckConstraint(
            "state IN ('held', 'refunding', 'refunded', 'applied')", name=op.f("ck_suspense_state_known")
        ),
        sa.CheckConstraint(
            "reason IN ('unknown_order', 'amount', 'closed', 'second_payment', 'claimed', 'mismatch')",
            name=op.f("ck_suspense_reason_known"),
        ),
        sa.UniqueConstraint("gateway", "transaction_id", name=op.f("uq_suspense_gateway_transaction_id")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_suspense_charge_id"), "suspense", ["charge_id"])
    op.create_index(op.f("ix_suspense_out_trade_no"), "suspense", ["out_trade_no"])
    op.create_index(op.f("ix_suspense_state_at"), "suspense", ["state", "at"])
    op.create_index(op.f("ix_suspense_trace_id"), "suspense", ["trace_id"])


def _charges() -> None:
    op.create_table(
        "charges",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("order_id", sa.Text, sa.ForeignKey("orders.id", name=op.f("fk_charges_order_id")), nullable=False),
        sa.Column("gateway", sa.Text, nullable=False),
        sa.Column("gateway_account", sa.Text, nullable=False),
        sa.Column("way", sa.Text, nullable=False),
        sa.Column("out_trade_no", sa.Text, nullable=False),
        sa.Column(
            "amount", INT, sa.CheckConstraint("amount > 0", name=op.f("ck_charges_amount_range")), nullable=False
        ),
        sa.Column("currency", sa.Text, nullable=False, server_default="CNY"),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("request_sealed", sa.LargeBinary, nullable=False),
        sa.Column("handover_sealed", sa.LargeBinary, nullable=True),
        sa.Column("payer_hash", sa.Text, nullable=True),
        sa.Column("transaction_id", sa.Text, nullable=True),
        sa.Column(
            "payer_amount",
            INT,
            sa.CheckConstraint("payer_amount >= 0", name=op.f("ck_charges_payer_amount_range")),
            nullable=True,
        ),
        sa.Column(
            "settlement_amount",
            INT,
            sa.CheckConstraint("settlement_amount >= 0", name=op.f("ck_charges_settlement_amount_range")),
            nullable=True,
        ),
        sa.Column("discounts", sa.Text, nullable=False, server_default="{}"),
        sa.Column("failure", sa.Text, nullable=True),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("created_at", INT, nullable=False),
        sa.Column("expires_at", INT, nullable=False),
        sa.Column("paid_at", INT, nullable=True),
        sa.Column("next_query_at", INT, nullable=True),
        sa.Column("queries", INT, nullable=False, server_default="0"),
        sa.Column("changed_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charges")),
        sa.CheckConstraint(
            "state IN ('created', 'pending', 'paid', 'failed', 'unknown', 'closing', 'closed', "
            "'reversing', 'reversed')",
            name=op.f("ck_charges_state_known"),
        ),
        sa.UniqueConstraint("gateway", "transaction_id", name=op.f("uq_charges_gateway_transaction_id")),
        sa.UniqueConstraint("out_trade_no", name=op.f("uq_charges_out_trade_no")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_charges_next_query_at"), "charges", ["next_query_at"])
    op.create_index(op.f("ix_charges_order_id"), "charges", ["order_id"])
    op.create_index(op.f("ix_charges_trace_id"), "charges", ["trace_id"])
    op.create_index(
        op.f("uq_charges_live"),
        "charges",
        ["order_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('created', 'pending', 'unknown', 'closing', 'reversing')"),
        postgresql_where=sa.text("state IN ('created', 'pending', 'unknown', 'closing', 'reversing')"),
    )


def _order_lines() -> None:
    op.create_table(
        "order_lines",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column(
            "order_id", sa.Text, sa.ForeignKey("orders.id", name=op.f("fk_order_lines_order_id")), nullable=False
        ),
        sa.Column("position", INT, nullable=False),
        sa.Column("item_id", sa.Text, nullable=False),
        sa.Column("biller", sa.Text, nullable=False),
        sa.Column("bill_id", sa.Text, nullable=True),
        sa.Column("bill_no", sa.Text, nullable=True),
        sa.Column("account_sealed", sa.LargeBinary, nullable=True),
        sa.Column("account_mask", sa.Text, nullable=False, server_default=""),
        sa.Column("period", sa.Text, nullable=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column(
            "amount", INT, sa.CheckConstraint("amount > 0", name=op.f("ck_order_lines_amount_range")), nullable=False
        ),
        sa.Column(
            "late_fee",
            INT,
            sa.CheckConstraint("late_fee >= 0", name=op.f("ck_order_lines_late_fee_range")),
            nullable=False,
            server_default="0",
        ),
        sa.Column("claim", sa.Text, nullable=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("biller_ref", sa.Text, nullable=True),
        sa.Column("refusal", sa.Text, nullable=True),
        sa.Column("attempts", INT, nullable=False, server_default="0"),
        sa.Column("changed_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_lines")),
        sa.CheckConstraint(
            "state IN ('none', 'sent', 'settled', 'refused', 'unknown', 'reversing', 'reversed', 'reversal_refused')",
            name=op.f("ck_order_lines_state_known"),
        ),
        sa.UniqueConstraint("order_id", "position", name=op.f("uq_order_lines_order_id_position")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_order_lines_bill_id"), "order_lines", ["bill_id"])
    op.create_index(op.f("ix_order_lines_state_changed_at"), "order_lines", ["state", "changed_at"])


def _refunds() -> None:
    op.create_table(
        "refunds",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("order_id", sa.Text, nullable=True),
        sa.Column("charge_id", sa.Text, sa.ForeignKey("charges.id", name=op.f("fk_refunds_charge_id")), nullable=True),
        sa.Column("line_id", sa.Text, nullable=True),
        sa.Column("suspense_id", sa.Text, nullable=True),
        sa.Column("out_refund_no", sa.Text, nullable=False),
        sa.Column("gateway", sa.Text, nullable=False),
        sa.Column("gateway_account", sa.Text, nullable=False),
        sa.Column("out_trade_no", sa.Text, nullable=False),
        sa.Column("transaction_id", sa.Text, nullable=True),
        sa.Column("total", INT, sa.CheckConstraint("total > 0", name=op.f("ck_refunds_total_range")), nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column(
            "amount", INT, sa.CheckConstraint("amount > 0", name=op.f("ck_refunds_amount_range")), nullable=False
        ),
        sa.Column("currency", sa.Text, nullable=False, server_default="CNY"),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("refund_id", sa.Text, nullable=True),
        sa.Column("failure", sa.Text, nullable=True),
        sa.Column("requested_by", sa.Text, nullable=False),
        sa.Column("approved_by", sa.Text, nullable=True),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("created_at", INT, nullable=False),
        sa.Column("succeeded_at", INT, nullable=True),
        sa.Column("next_query_at", INT, nullable=True),
        sa.Column("queries", INT, nullable=False, server_default="0"),
        sa.Column("changed_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
        sa.CheckConstraint(
            "state IN ('requested', 'rejected', 'approved', 'pending', 'succeeded', 'failed', 'abnormal', 'unknown')",
            name=op.f("ck_refunds_state_known"),
        ),
        sa.CheckConstraint("source IN ('order', 'surplus', 'console')", name=op.f("ck_refunds_source_known")),
        sa.UniqueConstraint("out_refund_no", name=op.f("uq_refunds_out_refund_no")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_refunds_charge_id"), "refunds", ["charge_id"])
    op.create_index(op.f("ix_refunds_next_query_at"), "refunds", ["next_query_at"])
    op.create_index(op.f("ix_refunds_order_id"), "refunds", ["order_id"])
    op.create_index(op.f("ix_refunds_suspense_id"), "refunds", ["suspense_id"])
    op.create_index(op.f("ix_refunds_trace_id"), "refunds", ["trace_id"])
