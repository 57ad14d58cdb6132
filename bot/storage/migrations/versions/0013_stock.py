"""Things that can be sold out: their stock, what is held of it, and what was sold."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _offers()
    _holds()
    _passes()


def _offers() -> None:
    op.create_table(
        "offers",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("item_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("slot", sa.Text, nullable=False, server_default=""),
        sa.Column("starts_at", INT, nullable=False),
        sa.Column("ends_sale_at", INT, nullable=False),
        sa.Column("price", INT, sa.CheckConstraint("price > 0", name=op.f("ck_offers_price_range")), nullable=False),
        sa.Column("capacity", INT, nullable=False, server_default="0"),
        sa.Column("taken", INT, nullable=False, server_default="0"),
        sa.Column("per_person", INT, nullable=False, server_default="0"),
        sa.Column("state", sa.Text, nullable=False, server_default="active"),
        sa.Column("changed_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offers")),
        sa.ForeignKeyConstraint(["item_id"], ["bill_items.id"], name=op.f("fk_offers_item_id")),
        sa.CheckConstraint("state IN ('active', 'paused')", name=op.f("ck_offers_state_known")),
        sa.CheckConstraint("taken >= 0 AND taken <= capacity", name=op.f("ck_offers_taken_range")),
        sa.UniqueConstraint("item_id", "kind", "day", "slot", name=op.f("uq_offers_item_id_kind_day_slot")),
        sqlite_strict=True,
    )


def _holds() -> None:
    op.create_table(
        "holds",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("offer_id", sa.Text, nullable=False),
        sa.Column("quantity", INT, nullable=False, server_default="0"),
        sa.Column("amount", INT, sa.CheckConstraint("amount >= 0", name=op.f("ck_holds_amount_range")), nullable=False),
        sa.Column("people", sa.Text, nullable=False, server_default=""),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("expires_at", INT, nullable=False),
        sa.Column("line_id", sa.Text, nullable=True),
        sa.Column("refusal", sa.Text, nullable=True),
        sa.Column("voucher", sa.Text, nullable=True),
        sa.Column("used_at", INT, nullable=True),
        sa.Column("created_at", INT, nullable=False),
        sa.Column("changed_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
        sa.ForeignKeyConstraint(["offer_id"], ["offers.id"], name=op.f("fk_holds_offer_id")),
        sa.CheckConstraint("state IN ('held', 'sold', 'released', 'refunded')", name=op.f("ck_holds_state_known")),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_holds_quantity_range")),
        sa.UniqueConstraint("voucher", name=op.f("uq_holds_voucher")),
        sa.UniqueConstraint("line_id", name=op.f("uq_holds_line_id")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_holds_offer_id_state"), "holds", ["offer_id", "state"])
    op.create_index(op.f("ix_holds_state_expires_at"), "holds", ["state", "expires_at"])


def _passes() -> None:
    op.create_table(
        "passes",
        sa.Column("item_id", sa.Text, nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("person_hash", sa.Text, nullable=False),
        sa.Column("turn", INT, nullable=False),
        sa.Column("hold_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("item_id", "day", "person_hash", "turn", name=op.f("pk_passes")),
        sa.ForeignKeyConstraint(["hold_id"], ["holds.id"], name=op.f("fk_passes_hold_id")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_passes_hold_id"), "passes", ["hold_id"])
