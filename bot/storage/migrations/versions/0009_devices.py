"""Devices at a till."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "devices",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("merchant_id", sa.Text, nullable=False),
        sa.Column("store_id", sa.Text, nullable=False),
        sa.Column("item_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("key_sealed", sa.LargeBinary, nullable=True),
        sa.Column("pin_hash", sa.Text, nullable=True),
        sa.Column("state", sa.Text, nullable=False, server_default="active"),
        sa.Column("created_at", INT, nullable=False),
        sa.Column("changed_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_devices_merchant_id")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_devices_store_id")),
        sa.ForeignKeyConstraint(["item_id"], ["bill_items.id"], name=op.f("fk_devices_item_id")),
        sa.CheckConstraint("state IN ('active', 'revoked')", name=op.f("ck_devices_state_known")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_devices_merchant_id"), "devices", ["merchant_id"])
    op.create_index(op.f("ix_devices_store_id"), "devices", ["store_id"])
