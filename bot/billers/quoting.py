"""Turns chosen lines into a quote, or into the reason why no price can be given: the rules of an item, applied."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from bot.billers.catalogue import Store
from bot.billers.items import AmountKind, BillItem, Flow
from bot.billers.port import LINES_MAX, Bill, Later, Line, Quote, Refusal
from bot.kernel.clock import SHANGHAI
from bot.kernel.ids import random_text
from bot.kernel.money import MAX_FEN


@dataclass(frozen=True, slots=True)
class Owed:
    """What one account owes at this moment, by bill number; ``known`` is False where the biller denies the account."""

    bills: Mapping[str, Bill]
    known: bool = True


Ask = Callable[[BillItem, Line], Awaitable[Owed | Later]]


class Items(Protocol):
    """What of the catalogue a quote needs."""

    async def item(self, item_id: str) -> BillItem: ...

    async def store(self, store_id: str) -> Store: ...


async def quote(
    catalogue: Items, lines: Sequence[Line], at: datetime, store_id: str | None, ask: Ask
) -> Quote | Refusal | Later:
    """Check lines of one item against its rules and against what ``ask`` says is owed now.

    The quote's lines carry the amounts to be charged. A bill whose total changed since the customer saw it is a
    refusal (``bill_changed``), so that nobody pays a sum that was not shown. Raises ValueError for several items.
    """
    if not lines:
        return Refusal("nothing_chosen")
    if len({line.item_id for line in lines}) > 1:
        raise ValueError("a quote is about one item")
    item = await catalogue.item(lines[0].item_id)
    store = await catalogue.store(store_id) if store_id is not None else None
    refusal = unavailable(item, at, store) or _misshapen(item, lines)
    if refusal is not None:
        return refusal
    owed: dict[str, Owed] = {}
    for line in lines:
        if line.account in owed or item.definition.flow is Flow.DIRECT:
            continue
        answer = await ask(item, line)
        if isinstance(answer, Later):
            return answer
        owed[line.account] = answer
    return _wrong(item, lines, owed) or _quote(item, [_fresh(line, owed) for line in lines], at, store_id)


def unavailable(item: BillItem, at: datetime, store: Store | None = None) -> Refusal | None:
    """Tell why nothing at all is taken now: ``item_paused``, ``outage`` or ``closed_hours``; None when it is."""
    paused = Refusal("item_paused", {"item": item.name})
    if item.state != "active":
        return paused
    if store is not None and (store.state != "active" or store.merchant_id != item.merchant_id):
        return paused
    outage = item.definition.outage_at(at)
    if outage is not None:
        until = f"{outage.ends.astimezone(SHANGHAI):%m-%d %H:%M}"
        return Refusal("outage", {"item": item.name, "until": until, "reason": outage.reason})
    hours = item.definition.hours
    if not hours.covers(at):
        return Refusal("closed_hours", {"opens": f"{hours.opens:%H:%M}", "closes": f"{hours.closes:%H:%M}"})
    return None


def _misshapen(item: BillItem, lines: Sequence[Line]) -> Refusal | None:
    """Tell what is wrong with the choice whatever is owed."""
    if len(lines) > 1 and not item.definition.several:
        return Refusal("one_at_a_time")
    if len(lines) > LINES_MAX:
        return Refusal("too_many", {"most": LINES_MAX})
    chosen = [(line.account, line.bill.bill_no) for line in lines if line.bill is not None]
    if len(set(chosen)) < len(chosen):
        return Refusal("bill_twice")
    if sum(line.amount for line in lines) > MAX_FEN:
        return Refusal("amount_range", {"minimum": item.definition.amount.minimum, "maximum": MAX_FEN})
    return None


def _wrong(item: BillItem, lines: Sequence[Line], owed: Mapping[str, Owed]) -> Refusal | None:
    for line in lines:
        refusal = _of_amount(item, line, owed) if line.bill is None else _of_bill(item, line, _now(line, owed))
        if refusal is not None:
            return refusal
    if item.definition.oldest_first and any(_skips_older(lines, account, owed[account]) for account in owed):
        return Refusal("oldest_first")
    return None


def _of_amount(item: BillItem, line: Line, owed: Mapping[str, Owed]) -> Refusal | None:
    """Check an amount that is paid on no bill: a top-up, a meal."""
    rule = item.definition.amount
    # A billed amount cannot be paid without naming the bill, unless the item takes advance payments.
    if rule.kind in (AmountKind.EXACT, AmountKind.EXACT_OR_LESS) or (
        item.definition.billed and not item.definition.advance
    ):
        return Refusal("bill_needed")
    if line.account in owed and not owed[line.account].known:
        return Refusal("bill_gone")
    if not rule.allows(line.amount, None):
        return Refusal("amount_range", {"minimum": rule.minimum, "maximum": rule.maximum})
    return None


def _of_bill(item: BillItem, line: Line, now: Bill | None) -> Refusal | None:
    """Check a bill that is paid, in whole or in part, against itself as it stands ``now``."""
    rule, seen = item.definition.amount, line.bill
    assert seen is not None, "only lines that name a bill come here"
    if now is None:
        return Refusal("bill_gone")
    if now.held_by is not None:
        return Refusal("bill_held", {"order_id": now.held_by})
    if line.amount == seen.total != now.total:
        return Refusal("bill_changed", {"was": seen.total, "now": now.total})
    if line.amount == now.total:
        return None
    # Lateness is paid first, and a part carries none of it: a late bill is paid whole, or its fee would vanish.
    if line.amount < now.total and (not item.definition.partial or now.late_fee):
        return Refusal("whole_bill", {"owed": now.total})
    # We keep no balances, so nobody overpays a bill of ours.
    capped = item.hosted or rule.kind in (AmountKind.EXACT, AmountKind.EXACT_OR_LESS)
    highest = now.total if capped else rule.maximum
    if line.amount > highest or not rule.allows(line.amount, now.total):
        lowest = min(rule.minimum, now.total) if item.definition.partial else now.total
        return Refusal("amount_range", {"minimum": lowest, "maximum": max(highest, now.total)})
    return None


def _skips_older(lines: Sequence[Line], account: str, owed: Owed) -> bool:
    """Tell whether, before the newest chosen bill of an account, another stays unpaid in whole or in part."""
    paying = {line.bill.bill_no: line.amount for line in lines if line.account == account and line.bill is not None}
    ages = {number: _age(owed.bills[number]) for number in paying if number in owed.bills}
    newest = max(ages.values(), default="")
    return any(
        # One that is held is being paid at this moment by somebody else.
        _age(bill) and _age(bill) < newest and bill.held_by is None and paying.get(number, 0) < bill.total
        for number, bill in owed.bills.items()
    )


def _age(bill: Bill) -> str:
    """Return what older bills sort by; bills without any date stand outside the order."""
    return bill.period or (bill.due_on.isoformat()[:7] if bill.due_on else "")


def _now(line: Line, owed: Mapping[str, Owed]) -> Bill | None:
    if line.bill is None or line.account not in owed:
        return None
    return owed[line.account].bills.get(line.bill.bill_no)


def _fresh(line: Line, owed: Mapping[str, Owed]) -> Line:
    now = _now(line, owed)
    return line if now is None else replace(line, bill=now, period=now.period)


def _quote(item: BillItem, lines: Sequence[Line], at: datetime, store_id: str | None) -> Quote:
    return Quote(
        id=f"quo_{random_text(24)}",
        merchant_id=item.merchant_id,
        store_id=store_id,
        scene=item.scene,
        title=lines[0].title if len(lines) == 1 else f"{item.name}（{len(lines)}笔）",
        payee=item.merchant_name,
        lines=tuple(lines),
        amount=sum(line.amount for line in lines),
        expires_at=at + timedelta(seconds=item.definition.quote_seconds),
    )
