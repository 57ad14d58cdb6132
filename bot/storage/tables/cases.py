"""What waits for a person: dead letters, suspense, refused settlements, refunds that need a second pair of eyes."""

import sqlalchemy as sa

from bot.storage.tables.base import key, moment, one_of, table, text

cases = table(
    "cases",
    key(),
    text("kind"),
    # Unique per thing and reason, so that a repeated failure opens no second case.
    text("key"),
    text("subject"),
    text("facts", default="{}"),
    text("state", default="open"),
    text("action", null=True),
    text("proposed_by", null=True),
    text("decided_by", null=True),
    text("note", null=True),
    text("trace_id"),
    moment("opened_at"),
    moment("due_at"),
    moment("closed_at", null=True),
    one_of("state", "open", "proposed", "resolved", "rejected"),
    sa.UniqueConstraint("kind", "key"),
    sa.Index(None, "state", "due_at"),
    sa.Index(None, "subject"),
    sa.Index(None, "trace_id"),
)
