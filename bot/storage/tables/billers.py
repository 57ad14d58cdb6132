"""Merchants, stores, bill items, hosted bills, imports, and the tokens of printed and dynamic codes."""

import sqlalchemy as sa

from bot.storage.tables.base import fen, key, moment, number, one_of, sealed, table, text

merchants = table(
    "merchants",
    key(),
    text("name"),
    text("short_name"),
    text("state", default="active"),
    # Which of the operator's gateway accounts takes the money of this merchant: {"wechatpay": "main"}.
    text("gateways", default="{}"),
    moment("created_at"),
    one_of("state", "active", "paused"),
)

stores = table(
    "stores",
    key(),
    sa.Column("merchant_id", sa.Text, sa.ForeignKey("merchants.id"), nullable=False),
    text("name"),
    text("address", default=""),
    text("state", default="active"),
    moment("created_at"),
    one_of("state", "active", "paused"),
    sa.Index(None, "merchant_id"),
)

bill_items = table(
    "bill_items",
    key(),
    sa.Column("merchant_id", sa.Text, sa.ForeignKey("merchants.id"), nullable=False),
    text("scene"),
    text("name"),
    # ``hosted`` or the key of a connector in the configuration.
    text("biller"),
    # The declarative model (flow, amount rule, fields, presets, hours, late fee …), as JSON of billers.items.
    text("definition"),
    text("state", default="active"),
    moment("created_at"),
    one_of("state", "active", "paused"),
    sa.Index(None, "scene", "state"),
    sa.Index(None, "merchant_id"),
)

bills = table(
    "bills",
    key(),
    sa.Column("item_id", sa.Text, sa.ForeignKey("bill_items.id"), nullable=False),
    text("bill_no"),
    text("account_hash"),
    sealed("account_sealed"),
    text("account_mask"),
    # The proof of belonging, blinded: a name or last digits that the item may ask for.
    text("holder_hash", null=True),
    text("holder_mask", default=""),
    text("period", default=""),
    text("title", default=""),
    fen("amount", check="amount > 0"),
    fen("paid", default=0),
    text("due_on", null=True),
    text("detail", default="{}"),
    text("state"),
    text("held_by", null=True),
    moment("imported_at"),
    moment("changed_at"),
    one_of(
        "state",
        "open",
        "held",
        "partly_paid",
        "paid",
        "settled",
        "reopened",
        "withdrawn",
        "superseded",
        "paid_elsewhere",
    ),
    sa.CheckConstraint("paid <= amount", name="paid_range_upper"),
    sa.UniqueConstraint("item_id", "bill_no"),
    sa.Index(None, "item_id", "account_hash", "state"),
    sa.Index(None, "held_by"),
)

# The answers that the hosted biller gave to the advice of paid lines, and whether it has taken them back since.
bookings = table(
    "bookings",
    key("line_id"),
    sa.Column("bill_id", sa.Text, sa.ForeignKey("bills.id"), nullable=False),
    fen("amount"),
    # What the line takes off its bill: the amount without the late fee.
    fen("principal"),
    text("state"),
    text("refusal", null=True),
    moment("booked_at"),
    moment("changed_at"),
    one_of("state", "settled", "refused", "reversed"),
    sa.Index(None, "bill_id"),
)

imports = table(
    "imports",
    key(),
    text("item_id"),
    text("file_digest"),
    text("actor"),
    number("accepted"),
    number("refused"),
    number("unchanged"),
    moment("at"),
    sa.Index(None, "item_id", "at"),
)

code_tokens = table(
    "code_tokens",
    key("token"),
    text("kind"),
    text("merchant_id"),
    text("store_id", null=True),
    text("item_id", null=True),
    text("order_id", null=True),
    text("label", default=""),
    text("state", default="active"),
    moment("created_at"),
    moment("changed_at"),
    one_of("kind", "static", "order", "blank"),
    one_of("state", "active", "paused", "revoked"),
    sa.Index(None, "merchant_id"),
    sa.Index(None, "order_id"),
)
