"""What the hosted biller has booked line by line, and the one customer of each unionid."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _bookings()
    _unionids()


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


def _unionids() -> None:
    op.add_column("customers", sa.Column("unionid_hash", sa.Text, nullable=True))
    op.create_index(op.f("ix_customers_unionid_hash"), "customers", ["unionid_hash"], unique=True)
