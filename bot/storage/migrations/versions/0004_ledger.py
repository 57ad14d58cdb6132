"""The ledger's only table: immutable postings between account paths."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
IMMUTABLE = (
    "balance_checkpoints",
    "postings",
)

REFUSE_CHANGE = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'immutable_row' USING ERRCODE = 'restrict_violation'; END $$
"""


def upgrade() -> None:
    _balance_checkpoints()
    _postings()
    _guard()


def _balance_checkpoints() -> None:
    op.create_table(
        "balance_checkpoints",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("upto_seq", INT, nullable=False),
        sa.Column("balance", INT, nullable=False),
        sa.Column("at", INT, nullable=False),
        sa.PrimaryKeyConstraint("account", "asset", "upto_seq", name=op.f("pk_balance_checkpoints")),
        sqlite_strict=True,
    )


def _postings() -> None:
    op.create_table(
        "postings",
        sa.Column("seq", INT, sa.Identity(always=False), nullable=False, autoincrement=True),
        sa.Column("journal", sa.Text, nullable=False),
        sa.Column("entry_no", INT, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("destination", sa.Text, nullable=False),
        sa.Column(
            "amount", INT, sa.CheckConstraint("amount >= 0", name=op.f("ck_postings_amount_range")), nullable=False
        ),
        sa.Column("asset", sa.Text, nullable=False, server_default="CNY"),
        sa.Column("order_id", sa.Text, nullable=True),
        sa.Column("charge_id", sa.Text, nullable=True),
        sa.Column("refund_id", sa.Text, nullable=True),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("at", INT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_postings")),
        sa.UniqueConstraint("journal", "entry_no", name=op.f("uq_postings_journal_entry_no")),
        sa.CheckConstraint("source <> destination", name=op.f("ck_postings_two_accounts")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_postings_charge_id"), "postings", ["charge_id"])
    op.create_index(op.f("ix_postings_destination_seq"), "postings", ["destination", "seq"])
    op.create_index(op.f("ix_postings_order_id"), "postings", ["order_id"])
    op.create_index(op.f("ix_postings_source_seq"), "postings", ["source", "seq"])
    op.create_index(op.f("ix_postings_trace_id"), "postings", ["trace_id"])


def _guard() -> None:
    """Let nobody change or delete rows of the immutable tables."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    if postgresql:
        op.execute(REFUSE_CHANGE)
    for table in IMMUTABLE:
        if postgresql:
            op.execute(
                f"CREATE TRIGGER immutable_{table}_row BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            )
            op.execute(
                f"CREATE TRIGGER immutable_{table}_all BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )
            continue
        for what in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER immutable_{table}_{what} BEFORE {what.upper()} ON {table} "
                "BEGIN SELECT RAISE(ABORT, 'immutable_row'); END"
            )
