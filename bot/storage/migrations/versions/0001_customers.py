"""Customers, the names by which channels and wallets know them, what they saved and what they agreed to."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _customers()
    _consents()
    _identities()
    _saved_accounts()


def _customers() -> None:
    op.create_table(
        "customers",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("script", sa.Text, nullable=False, server_default="zh_hans"),
        sa.Column("created_at", INT, nullable=False),
        sa.Column("unionid_hash", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customers")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_customers_unionid_hash"), "customers", ["unionid_hash"], unique=True)


def _consents() -> None:
    op.create_table(
        "consents",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column(
            "customer_id", sa.Text, sa.ForeignKey("customers.id", name=op.f("fk_consents_customer_id")), nullable=False
        ),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("given_at", INT, nullable=False),
        sa.Column("withdrawn_at", INT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_consents_customer_id_purpose"), "consents", ["customer_id", "purpose"])


def _identities() -> None:
    op.create_table(
        "identities",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column(
            "customer_id",
            sa.Text,
            sa.ForeignKey("customers.id", name=op.f("fk_identities_customer_id")),
            nullable=False,
        ),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("subject_hash", sa.Text, nullable=False),
        sa.Column("subject_sealed", sa.LargeBinary, nullable=False),
        sa.Column("unionid_hash", sa.Text, nullable=True),
        sa.Column("reachable", INT, nullable=False, server_default="1"),
        sa.Column("seen_at", INT, nullable=False),
        sa.Column("created_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identities")),
        sa.UniqueConstraint(
            "channel", "account", "subject_hash", name=op.f("uq_identities_channel_account_subject_hash")
        ),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_identities_customer_id"), "identities", ["customer_id"])
    op.create_index(op.f("ix_identities_unionid_hash"), "identities", ["unionid_hash"])


def _saved_accounts() -> None:
    op.create_table(
        "saved_accounts",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column(
            "customer_id",
            sa.Text,
            sa.ForeignKey("customers.id", name=op.f("fk_saved_accounts_customer_id")),
            nullable=False,
        ),
        sa.Column("scene", sa.Text, nullable=False),
        sa.Column("item_id", sa.Text, nullable=False),
        sa.Column("account_hash", sa.Text, nullable=False),
        sa.Column("account_sealed", sa.LargeBinary, nullable=False),
        sa.Column("account_mask", sa.Text, nullable=False),
        sa.Column("fields_sealed", sa.LargeBinary, nullable=True),
        sa.Column("nickname", sa.Text, nullable=False, server_default=""),
        sa.Column("used_at", INT, nullable=False),
        sa.Column("created_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_accounts")),
        sa.UniqueConstraint(
            "customer_id", "item_id", "account_hash", name=op.f("uq_saved_accounts_customer_id_item_id_account_hash")
        ),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_saved_accounts_customer_id_scene"), "saved_accounts", ["customer_id", "scene"])
