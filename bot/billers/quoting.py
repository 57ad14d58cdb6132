"""Turns chosen lines into a quote, or into the reason why no price can be given: the rules of an item, applied."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.billers.items import AmountKind, BillItem
from bot.billers.port import Bill, Line, Quote, Refusal
from bot.kernel.ids import random_text
from bot.kernel.money import MAX_FEN


@dataclass(frozen=True, slots=True)
class Priced:
    """A line beside the bill as it stands now; None where the line names no bill."""

    line: Line
    bill: Bill | None


def quote(item: BillItem, priced: Sequence[Priced], at: datetime, store_id: str | None = None) -> Quote | Refusal:
    """Check lines of one item against its rules; the caller has read the bills afresh.

    The quote's lines carry the amounts to be charged. A bill whose total changed since the customer saw it is a
    refusal (``bill_changed``), so that nobody pays a sum that was not shown.
    """
    refusal = _closed(item, at) or _wrong(item, priced)
    if refusal is not None:
        return refusal
    lines = tuple(_fresh(entry) for entry in priced)
    return Quote(
        id=f"quo_{random_text(24)}",
        merchant_id=item.merchant_id,
        store_id=store_id,
        scene=item.scene,
        title=lines[0].title if len(lines) == 1 else f"{item.name}（{len(lines)}笔）",
        payee=item.merchant_name,
        lines=lines,
        amount=sum(line.amount for line in lines),
        expires_at=at + timedelta(seconds=item.definition.quote_seconds),
    )


def _closed(item: BillItem, at: datetime) -> Refusal | None:
    if item.state != "active":
        return Refusal("item_paused", {"item": item.name})
    if not item.definition.open_at(at):
        hours = item.definition.hours
        return Refusal("closed_hours", {"opens": f"{hours.opens:%H:%M}", "closes": f"{hours.closes:%H:%M}"})
    return None


def _wrong(item: BillItem, priced: Sequence[Priced]) -> Refusal | None:
    if not priced:
        return Refusal("nothing_chosen")
    if len(priced) > 1 and not item.definition.several:
        return Refusal("one_at_a_time")
    for entry in priced:
        refusal = _line_refused(item, entry)
        if refusal is not None:
            return refusal
    if sum(entry.line.amount for entry in priced) > MAX_FEN:
        return Refusal("amount_range", {"minimum": item.definition.amount.minimum, "maximum": MAX_FEN})
    return None


def _line_refused(item: BillItem, entry: Priced) -> Refusal | None:
    rule = item.definition.amount
    line, bill = entry.line, entry.bill
    if line.bill is None:
        # A billed amount cannot be paid without naming the bill, unless the item takes advance payments.
        if rule.kind in (AmountKind.EXACT, AmountKind.EXACT_OR_LESS) and not item.definition.advance:
            return Refusal("bill_needed")
        if rule.kind is AmountKind.EXACT or not rule.allows(line.amount, None):
            return Refusal("amount_range", {"minimum": rule.minimum, "maximum": rule.maximum})
        return None
    if bill is None:
        return Refusal("bill_gone")
    if bill.held_by is not None:
        return Refusal("bill_held", {"order_id": bill.held_by})
    if line.amount == line.bill.total != bill.total:
        return Refusal("bill_changed", {"was": line.bill.total, "now": bill.total})
    if line.amount < bill.total and not item.definition.partial:
        return Refusal("whole_bill", {"owed": bill.total})
    if line.amount != bill.total and not rule.allows(line.amount, bill.total):
        return Refusal("amount_range", {"minimum": rule.minimum, "maximum": min(rule.maximum, bill.total)})
    return None


def _fresh(entry: Priced) -> Line:
    line = entry.line
    return Line(
        item_id=line.item_id,
        amount=line.amount,
        title=line.title,
        account=line.account,
        account_mask=line.account_mask,
        bill=entry.bill,
        period=entry.bill.period if entry.bill else line.period,
        fields=line.fields,
    )
