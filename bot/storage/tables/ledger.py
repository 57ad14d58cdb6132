"""The ledger's only table: immutable postings between account paths."""

import sqlalchemy as sa

from bot.storage.tables.base import Int, fen, moment, number, serial, table, text

postings = table(
    "postings",
    serial(),
    # The business fact that caused the journal, such as ``credit:chg_…``; with entry_no the idempotency key.
    text("journal"),
    number("entry_no", default=None),
    text("source"),
    text("destination"),
    fen("amount"),
    text("asset", default="CNY"),
    text("order_id", null=True),
    text("charge_id", null=True),
    text("refund_id", null=True),
    text("trace_id"),
    moment("at"),
    sa.UniqueConstraint("journal", "entry_no"),
    sa.CheckConstraint("source <> destination", name="two_accounts"),
    sa.Index(None, "source", "seq"),
    sa.Index(None, "destination", "seq"),
    sa.Index(None, "order_id"),
    sa.Index(None, "charge_id"),
    sa.Index(None, "trace_id"),
    immutable=True,
)

# A balance is its last checkpoint plus the postings behind it: no hot row that all credits would queue for.
balance_checkpoints = table(
    "balance_checkpoints",
    sa.Column("account", sa.Text, primary_key=True),
    # A genuine payment in a foreign currency lies in suspense under its own asset.
    sa.Column("asset", sa.Text, primary_key=True),
    sa.Column("upto_seq", Int, primary_key=True),
    sa.Column("balance", Int, nullable=False),
    moment("at"),
    immutable=True,
)
