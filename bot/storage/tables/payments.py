"""Orders with their lines, charges, refunds, suspense, and the keys that keep one bill from being paid twice."""

from typing import Final

import sqlalchemy as sa

from bot.storage.tables.base import fen, key, moment, number, one_of, sealed, table, text

# The states in which a charge can still be paid without anything having gone wrong.
_LIVE: Final = "state IN ('created', 'pending', 'unknown', 'closing', 'reversing')"

orders = table(
    "orders",
    key(),
    sa.Column("quote_id", sa.Text, nullable=False, unique=True),
    # Unguessable; whoever holds the link may look and pay, as with a forwarded bill.
    sa.Column("token", sa.Text, nullable=False, unique=True),
    text("merchant_id"),
    text("store_id", null=True),
    text("scene"),
    text("origin"),
    text("channel", null=True),
    text("account", null=True),
    text("customer_id", null=True),
    text("title"),
    fen("amount", check="amount > 0"),
    text("currency", default="CNY"),
    text("state"),
    text("paid_charge_id", null=True),
    text("trace_id"),
    moment("created_at"),
    moment("expires_at"),
    moment("paid_at", null=True),
    moment("closed_at", null=True),
    # What refunds of the paid charge have taken or still reserve: all that have not finally failed or been rejected.
    fen("refunded", default=0),
    one_of("state", "created", "closing", "closed", "paid", "paid_late"),
    one_of("origin", "chat", "static_code", "dynamic_code", "mini", "device", "open"),
    sa.CheckConstraint("refunded <= amount", name="refunded_range_upper"),
    sa.Index(None, "state", "expires_at"),
    sa.Index(None, "customer_id", "created_at"),
    sa.Index(None, "merchant_id", "created_at"),
    sa.Index(None, "trace_id"),
)

order_lines = table(
    "order_lines",
    key(),
    sa.Column("order_id", sa.Text, sa.ForeignKey("orders.id"), nullable=False),
    number("position", default=None),
    text("item_id"),
    # Who must be told (销账): a connector's key, or ``hosted``.
    text("biller"),
    text("bill_id", null=True),
    text("bill_no", null=True),
    sealed("account_sealed", null=True),
    text("account_mask", default=""),
    text("period", null=True),
    text("title"),
    fen("amount", check="amount > 0"),
    fen("late_fee", default=0),
    # A remote bill as one thing however it is paid; null where paying again is ordinary (a top-up, a meal, a part of
    # a bill) and for hosted bills, whose own row tells what they still owe.
    text("claim", null=True),
    text("state"),
    text("biller_ref", null=True),
    text("refusal", null=True),
    number("attempts"),
    moment("changed_at"),
    # What was let off (early, a coupon): a hosted bill is paid by the amount and this together.
    fen("discount", default=0),
    one_of("state", "none", "sent", "settled", "refused", "unknown", "reversing", "reversed", "reversal_refused"),
    sa.UniqueConstraint("order_id", "position"),
    sa.Index(None, "state", "changed_at"),
    sa.Index(None, "bill_id"),
)

# The first paid order on a bill takes its claim; a second finds it taken and is surplus.
paid_claims = table(
    "paid_claims",
    key("claim"),
    text("line_id"),
    text("order_id"),
    moment("at"),
)

charges = table(
    "charges",
    key(),
    sa.Column("order_id", sa.Text, sa.ForeignKey("orders.id"), nullable=False),
    text("gateway"),
    text("gateway_account"),
    text("way"),
    sa.Column("out_trade_no", sa.Text, nullable=False, unique=True),
    fen("amount", check="amount > 0"),
    text("currency", default="CNY"),
    text("state"),
    # The exact request, so that a missing answer is repeated identically; personal data in it, hence sealed.
    sealed("request_sealed"),
    sealed("handover_sealed", null=True),
    text("payer_hash", null=True),
    text("transaction_id", null=True),
    fen("payer_amount", null=True),
    fen("settlement_amount", null=True),
    text("discounts", default="{}"),
    text("failure", null=True),
    text("trace_id"),
    moment("created_at"),
    moment("expires_at"),
    moment("paid_at", null=True),
    moment("next_query_at", null=True),
    number("queries"),
    moment("changed_at"),
    one_of("state", "created", "pending", "paid", "failed", "unknown", "closing", "closed", "reversing", "reversed"),
    sa.UniqueConstraint("gateway", "transaction_id"),
    sa.Index(None, "order_id"),
    # One attempt at a time: a payer who changes wallet waits until the first charge is closed upstream.
    sa.Index(
        "uq_charges_live",
        "order_id",
        unique=True,
        sqlite_where=sa.text(_LIVE),
        postgresql_where=sa.text(_LIVE),
    ),
    sa.Index(None, "next_query_at"),
    sa.Index(None, "trace_id"),
)

refunds = table(
    "refunds",
    key(),
    sa.Column("order_id", sa.Text, nullable=True),
    sa.Column("charge_id", sa.Text, sa.ForeignKey("charges.id"), nullable=True),
    # The line that is given back; null for all of them, ``part`` for an amount that is no sum of lines.
    text("line_id", null=True),
    text("suspense_id", null=True),
    sa.Column("out_refund_no", sa.Text, nullable=False, unique=True),
    # The payment at its gateway, kept here because money of an unknown order has no charge of ours.
    text("gateway"),
    text("gateway_account"),
    text("out_trade_no"),
    text("transaction_id", null=True),
    fen("total", check="total > 0"),
    # ``order`` gives back an applied payment, ``surplus`` one that was never applied and lies in suspense.
    text("source"),
    fen("amount", check="amount > 0"),
    text("currency", default="CNY"),
    text("reason"),
    text("state"),
    text("refund_id", null=True),
    text("failure", null=True),
    text("requested_by"),
    text("approved_by", null=True),
    text("trace_id"),
    moment("created_at"),
    moment("succeeded_at", null=True),
    moment("next_query_at", null=True),
    number("queries"),
    moment("changed_at"),
    one_of("state", "requested", "rejected", "approved", "pending", "succeeded", "failed", "abnormal", "unknown"),
    one_of("source", "order", "surplus", "console"),
    sa.Index(None, "order_id"),
    sa.Index(None, "charge_id"),
    sa.Index(None, "suspense_id"),
    sa.Index(None, "next_query_at"),
    sa.Index(None, "trace_id"),
)

# Money that a gateway truly received for us and that no order could take; it waits for a refund or a person.
suspense = table(
    "suspense",
    key(),
    text("gateway"),
    text("gateway_account"),
    text("out_trade_no"),
    text("transaction_id"),
    fen("amount", check="amount > 0"),
    text("currency", default="CNY"),
    text("reason"),
    text("state"),
    text("charge_id", null=True),
    text("order_id", null=True),
    text("trace_id"),
    moment("at"),
    moment("changed_at"),
    one_of("state", "held", "refunding", "refunded", "applied"),
    one_of("reason", "unknown_order", "amount", "closed", "second_payment", "claimed", "mismatch"),
    sa.UniqueConstraint("gateway", "transaction_id"),
    sa.Index(None, "state", "at"),
    sa.Index(None, "charge_id"),
    sa.Index(None, "out_trade_no"),
    sa.Index(None, "trace_id"),
)

idempotency = table(
    "idempotency",
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    text("input_hash"),
    text("result"),
    moment("at"),
    sa.Index(None, "at"),
)
