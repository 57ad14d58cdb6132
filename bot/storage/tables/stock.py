"""Things that can run out: what is on offer, what of it is held or sold, and for whom by name."""

import sqlalchemy as sa

from bot.storage.tables.base import fen, key, moment, number, one_of, table, text

offers = table(
    "offers",
    key(),
    sa.Column("item_id", sa.Text, sa.ForeignKey("bill_items.id"), nullable=False),
    # What sort it is: a kind of ticket, a doctor.
    text("kind"),
    # The Shanghai day on which it is used, and the hour where that matters (09:00-09:30).
    text("day"),
    text("slot", default=""),
    moment("starts_at"),
    # From this moment on nobody buys it any more.
    moment("ends_sale_at"),
    fen("price", check="price > 0"),
    number("capacity"),
    # How many are held or sold; never more than there are.
    number("taken"),
    # How many one identity number may have of an item and day; 0 for any number.
    number("per_person"),
    text("state", default="active"),
    moment("changed_at"),
    one_of("state", "active", "paused"),
    sa.CheckConstraint("taken >= 0 AND taken <= capacity", name="taken_range"),
    sa.UniqueConstraint("item_id", "kind", "day", "slot"),
)

holds = table(
    "holds",
    key(),
    sa.Column("offer_id", sa.Text, sa.ForeignKey("offers.id"), nullable=False),
    number("quantity"),
    fen("amount"),
    # The blinded identity numbers for which it is held, by commas: what was released may be taken again.
    text("people", default=""),
    text("state"),
    moment("expires_at"),
    # The paid line that it was sold to or refused for; one at most.
    text("line_id", null=True),
    text("refusal", null=True),
    # The code that is taken once at the gate (核销码), and when it was.
    text("voucher", null=True),
    moment("used_at", null=True),
    moment("created_at"),
    moment("changed_at"),
    one_of("state", "held", "sold", "released", "refunded"),
    sa.CheckConstraint("quantity > 0", name="quantity_range"),
    sa.UniqueConstraint("voucher"),
    sa.UniqueConstraint("line_id"),
    sa.Index(None, "offer_id", "state"),
    sa.Index(None, "state", "expires_at"),
)

# One row for each ticket in somebody's name: the key makes a quota hold whatever happens at the same time.
passes = table(
    "passes",
    sa.Column("item_id", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("person_hash", sa.Text, primary_key=True),
    sa.Column("turn", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
    sa.Column("hold_id", sa.Text, sa.ForeignKey("holds.id"), nullable=False),
    sa.Index(None, "hold_id"),
)
