"""Customers, the names by which channels and wallets know them, what they saved and what they agreed to."""

import sqlalchemy as sa

from bot.storage.tables.base import key, moment, number, sealed, table, text

customers = table(
    "customers",
    key(),
    text("script", default="zh_hans"),
    moment("created_at"),
    # One person across the apps of one open platform; the database itself sees to it that there is one row.
    text("unionid_hash", null=True),
    # Large type, short words and a person first, for who asked for it.
    number("large"),
    sa.Index(None, "unionid_hash", unique=True),
)

identities = table(
    "identities",
    key(),
    sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id"), nullable=False),
    text("channel"),
    # The app that gave the name: an official account, a mini-program, a wallet's merchant app.
    text("account"),
    text("subject_hash"),
    sealed("subject_sealed"),
    text("unionid_hash", null=True),
    number("reachable", default=1),
    moment("seen_at"),
    moment("created_at"),
    sa.UniqueConstraint("channel", "account", "subject_hash"),
    sa.Index(None, "customer_id"),
    sa.Index(None, "unionid_hash"),
)

saved_accounts = table(
    "saved_accounts",
    key(),
    sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id"), nullable=False),
    text("scene"),
    text("item_id"),
    text("account_hash"),
    sealed("account_sealed"),
    text("account_mask"),
    sealed("fields_sealed", null=True),
    moment("used_at"),
    moment("created_at"),
    # Accounts of one nickname (我家) are a group.
    sealed("nickname_sealed", null=True),
    # When its bills are looked at next, for who asked to be reminded.
    moment("remind_at", null=True),
    sa.UniqueConstraint("customer_id", "item_id", "account_hash"),
    sa.Index(None, "customer_id", "scene"),
    sa.Index(
        "ix_saved_accounts_remind_at",
        "remind_at",
        "id",
        sqlite_where=sa.text("remind_at IS NOT NULL"),
        postgresql_where=sa.text("remind_at IS NOT NULL"),
    ),
)

consents = table(
    "consents",
    key(),
    sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id"), nullable=False),
    text("purpose"),
    text("version"),
    moment("given_at"),
    moment("withdrawn_at", null=True),
    sa.Index(None, "customer_id", "purpose"),
)
