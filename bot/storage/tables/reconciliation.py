"""Statements as the gateways gave them, the bank's arrivals, the days that were reconciled, and what differed."""

from typing import Final

import sqlalchemy as sa

from bot.storage.tables.base import Int, fen, key, moment, number, one_of, table, text
from bot.storage.tables.payments import charges, refunds, suspense

_READY: Final = "state = 'ready'"
_UNRESOLVED: Final = "state IN ('pooled', 'open', 'working')"


def _sum(name: str) -> sa.Column[int]:
    """A column of fen that may be negative: a returned fee, money out."""
    return sa.Column(name, Int, nullable=False, server_default="0")


# One version of one day's bill. A bill whose content changed is another version; the older one stays as it was.
statements = table(
    "statements",
    key(),
    text("gateway"),
    text("account"),
    # The business day in Shanghai, 2026-11-23.
    text("day"),
    text("kind"),
    number("version", default=None),
    # ``gateway``, or ``file`` and who brought it in ``actor``.
    text("source"),
    text("actor"),
    text("digest", default=""),
    number("lines"),
    text("state"),
    moment("begun_at"),
    moment("ended_at", null=True),
    one_of("kind", "trade", "flow"),
    one_of("state", "loading", "ready", "superseded", "abandoned"),
    sa.UniqueConstraint("gateway", "account", "day", "kind", "version"),
    sa.Index(
        "uq_statements_ready",
        "gateway",
        "account",
        "day",
        "kind",
        unique=True,
        sqlite_where=sa.text(_READY),
        postgresql_where=sa.text(_READY),
    ),
)

statement_lines = table(
    "statement_lines",
    sa.Column("statement_id", sa.Text, primary_key=True),
    sa.Column("line_no", Int, primary_key=True, autoincrement=False),
    text("kind"),
    # What our own books know the line by: out_trade_no, out_refund_no (refund_id where there is none), or what a bill
    # tells of a share: out_order_no, out_return_no, else the out_trade_no of its payment.
    text("number"),
    text("out_trade_no"),
    text("transaction_id"),
    text("refund_id"),
    fen("amount"),
    text("currency"),
    _sum("fee"),
    fen("settlement_amount", null=True),
    _sum("shared"),
    # ``done``, ``pending`` or ``failed``; the vendor's own word is kept beside it.
    text("outcome"),
    text("vendor_state"),
    moment("at"),
    one_of("kind", "payment", "refund", "reversal", "share", "share_returned"),
    one_of("outcome", "done", "pending", "failed"),
    sa.Index(None, "number", "statement_id"),
    sa.Index(None, "transaction_id"),
)

flow_lines = table(
    "flow_lines",
    sa.Column("statement_id", sa.Text, primary_key=True),
    sa.Column("line_no", Int, primary_key=True, autoincrement=False),
    text("kind"),
    # Our number where the bill carries it, else the gateway's.
    text("number"),
    text("flow_no"),
    _sum("amount"),
    sa.Column("balance", Int, nullable=True),
    text("vendor_kind"),
    text("note"),
    moment("at"),
    sa.Index(None, "number", "statement_id"),
)

# What a bank says that it received for one account and day (一笔到账).
arrivals = table(
    "arrivals",
    key(),
    text("gateway"),
    text("account"),
    text("day"),
    text("reference"),
    fen("amount"),
    text("currency"),
    text("actor"),
    moment("at"),
    sa.UniqueConstraint("gateway", "account", "reference"),
    sa.Index(None, "gateway", "account", "day"),
)

# One business day of one account: where its reconciliation stands, and who is at it until when.
recon_days = table(
    "recon_days",
    sa.Column("gateway", sa.Text, primary_key=True),
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, primary_key=True),
    text("state"),
    # The moment at which the run under way began names it; what it has not seen at its end is no difference any more.
    number("run"),
    text("stage", default=""),
    number("upto"),
    text("owner", null=True),
    # When it is to be looked at next; while somebody has it, when their lease ends.
    moment("due_at", null=True),
    number("tries"),
    text("trouble", default=""),
    moment("matched_at", null=True),
    one_of("state", "planned", "loaded", "matched"),
    sa.Index(None, "due_at"),
)

# A row contributes ``theirs - ours`` to what the two sums of its day differ by.
recon_differences = table(
    "recon_differences",
    key(),
    text("gateway"),
    text("account"),
    text("day"),
    text("kind"),
    text("measure"),
    text("number"),
    number("copy"),
    text("out_trade_no"),
    text("currency"),
    text("ours_currency"),
    _sum("ours"),
    _sum("theirs"),
    _sum("ours_fee"),
    _sum("theirs_fee"),
    text("ours_state"),
    text("theirs_state"),
    # The day on which the other side has it.
    text("other_day"),
    number("line_no", null=True, default=None),
    text("our_id", null=True),
    text("state"),
    text("pool_until"),
    text("disposition", null=True),
    text("proposed_by", null=True),
    text("decided_by", null=True),
    text("note"),
    # Whether what was disposed has been carried out.
    number("asked"),
    number("seen"),
    number("told"),
    moment("found_at"),
    moment("changed_at"),
    one_of("state", "pooled", "open", "working", "explained", "paired", "void"),
    one_of("measure", "payment", "refund", "reversal", "share", "share_returned", "flow", "arrival"),
    sa.Index(None, "gateway", "account", "day"),
    sa.Index(
        "ix_recon_differences_unresolved",
        "gateway",
        "account",
        "day",
        sqlite_where=sa.text(_UNRESOLVED),
        postgresql_where=sa.text(_UNRESOLVED),
    ),
)

# What the books received and gave back, by account and moment, for the other direction of the comparison.
sa.Index(
    "ix_charges_received",
    charges.c.gateway,
    charges.c.gateway_account,
    charges.c.paid_at,
    sqlite_where=sa.text("paid_at IS NOT NULL"),
    postgresql_where=sa.text("paid_at IS NOT NULL"),
)
sa.Index(
    "ix_refunds_given",
    refunds.c.gateway,
    refunds.c.gateway_account,
    refunds.c.succeeded_at,
    sqlite_where=sa.text("succeeded_at IS NOT NULL"),
    postgresql_where=sa.text("succeeded_at IS NOT NULL"),
)
sa.Index("ix_suspense_received", suspense.c.gateway, suspense.c.gateway_account, suspense.c.at)
