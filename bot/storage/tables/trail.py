"""Traces of what happened, the audit of what people did, and the seals over both and over the ledger."""

import sqlalchemy as sa

from bot.storage.tables.base import Int, moment, serial, table, text

traces = table(
    "traces",
    serial(),
    text("trace_id"),
    text("kind"),
    text("title"),
    text("detail", default="{}"),
    moment("at"),
    sa.Index(None, "trace_id"),
    sa.Index(None, "at"),
)

audit = table(
    "audit",
    serial(),
    text("actor"),
    text("action"),
    text("subject"),
    text("detail", default="{}"),
    text("trace_id"),
    moment("at"),
    sa.Index(None, "subject"),
    sa.Index(None, "trace_id"),
    immutable=True,
)

seals = table(
    "seals",
    serial(),
    text("sealed_table"),
    sa.Column("from_seq", Int, nullable=False),
    sa.Column("upto_seq", Int, nullable=False),
    sa.Column("row_count", Int, nullable=False),
    text("digest"),
    text("previous_digest"),
    moment("at"),
    sa.UniqueConstraint("sealed_table", "from_seq"),
    immutable=True,
)
