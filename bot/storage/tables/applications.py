"""Applications with their documents, and the money-less books of corporate customers: notes, receivables, financing."""

import sqlalchemy as sa

from bot.storage.tables.base import Int, fen, key, moment, number, one_of, sealed, table, text

applications = table(
    "applications",
    key(),
    # What the customer is told, and may read out to somebody.
    sa.Column("number", sa.Text, nullable=False, unique=True),
    # One summary that was agreed to makes one application, however often the agreement arrives.
    sa.Column("request_key", sa.Text, nullable=False, unique=True),
    text("kind"),
    text("scene"),
    text("customer_id"),
    text("channel"),
    text("account"),
    text("state", default="draft"),
    # '' where none is needed, legal_person, or letter (授权书).
    text("authority", default=""),
    sealed("facts_sealed"),
    # Who applies, masked, for the list of the desk.
    text("subject_mask", default=""),
    # What it is about, in fen.
    sa.Column("amount", Int, nullable=True),
    text("note", default=""),
    text("first_by", null=True),
    text("second_by", null=True),
    # The answer of the bank's own system, by which it was carried out.
    text("reference", null=True),
    text("trace_id"),
    number("version", default=1),
    moment("created_at"),
    moment("changed_at"),
    one_of(
        "state",
        "draft",
        "submitted",
        "checking",
        "needs_documents",
        "first_approval",
        "approved",
        "rejected",
        "done",
        "withdrawn",
    ),
    sa.Index(None, "customer_id", "created_at"),
    sa.Index(None, "trace_id"),
)

documents = table(
    "application_documents",
    key(),
    sa.Column("application_id", sa.Text, sa.ForeignKey("applications.id"), nullable=False),
    text("kind"),
    # The channel's own key of the picture.
    sealed("media_sealed"),
    moment("received_at"),
    sa.Index(None, "application_id"),
)

packages = table(
    "note_packages",
    # Whoever changes the parts of a package locks its row, so that two parts can never overlap.
    key("package_hash"),
    number("version", default=1),
)

notes = table(
    "notes",
    key(),
    sa.Column("package_hash", sa.Text, sa.ForeignKey("note_packages.package_hash"), nullable=False),
    sealed("number_sealed"),
    text("number_mask"),
    # One unit is one fen; 0 to 0 is a note that cannot be divided.
    number("range_start", default=None),
    number("range_end", default=None),
    fen("face", check="face > 0 AND (range_end = 0 OR face = range_end - range_start + 1)"),
    text("due_on"),
    text("customer_id"),
    text("state", default="registered"),
    # Which application has it under way.
    text("application_id", null=True),
    text("trace_id"),
    number("version", default=1),
    moment("created_at"),
    moment("changed_at"),
    one_of(
        "state",
        "registered",
        "pre_custody",
        "custody",
        "discounted",
        "pledged",
        "endorsed",
        "due",
        "presented",
        "settled",
        "refused",
        "recourse",
        "returned",
    ),
    sa.Index(None, "package_hash"),
    sa.Index(None, "customer_id", "state"),
    sa.Index(None, "application_id"),
)

receivables = table(
    "receivables",
    key(),
    # An invoice is financed once, whoever brings it.
    sa.Column("number_hash", sa.Text, nullable=False),
    text("number_mask"),
    text("creditor_id"),
    text("debtor_hash"),
    text("debtor_mask"),
    fen("face", check="face > 0"),
    fen("collected", default=0, check="collected >= 0 AND collected <= face"),
    text("due_on"),
    text("state", default="registered"),
    text("confirmed_by", null=True),
    text("trace_id"),
    number("version", default=1),
    moment("created_at"),
    moment("changed_at"),
    one_of("state", "registered", "confirmed", "disputed", "collected", "withdrawn"),
    sa.Index(
        "uq_receivables_alive",
        "number_hash",
        unique=True,
        sqlite_where=sa.text("state <> 'withdrawn'"),
        postgresql_where=sa.text("state <> 'withdrawn'"),
    ),
    sa.Index(None, "creditor_id"),
)

pools = table("note_pools", key("customer_id"), number("version", default=1))

financings = table(
    "financings",
    key(),
    sa.Column("application_id", sa.Text, nullable=False, unique=True),
    text("customer_id"),
    # None where the pool of pledged notes stands behind it.
    sa.Column("receivable_id", sa.Text, sa.ForeignKey("receivables.id"), nullable=True),
    fen("amount", check="amount > 0"),
    fen("left_to_pay", check="left_to_pay >= 0 AND left_to_pay <= amount"),
    fen("interest_owed", default=0),
    # A decimal number, a year.
    text("rate"),
    # The day up to which interest was counted.
    text("counted_until", null=True),
    text("state", default="reserved"),
    text("trace_id"),
    moment("created_at"),
    moment("changed_at"),
    one_of("state", "reserved", "drawn", "repaid", "released"),
    sa.Index(None, "customer_id", "state"),
    sa.Index(None, "receivable_id"),
)

collections = table(
    "collections",
    # The bank's own number of the receipt: one receipt is booked once.
    key("reference"),
    sa.Column("receivable_id", sa.Text, sa.ForeignKey("receivables.id"), nullable=False),
    fen("amount", check="amount > 0"),
    fen("to_interest"),
    fen("to_principal"),
    fen("to_creditor", check="to_creditor >= 0 AND to_interest + to_principal + to_creditor = amount"),
    moment("at"),
    sa.Index(None, "receivable_id"),
)
