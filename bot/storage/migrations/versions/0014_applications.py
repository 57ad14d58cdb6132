"""Applications with their documents, and the money-less books of corporate customers: notes, receivables, financing."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _applications()
    _application_documents()
    _note_packages()
    _notes()
    _receivables()
    _note_pools()
    _financings()
    _collections()


def _applications() -> None:
    op.create_table(
        "applications",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("request_key", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("scene", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="draft"),
        sa.Column("authority", sa.Text, nullable=False, server_default=""),
        sa.Column("facts_sealed", sa.LargeBinary, nullable=False),
        sa.Column("subject_mask", sa.Text, nullable=False, server_default=""),
        sa.Column("amount", INT, nullable=True),
        sa.Column("note", sa.Text, nullable=False, server_default=""),
        sa.Column("first_by", sa.Text, nullable=True),
        sa.Column("second_by", sa.Text, nullable=True),
        sa.Column("reference", sa.Text, nullable=True),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("version", INT, nullable=False, server_default="1"),
        sa.Column("created_at", INT, nullable=False),
        sa.Column("changed_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_applications")),
        sa.CheckConstraint(
            "state IN ('draft', 'submitted', 'checking', 'needs_documents', 'first_approval', "
            "'approved', 'rejected', 'done', 'withdrawn')",
            name=op.f("ck_applications_state_known"),
        ),
        sa.UniqueConstraint("number", name=op.f("uq_applications_number")),
        sa.UniqueConstraint("request_key", name=op.f("uq_applications_request_key")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_applications_customer_id_created_at"), "applications", ["customer_id", "created_at"])
    op.create_index(op.f("ix_applications_trace_id"), "applications", ["trace_id"])


def _application_documents() -> None:
    op.create_table(
        "application_documents",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column(
            "application_id",
            sa.Text,
            sa.ForeignKey("applications.id", name=op.f("fk_application_documents_application_id")),
            nullable=False,
        ),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("media_sealed", sa.LargeBinary, nullable=False),
        sa.Column("received_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_application_documents")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_application_documents_application_id"), "application_documents", ["application_id"])


def _note_packages() -> None:
    op.create_table(
        "note_packages",
        sa.Column("package_hash", sa.Text, nullable=False),
        sa.Column("version", INT, nullable=False, server_default="1"),
        sa.PrimaryKeyConstraint("package_hash", name=op.f("pk_note_packages")),
        sqlite_strict=True,
    )


def _notes() -> None:
    op.create_table(
        "notes",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column(
            "package_hash",
            sa.Text,
            sa.ForeignKey("note_packages.package_hash", name=op.f("fk_notes_package_hash")),
            nullable=False,
        ),
        sa.Column("number_sealed", sa.LargeBinary, nullable=False),
        sa.Column("number_mask", sa.Text, nullable=False),
        sa.Column("range_start", INT, nullable=False),
        sa.Column("range_end", INT, nullable=False),
        sa.Column(
            "face",
            INT,
            sa.CheckConstraint(
                "face > 0 AND (range_end = 0 OR face = range_end - range_start + 1)", name=op.f("ck_notes_face_range")
            ),
            nullable=False,
        ),
        sa.Column("due_on", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="registered"),
        sa.Column("application_id", sa.Text, nullable=True),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("version", INT, nullable=False, server_default="1"),
        sa.Column("created_at", INT, nullable=False),
        sa.Column("changed_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notes")),
        sa.CheckConstraint(
            "state IN ('registered', 'pre_custody', 'custody', 'discounted', 'pledged', 'endorsed', "
            "'due', 'presented', 'settled', 'refused', 'recourse', 'returned')",
            name=op.f("ck_notes_state_known"),
        ),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_notes_application_id"), "notes", ["application_id"])
    op.create_index(op.f("ix_notes_customer_id_state"), "notes", ["customer_id", "state"])
    op.create_index(op.f("ix_notes_package_hash"), "notes", ["package_hash"])


def _receivables() -> None:
    op.create_table(
        "receivables",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("number_hash", sa.Text, nullable=False),
        sa.Column("number_mask", sa.Text, nullable=False),
        sa.Column("creditor_id", sa.Text, nullable=False),
        sa.Column("debtor_hash", sa.Text, nullable=False),
        sa.Column("debtor_mask", sa.Text, nullable=False),
        sa.Column("face", INT, sa.CheckConstraint("face > 0", name=op.f("ck_receivables_face_range")), nullable=False),
        sa.Column(
            "collected",
            INT,
            sa.CheckConstraint("collected >= 0 AND collected <= face", name=op.f("ck_receivables_collected_range")),
            nullable=False,
            server_default="0",
        ),
        sa.Column("due_on", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="registered"),
        sa.Column("confirmed_by", sa.Text, nullable=True),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("version", INT, nullable=False, server_default="1"),
        sa.Column("created_at", INT, nullable=False),
        sa.Column("changed_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receivables")),
        sa.CheckConstraint(
            "state IN ('registered', 'confirmed', 'disputed', 'collected', 'withdrawn')",
            name=op.f("ck_receivables_state_known"),
        ),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_receivables_creditor_id"), "receivables", ["creditor_id"])
    op.create_index(
        op.f("uq_receivables_alive"),
        "receivables",
        ["number_hash"],
        unique=True,
        sqlite_where=sa.text("state <> 'withdrawn'"),
        postgresql_where=sa.text("state <> 'withdrawn'"),
    )


def _note_pools() -> None:
    op.create_table(
        "note_pools",
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("version", INT, nullable=False, server_default="1"),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_note_pools")),
        sqlite_strict=True,
    )


def _financings() -> None:
    op.create_table(
        "financings",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("application_id", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column(
            "receivable_id",
            sa.Text,
            sa.ForeignKey("receivables.id", name=op.f("fk_financings_receivable_id")),
            nullable=True,
        ),
        sa.Column(
            "amount", INT, sa.CheckConstraint("amount > 0", name=op.f("ck_financings_amount_range")), nullable=False
        ),
        sa.Column(
            "left_to_pay",
            INT,
            sa.CheckConstraint(
                "left_to_pay >= 0 AND left_to_pay <= amount", name=op.f("ck_financings_left_to_pay_range")
            ),
            nullable=False,
        ),
        sa.Column(
            "interest_owed",
            INT,
            sa.CheckConstraint("interest_owed >= 0", name=op.f("ck_financings_interest_owed_range")),
            nullable=False,
            server_default="0",
        ),
        sa.Column("rate", sa.Text, nullable=False),
        sa.Column("counted_until", sa.Text, nullable=True),
        sa.Column("state", sa.Text, nullable=False, server_default="reserved"),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("created_at", INT, nullable=False),
        sa.Column("changed_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_financings")),
        sa.CheckConstraint(
            "state IN ('reserved', 'drawn', 'repaid', 'released')", name=op.f("ck_financings_state_known")
        ),
        sa.UniqueConstraint("application_id", name=op.f("uq_financings_application_id")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_financings_customer_id_state"), "financings", ["customer_id", "state"])
    op.create_index(op.f("ix_financings_receivable_id"), "financings", ["receivable_id"])


def _collections() -> None:
    op.create_table(
        "collections",
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column(
            "receivable_id",
            sa.Text,
            sa.ForeignKey("receivables.id", name=op.f("fk_collections_receivable_id")),
            nullable=False,
        ),
        sa.Column(
            "amount", INT, sa.CheckConstraint("amount > 0", name=op.f("ck_collections_amount_range")), nullable=False
        ),
        sa.Column(
            "to_interest",
            INT,
            sa.CheckConstraint("to_interest >= 0", name=op.f("ck_collections_to_interest_range")),
            nullable=False,
        ),
        sa.Column(
            "to_principal",
            INT,
            sa.CheckConstraint("to_principal >= 0", name=op.f("ck_collections_to_principal_range")),
            nullable=False,
        ),
        sa.Column(
            "to_creditor",
            INT,
            sa.CheckConstraint(
                "to_creditor >= 0 AND to_interest + to_principal + to_creditor = amount",
                name=op.f("ck_collections_to_creditor_range"),
            ),
            nullable=False,
        ),
        sa.Column("at", INT, nullable=False),
        sa.PrimaryKeyConstraint("reference", name=op.f("pk_collections")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_collections_receivable_id"), "collections", ["receivable_id"])
