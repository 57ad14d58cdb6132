"""What waits for a person: dead letters, suspense, refusals, refunds for two names; and customers' complaints."""

import sqlalchemy as sa

from bot.storage.tables.base import fen, key, moment, one_of, sealed, table, text

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

# What a customer complained of: the customer's own view of a case, with a number to name it by and a clock.
tickets = table(
    "tickets",
    key(),
    # What the customer is told: T, the Shanghai day, six digits.
    sa.Column("number", sa.Text, nullable=False, unique=True),
    text("customer_id"),
    # Where the customer is written to.
    text("channel"),
    text("account"),
    # What was wished (an act of the dialogue) and which dispute that is (domain.md §2.2).
    text("wish"),
    text("disposition"),
    # One customer, wish and order: as long as a ticket of it is open there is no second.
    text("matter"),
    text("order_id", null=True),
    text("title", default=""),
    fen("amount", null=True),
    text("state"),
    text("trace_id"),
    moment("opened_at"),
    # From when the clock counts: the opening, or the last time it was opened again.
    moment("counted_at"),
    moment("due_at"),
    moment("overdue_at", null=True),
    moment("closed_at", null=True),
    one_of("state", "open", "closed", "withdrawn"),
    sa.Index(
        "uq_tickets_open",
        "matter",
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    ),
    sa.Index(None, "customer_id", "opened_at"),
    sa.Index(None, "state", "due_at"),
    sa.Index(None, "trace_id"),
)

ticket_entries = table(
    "ticket_entries",
    key(),
    sa.Column("ticket_id", sa.Text, sa.ForeignKey("tickets.id"), nullable=False),
    moment("at"),
    text("what"),
    text("by_whom"),
    # Words for or of the customer; those of a customer may tell anything about anybody.
    sealed("words_sealed", null=True),
    one_of("by_whom", "customer", "desk", "system"),
    sa.Index(None, "ticket_id", "at"),
)
