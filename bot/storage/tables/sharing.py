"""Rules of profit sharing by version, the shares of payments with their parts, and what receivers gave back."""

from typing import Final

import sqlalchemy as sa

from bot.storage.tables.base import fen, key, moment, number, one_of, sealed, table, text

_ACTIVE: Final = "state = 'active'"
_GIVEN: Final = "succeeded_at IS NOT NULL"

# One version of who gets what of a merchant's payments, or of those for one item (``item_id`` empty: of all others).
share_rules = table(
    "share_rules",
    key(),
    text("merchant_id"),
    text("item_id", default=""),
    number("version", default=None),
    # At most so many basis points of a payment go to others.
    number("cap", default=None),
    # Ratios and fixed amounts by the receiver's key, in their order; who that is, is sealed beside it.
    text("terms"),
    sealed("receivers_sealed"),
    text("state"),
    text("proposed_by"),
    text("decided_by", null=True),
    moment("created_at"),
    moment("changed_at"),
    one_of("state", "proposed", "active", "refused", "ended"),
    sa.CheckConstraint("cap > 0 AND cap <= 10000", name="cap_range"),
    sa.UniqueConstraint("merchant_id", "item_id", "version"),
    sa.Index(
        "uq_share_rules_active",
        "merchant_id",
        "item_id",
        unique=True,
        sqlite_where=sa.text(_ACTIVE),
        postgresql_where=sa.text(_ACTIVE),
    ),
)

# Whom a gateway account knows already as somebody who may be given a share; the number itself is nowhere in clear.
share_receivers = table(
    "share_receivers",
    sa.Column("gateway", sa.Text, primary_key=True),
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("receiver_hash", sa.Text, primary_key=True),
    moment("at"),
)

# One for each charge whose money is frozen at its gateway until it was shared or given free.
shares = table(
    "shares",
    key(),
    sa.Column("charge_id", sa.Text, sa.ForeignKey("charges.id"), nullable=False, unique=True),
    text("order_id"),
    text("merchant_id"),
    text("gateway"),
    text("gateway_account"),
    text("out_trade_no"),
    text("transaction_id", null=True),
    # The versions that were in force when the charge was made: {line: rule}.
    text("rules"),
    fen("paid", check="paid > 0"),
    # The merchant's part of what was paid, before fees and refunds; null until the parts are fixed.
    fen("rest", null=True),
    # The agreed fee in millionths when the parts were fixed; -1 where none is known.
    number("fee_rate", default=-1),
    sa.Column("out_order_no", sa.Text, nullable=False, unique=True),
    sa.Column("out_finish_no", sa.Text, nullable=False, unique=True),
    text("share_id", null=True),
    text("state"),
    text("failure", null=True),
    number("refusals"),
    number("queries"),
    moment("next_query_at", null=True),
    text("trace_id"),
    moment("created_at"),
    moment("changed_at"),
    one_of("state", "planned", "sent", "unknown", "unfreezing", "stuck", "done"),
    sa.Index(None, "order_id"),
    sa.Index(None, "out_trade_no"),
    sa.Index(None, "merchant_id", "created_at"),
    sa.Index(None, "next_query_at"),
    sa.Index(None, "trace_id"),
)

share_parts = table(
    "share_parts",
    key(),
    sa.Column("share_id", sa.Text, sa.ForeignKey("shares.id"), nullable=False),
    number("position", default=None),
    # The receiver's key in the rule that names it.
    text("receiver"),
    text("rule_id"),
    fen("amount", check="amount > 0"),
    text("state"),
    text("reason", default=""),
    moment("changed_at"),
    # When the gateway says that the receiver was given it: its bill of that day lists it.
    moment("succeeded_at", null=True),
    one_of("state", "pending", "succeeded", "failed"),
    sa.UniqueConstraint("share_id", "receiver"),
    sa.Index(None, "state", "changed_at"),
    sa.Index("ix_share_parts_given", "succeeded_at", sqlite_where=sa.text(_GIVEN), postgresql_where=sa.text(_GIVEN)),
)

share_returns = table(
    "share_returns",
    key(),
    sa.Column("share_id", sa.Text, sa.ForeignKey("shares.id"), nullable=False),
    sa.Column("part_id", sa.Text, sa.ForeignKey("share_parts.id"), nullable=False),
    # The refund that asked for it.
    text("refund_id", null=True),
    sa.Column("out_return_no", sa.Text, nullable=False, unique=True),
    fen("amount", check="amount > 0"),
    text("state"),
    text("reason", default=""),
    number("queries"),
    moment("next_query_at", null=True),
    text("trace_id"),
    moment("created_at"),
    moment("changed_at"),
    moment("succeeded_at", null=True),
    one_of("state", "planned", "sent", "unknown", "succeeded", "failed", "replaced", "waived"),
    sa.Index(None, "share_id"),
    sa.Index(None, "part_id"),
    sa.Index(None, "next_query_at"),
    sa.Index(None, "trace_id"),
    sa.Index("ix_share_returns_given", "succeeded_at", sqlite_where=sa.text(_GIVEN), postgresql_where=sa.text(_GIVEN)),
)
