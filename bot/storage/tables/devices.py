"""Devices at a till: machines that call us with a key, and pages that a cashier opens with a PIN."""

import sqlalchemy as sa

from bot.storage.tables.base import key, moment, one_of, sealed, table, text

devices = table(
    "devices",
    key(),
    sa.Column("merchant_id", sa.Text, sa.ForeignKey("merchants.id"), nullable=False),
    sa.Column("store_id", sa.Text, sa.ForeignKey("stores.id"), nullable=False),
    # What the till takes money for.
    sa.Column("item_id", sa.Text, sa.ForeignKey("bill_items.id"), nullable=False),
    text("name"),
    # The key of a machine's signatures; a page has none.
    sealed("key_sealed", null=True),
    # The scrypt hash of a page's PIN; a machine has none.
    text("pin_hash", null=True),
    text("state", default="active"),
    moment("created_at"),
    moment("changed_at"),
    one_of("state", "active", "revoked"),
    sa.Index(None, "merchant_id"),
    sa.Index(None, "store_id"),
)
