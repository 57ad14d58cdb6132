"""Rules of profit sharing, the shares of payments and what came back of them."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _share_rules()
    _share_receivers()
    _shares()
    _share_parts()
    _share_returns()


def _share_rules() -> None:
    op.create_table(
        "share_rules",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("merchant_id", sa.Text, nullable=False),
        sa.Column("item_id", sa.Text, server_default="", nullable=False),
        sa.Column("version", INT, nullable=False),
        sa.Column("cap", INT, nullable=False),
        sa.Column("terms", sa.Text, nullable=False),
        sa.Column("receivers_sealed", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("proposed_by", sa.Text, nullable=False),
        sa.Column("decided_by", sa.Text, nullable=True),
        sa.Column("created_at", INT, nullable=False),
        sa.Column("changed_at", INT, nullable=False),
        sa.CheckConstraint(
            "state IN ('proposed', 'active', 'refused', 'ended')", name=op.f("ck_share_rules_state_known")
        ),
        sa.CheckConstraint("cap > 0 AND cap <= 10000", name=op.f("ck_share_rules_cap_range")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share_rules")),
        sa.UniqueConstraint(
            "merchant_id", "item_id", "version", name=op.f("uq_share_rules_merchant_id_item_id_version")
        ),
        sqlite_strict=True,
    )
    op.create_index(
        "uq_share_rules_active",
        "share_rules",
        ["merchant_id", "item_id"],
        unique=True,
        sqlite_where=sa.text("state = 'active'"),
        postgresql_where=sa.text("state = 'active'"),
    )


def _share_receivers() -> None:
    op.create_table(
        "share_receivers",
        sa.Column("gateway", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("receiver_hash", sa.Text, nullable=False),
        sa.Column("at", INT, nullable=False),
        sa.PrimaryKeyConstraint("gateway", "account", "receiver_hash", name=op.f("pk_share_receivers")),
        sqlite_strict=True,
    )


def _shares() -> None:
    op.create_table(
        "shares",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("charge_id", sa.Text, nullable=False),
        sa.Column("order_id", sa.Text, nullable=False),
        sa.Column("merchant_id", sa.Text, nullable=False),
        sa.Column("gateway", sa.Text, nullable=False),
        sa.Column("gateway_account", sa.Text, nullable=False),
        sa.Column("out_trade_no", sa.Text, nullable=False),
        sa.Column("transaction_id", sa.Text, nullable=True),
        sa.Column("rules", sa.Text, nullable=False),
        sa.Column("paid", INT, sa.CheckConstraint("paid > 0", name=op.f("ck_shares_paid_range")), nullable=False),
        sa.Column("rest", INT, sa.CheckConstraint("rest >= 0", name=op.f("ck_shares_rest_range")), nullable=True),
        sa.Column("fee_rate", INT, server_default="-1", nullable=False),
        sa.Column("out_order_no", sa.Text, nullable=False),
        sa.Column("out_finish_no", sa.Text, nullable=False),
        sa.Column("share_id", sa.Text, nullable=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("failure", sa.Text, nullable=True),
        sa.Column("refusals", INT, server_default="0", nullable=False),
        sa.Column("queries", INT, server_default="0", nullable=False),
        sa.Column("next_query_at", INT, nullable=True),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("created_at", INT, nullable=False),
        sa.Column("changed_at", INT, nullable=False),
        sa.CheckConstraint(
            "state IN ('planned', 'sent', 'unknown', 'unfreezing', 'stuck', 'done')", name=op.f("ck_shares_state_known")
        ),
        sa.ForeignKeyConstraint(["charge_id"], ["charges.id"], name=op.f("fk_shares_charge_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shares")),
        sa.UniqueConstraint("charge_id", name=op.f("uq_shares_charge_id")),
        sa.UniqueConstraint("out_finish_no", name=op.f("uq_shares_out_finish_no")),
        sa.UniqueConstraint("out_order_no", name=op.f("uq_shares_out_order_no")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_shares_merchant_id_created_at"), "shares", ["merchant_id", "created_at"], unique=False)
    op.create_index(op.f("ix_shares_next_query_at"), "shares", ["next_query_at"], unique=False)
    op.create_index(op.f("ix_shares_order_id"), "shares", ["order_id"], unique=False)
    op.create_index(op.f("ix_shares_trace_id"), "shares", ["trace_id"], unique=False)


def _share_parts() -> None:
    op.create_table(
        "share_parts",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("share_id", sa.Text, nullable=False),
        sa.Column("position", INT, nullable=False),
        sa.Column("receiver", sa.Text, nullable=False),
        sa.Column("rule_id", sa.Text, nullable=False),
        sa.Column(
            "amount", INT, sa.CheckConstraint("amount > 0", name=op.f("ck_share_parts_amount_range")), nullable=False
        ),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, server_default="", nullable=False),
        sa.Column("changed_at", INT, nullable=False),
        sa.CheckConstraint("state IN ('pending', 'succeeded', 'failed')", name=op.f("ck_share_parts_state_known")),
        sa.ForeignKeyConstraint(["share_id"], ["shares.id"], name=op.f("fk_share_parts_share_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share_parts")),
        sa.UniqueConstraint("share_id", "receiver", name=op.f("uq_share_parts_share_id_receiver")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_share_parts_state_changed_at"), "share_parts", ["state", "changed_at"], unique=False)


def _share_returns() -> None:
    op.create_table(
        "share_returns",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("share_id", sa.Text, nullable=False),
        sa.Column("part_id", sa.Text, nullable=False),
        sa.Column("refund_id", sa.Text, nullable=True),
        sa.Column("out_return_no", sa.Text, nullable=False),
        sa.Column(
            "amount", INT, sa.CheckConstraint("amount > 0", name=op.f("ck_share_returns_amount_range")), nullable=False
        ),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, server_default="", nullable=False),
        sa.Column("queries", INT, server_default="0", nullable=False),
        sa.Column("next_query_at", INT, nullable=True),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("created_at", INT, nullable=False),
        sa.Column("changed_at", INT, nullable=False),
        sa.CheckConstraint(
            "state IN ('planned', 'sent', 'unknown', 'succeeded', 'failed', 'replaced', 'waived')",
            name=op.f("ck_share_returns_state_known"),
        ),
        sa.ForeignKeyConstraint(["part_id"], ["share_parts.id"], name=op.f("fk_share_returns_part_id")),
        sa.ForeignKeyConstraint(["share_id"], ["shares.id"], name=op.f("fk_share_returns_share_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share_returns")),
        sa.UniqueConstraint("out_return_no", name=op.f("uq_share_returns_out_return_no")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_share_returns_next_query_at"), "share_returns", ["next_query_at"], unique=False)
    op.create_index(op.f("ix_share_returns_part_id"), "share_returns", ["part_id"], unique=False)
    op.create_index(op.f("ix_share_returns_share_id"), "share_returns", ["share_id"], unique=False)
    op.create_index(op.f("ix_share_returns_trace_id"), "share_returns", ["trace_id"], unique=False)
