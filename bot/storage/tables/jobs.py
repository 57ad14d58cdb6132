"""What came in from gateways (inbox) and what must go out (outbox)."""

import sqlalchemy as sa

from bot.storage.tables.base import key, moment, number, one_of, table, text

# The only replay store of notices: the row is written in the transaction that applies the notice.
inbox = table(
    "inbox",
    sa.Column("gateway", sa.Text, primary_key=True),
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("notice_id", sa.Text, primary_key=True),
    text("kind"),
    text("body_digest"),
    text("outcome"),
    text("charge_id", null=True),
    text("trace_id"),
    moment("received_at"),
    sa.Index(None, "charge_id"),
    sa.Index(None, "received_at"),
    # A notice of no charge of ours is found by its trace; the others by their charge.
    sa.Index(
        "ix_inbox_orphans",
        "trace_id",
        sqlite_where=sa.text("charge_id IS NULL"),
        postgresql_where=sa.text("charge_id IS NULL"),
    ),
)

outbox = table(
    "outbox",
    key(),
    text("kind"),
    text("key"),
    text("dest"),
    text("payload"),
    text("state"),
    number("attempts"),
    moment("due_at"),
    moment("lease_until", null=True),
    text("lease_owner", null=True),
    text("last_error", null=True),
    text("trace_id"),
    moment("created_at"),
    moment("done_at", null=True),
    one_of("state", "ready", "leased", "done", "dead"),
    sa.UniqueConstraint("kind", "key"),
    # One for each question that workers ask, holding only the rows that it is about: jobs that are done are in none.
    *(
        sa.Index(
            name,
            *columns,
            sqlite_where=sa.text(f"state = '{state}'"),
            postgresql_where=sa.text(f"state = '{state}'"),
        )
        for name, columns, state in (
            ("ix_outbox_ready", ("dest", "due_at"), "ready"),
            ("ix_outbox_leased", ("lease_until",), "leased"),
            ("ix_outbox_dead", ("kind", "dest"), "dead"),
        )
    ),
    sa.Index(None, "trace_id"),
)
