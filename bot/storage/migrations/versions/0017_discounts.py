"""What is let off a line, so that a bill of 100 that was paid early by 95 is paid whole."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    check = sa.CheckConstraint("discount >= 0", name=op.f("ck_order_lines_discount_range"))
    op.add_column("order_lines", sa.Column("discount", INT, check, nullable=False, server_default="0"))
