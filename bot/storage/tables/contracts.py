"""Contracts for deduction (委托代扣) and the deductions made or planned under them."""

from typing import Final

import sqlalchemy as sa

from bot.storage.tables.base import fen, key, moment, number, one_of, sealed, table, text

# A customer has one contract at a time for one account of an item.
_ALIVE: Final = "state IN ('created', 'signing', 'active', 'ending')"
# What was taken, or may still be; one that failed or was called off leaves room for another.
_STANDING: Final = "state IN ('planned', 'announced', 'charging', 'paid')"

contracts = table(
    "contracts",
    key(),
    sa.Column("out_contract_no", sa.Text, nullable=False, unique=True),
    text("gateway"),
    text("gateway_account"),
    # The vendor's number of the agreed template.
    text("plan"),
    # The vendor's number of this contract, from its own word that it was signed.
    text("contract_id", null=True),
    text("merchant_id"),
    text("item_id"),
    text("customer_id"),
    # Where the customer is told of deductions, and how orders under the contract came to be.
    text("origin"),
    text("channel", null=True),
    text("account", null=True),
    # The account whose bills are paid: found by its blind name, known by its mask.
    text("account_hash"),
    text("account_mask"),
    # At most so much a deduction, one in so many days, told so many days before.
    fen("maximum", check="maximum > 0"),
    number("period_days", default=None),
    number("notice_days", default=None),
    text("state"),
    text("ended_by", default=""),
    text("failure", null=True),
    sealed("request_sealed"),
    sealed("handover_sealed", null=True),
    number("queries"),
    moment("next_query_at", null=True),
    text("trace_id"),
    moment("created_at"),
    moment("signed_at", null=True),
    moment("ended_at", null=True),
    moment("changed_at"),
    one_of("state", "created", "signing", "failed", "lapsed", "active", "ending", "ended"),
    sa.CheckConstraint("period_days > 0", name="period_days_range"),
    sa.Index(
        "uq_contracts_alive",
        "customer_id",
        "item_id",
        "account_hash",
        unique=True,
        sqlite_where=sa.text(_ALIVE),
        postgresql_where=sa.text(_ALIVE),
    ),
    sa.Index(None, "next_query_at"),
    sa.Index(None, "trace_id"),
)

deductions = table(
    "deductions",
    key(),
    sa.Column("contract_id", sa.Text, sa.ForeignKey("contracts.id"), nullable=False),
    # Which of the contract's periods it falls into, counted from its signing.
    number("period", default=None),
    # The bill, blinded like a claim or by its own id.
    text("bill_key"),
    fen("amount", check="amount > 0"),
    # What is to be paid, with the account in clear inside.
    sealed("line_sealed"),
    # The business day on which the money is to be taken, as the customer is told.
    text("day"),
    text("state"),
    text("failure", null=True),
    text("order_id", null=True),
    text("charge_id", null=True),
    number("tries"),
    moment("next_at", null=True),
    moment("announced_at", null=True),
    text("trace_id"),
    moment("created_at"),
    moment("changed_at"),
    one_of("state", "planned", "announced", "charging", "paid", "failed", "cancelled"),
    *(
        sa.Index(name, *columns, unique=True, sqlite_where=sa.text(_STANDING), postgresql_where=sa.text(_STANDING))
        for name, columns in (
            ("uq_deductions_period", ("contract_id", "period")),
            ("uq_deductions_bill", ("contract_id", "bill_key")),
        )
    ),
    sa.Index(None, "charge_id"),
    sa.Index(None, "next_at"),
    sa.Index(None, "trace_id"),
)
