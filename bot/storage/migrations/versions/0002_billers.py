"""Merchants, stores, bill items, hosted bills, imports, and the tokens of printed and dynamic codes."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _code_tokens()
    _imports()
    _merchants()
    _bill_items()
    _stores()
    _bills()
    _bookings()


def _code_tokens() -> None:
    op.create_table(
        "code_tokens",
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("merchant_id", sa.Text, nullable=False),
        sa.Column("store_id", sa.Text, nullable=True),
        sa.Column("item_id", sa.Text, nullable=True),
        sa.Column("order_id", sa.Text, nullable=True),
        sa.Column("label", sa.Text, nullable=False, server_default=""),
        sa.Column("state", sa.Text, nullable=False, server_default="active"),
        sa.Column("created_at", INT, nullable=False),
        sa.Column("changed_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_code_tokens")),
        sa.CheckConstraint("kind IN ('static', 'order', 'blank')", name=op.f("ck_code_tokens_kind_known")),
        sa.CheckConstraint("state IN ('active', 'paused', 'revoked')", name=op.f("ck_code_tokens_state_known")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_code_tokens_merchant_id"), "code_tokens", ["merchant_id"])
    op.create_index(op.f("ix_code_tokens_order_id"), "code_tokens", ["order_id"])


def _imports() -> None:
    op.create_table(
        "imports",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("item_id", sa.Text, nullable=False),
        sa.Column("file_digest", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("accepted", INT, nullable=False, server_default="0"),
        sa.Column("refused", INT, nullable=False, server_default="0"),
        sa.Column("unchanged", INT, nullable=False, server_default="0"),
        sa.Column("at", INT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_imports_item_id_at"), "imports", ["item_id", "at"])


def _merchants() -> None:
    op.create_table(
        "merchants",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("short_name", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="active"),
        sa.Column("gateways", sa.Text, nullable=False, server_default="{}"),
        sa.Column("created_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merchants")),
        sa.CheckConstraint("state IN ('active', 'paused')", name=op.f("ck_merchants_state_known")),
        sqlite_strict=True,
    )


def _bill_items() -> None:
    op.create_table(
        "bill_items",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column(
            "merchant_id",
            sa.Text,
            sa.ForeignKey("merchants.id", name=op.f("fk_bill_items_merchant_id")),
            nullable=False,
        ),
        sa.Column("scene", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("biller", sa.Text, nullable=False),
        sa.Column("definition", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="active"),
        sa.Column("created_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bill_items")),
        sa.CheckConstraint("state IN ('active', 'paused')", name=op.f("ck_bill_items_state_known")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_bill_items_merchant_id"), "bill_items", ["merchant_id"])
    op.create_index(op.f("ix_bill_items_scene_state"), "bill_items", ["scene", "state"])


def _stores() -> None:
    op.create_table(
        "stores",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column(
            "merchant_id", sa.Text, sa.ForeignKey("merchants.id", name=op.f("fk_stores_merchant_id")), nullable=False
        ),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False, server_default=""),
        sa.Column("state", sa.Text, nullable=False, server_default="active"),
        sa.Column("created_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stores")),
        sa.CheckConstraint("state IN ('active', 'paused')", name=op.f("ck_stores_state_known")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_stores_merchant_id"), "stores", ["merchant_id"])


def _bills() -> None:
    op.create_table(
        "bills",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("item_id", sa.Text, sa.ForeignKey("bill_items.id", name=op.f("fk_bills_item_id")), nullable=False),
        sa.Column("bill_no", sa.Text, nullable=False),
        sa.Column("account_hash", sa.Text, nullable=False),
        sa.Column("account_sealed", sa.LargeBinary, nullable=False),
        sa.Column("account_mask", sa.Text, nullable=False),
        sa.Column("holder_hash", sa.Text, nullable=True),
        sa.Column("holder_mask", sa.Text, nullable=False, server_default=""),
        sa.Column("period", sa.Text, nullable=False, server_default=""),
        sa.Column("title", sa.Text, nullable=False, server_default=""),
        sa.Column("amount", INT, sa.CheckConstraint("amount > 0", name=op.f("ck_bills_amount_range")), nullable=False),
        sa.Column(
            "paid",
            INT,
            sa.CheckConstraint("paid >= 0", name=op.f("ck_bills_paid_range")),
            nullable=False,
            server_default="0",
        ),
        sa.Column("due_on", sa.Text, nullable=True),
        sa.Column("detail", sa.Text, nullable=False, server_default="{}"),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("held_by", sa.Text, nullable=True),
        sa.Column("imported_at", INT, nullable=False),
        sa.Column("changed_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bills")),
        sa.CheckConstraint(
            "state IN ('open', 'held', 'partly_paid', 'paid', 'settled', 'reopened', 'withdrawn', "
            "'superseded', 'paid_elsewhere')",
            name=op.f("ck_bills_state_known"),
        ),
        sa.CheckConstraint("paid <= amount", name=op.f("ck_bills_paid_range_upper")),
        sa.UniqueConstraint("item_id", "bill_no", name=op.f("uq_bills_item_id_bill_no")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_bills_held_by"), "bills", ["held_by"])
    op.create_index(op.f("ix_bills_item_id_account_hash_state"), "bills", ["item_id", "account_hash", "state"])


def _bookings() -> None:
    op.create_table(
        "bookings",
        sa.Column("line_id", sa.Text, nullable=False),
        sa.Column("bill_id", sa.Text, sa.ForeignKey("bills.id", name=op.f("fk_bookings_bill_id")), nullable=False),
        sa.Column(
            "amount", INT, sa.CheckConstraint("amount >= 0", name=op.f("ck_bookings_amount_range")), nullable=False
        ),
        sa.Column(
            "principal",
            INT,
            sa.CheckConstraint("principal >= 0", name=op.f("ck_bookings_principal_range")),
            nullable=False,
        ),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("refusal", sa.Text, nullable=True),
        sa.Column("booked_at", INT, nullable=False),
        sa.Column("changed_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("line_id", name=op.f("pk_bookings")),
        sa.CheckConstraint("state IN ('settled', 'refused', 'reversed')", name=op.f("ck_bookings_state_known")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_bookings_bill_id"), "bookings", ["bill_id"])
