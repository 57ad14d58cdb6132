"""What customers want to be told, what they were reminded of, and the accounts whose bills pay themselves."""

import sqlalchemy as sa

from bot.storage.tables.base import fen, key, moment, one_of, sealed, table, text

# Who asked for reminders and where they are told; one row a customer, stopped and begun again.
reminder_wishes = table(
    "reminder_wishes",
    sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id"), primary_key=True),
    text("channel"),
    text("account"),
    moment("created_at"),
    moment("stopped_at", null=True),
)

# One for each bill of a customer, whether it could be sent or not.
reminders = table(
    "reminders",
    key(),
    sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id"), nullable=False),
    text("item_id"),
    text("account_mask"),
    # Item, account and bill, blinded together.
    text("bill_key"),
    fen("amount", check="amount > 0"),
    text("due_on", null=True),
    text("state"),
    text("reason", default=""),
    text("trace_id"),
    moment("created_at"),
    moment("changed_at"),
    one_of("state", "queued", "sent", "unsent", "dropped"),
    sa.UniqueConstraint("customer_id", "bill_key"),
)

# A contract itself knows its account blind only; whoever asks for its bills needs it open.
contract_accounts = table(
    "contract_accounts",
    sa.Column("contract_id", sa.Text, sa.ForeignKey("contracts.id"), primary_key=True),
    sealed("account_sealed"),
    sealed("fields_sealed", null=True),
    moment("next_at"),
    moment("created_at"),
    sa.Index(None, "next_at"),
)
