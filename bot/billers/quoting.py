"""Turns chosen lines into a quote, or into the reason why no price can be given: the rules of an item, applied."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from bot.billers.catalogue import Store
from bot.billers.coupon import best
from bot.billers.items import AmountKind, AmountRule, BillItem, Flow
from bot.billers.port import LINES_MAX, Bill, Later, Line, Quote, Refusal
from bot.kernel.clock import SHANGHAI
from bot.kernel.ids import random_text
from bot.kernel.money import MAX_FEN, format_yuan


@dataclass(frozen=True, slots=True)
class Owed:
    """What one account owes at this moment, by bill number; ``known`` is False where the biller denies the account."""

    bills: Mapping[str, Bill]
    known: bool = True
    # What a second query made of the sum that the customer named (二次查询).
    offer: Bill | None = None


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
    fresh = [_fresh(item, line, owed) for line in lines]
    refusal = _wrong(item, lines, owed) or _untimely(item, lines, owed, at)
    return refusal or _quote(item, _lessened(item, fresh, at), at, store_id)


def unavailable(item: BillItem, at: datetime, store: Store | None = None) -> Refusal | None:
    """Tell why nothing at all is taken now: ``item_paused``, ``outage`` or ``closed_hours``; None when it is."""
    paused = Refusal("item_paused", {"item": item.name})
    if item.state != "active":
        return paused
    if item.definition.donation is not None and item.definition.donation.lapsed(at):
        return Refusal("gifts_closed", {"item": item.name})
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
    total, limit = sum(line.amount for line in lines), item.definition.bank_above
    if limit is not None and total > limit:
        return Refusal("send_to_bank", {"limit": limit})
    if total > MAX_FEN:
        return Refusal("amount_range", {"minimum": item.definition.amount.minimum, "maximum": MAX_FEN})
    return None


def _wrong(item: BillItem, lines: Sequence[Line], owed: Mapping[str, Owed]) -> Refusal | None:
    for line in lines:
        refusal = _of_amount(item, line, owed) if line.bill is None else _of_bill(item, line, _now(line, owed))
        if refusal is not None:
            return refusal
    if item.definition.oldest_first and any(_skips_older(lines, account, owed[account]) for account in owed):
        return Refusal("oldest_first")
    return _left_or_doubled(item, lines, owed)


def _left_or_doubled(item: BillItem, lines: Sequence[Line], owed: Mapping[str, Owed]) -> Refusal | None:
    """Tell whether a bill that must be paid is left behind, or one period of an account would be paid twice."""
    leavable = item.definition.leavable
    for account, known in owed.items() if leavable is not None else ():
        paying = frozenset(line.bill.bill_no for line in lines if line.account == account and line.bill is not None)
        if leavable is not None and leavable.left_behind(known.bills.values(), paying):
            return Refusal("mandatory_first")
    if item.definition.once:
        bills = [(line.account, _now(line, owed)) for line in lines]
        periods = [(account, bill.period) for account, bill in bills if bill is not None]
        if len(set(periods)) < len(periods):
            return Refusal("once_a_period")
    return None


def _untimely(item: BillItem, lines: Sequence[Line], owed: Mapping[str, Owed], at: datetime) -> Refusal | None:
    """Tell which bill is not taken any more, since its last day is over."""
    if item.definition.deadline is None:
        return None
    for line in lines:
        now = _now(line, owed)
        last = None if now is None else item.definition.deadline.refused_since(now.due_on, at)
        if last is not None:
            return Refusal("deadline_passed", {"item": item.name, "payee": item.merchant_name, "until": f"{last}"})
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
        return _beside(rule)
    if item.definition.flow is Flow.TWO_STEP:
        offer = owed[line.account].offer
        return Refusal("bill_gone") if offer is None or offer.total != line.amount else None
    return None


def _beside(rule: AmountRule) -> Refusal:
    """Tell which amounts would do."""
    limits: dict[str, str | int] = {"minimum": rule.minimum, "maximum": rule.maximum}
    if rule.kind is AmountKind.PRESETS:
        limits["presets"] = "、".join(format_yuan(fen) for fen in rule.presets)
    return Refusal("amount_range", limits)


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
    if now.parts and not now.late_fee:
        part = now.parts[0]
        return None if line.amount == part else Refusal("part_amount", {"part": part, "owed": now.total})
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


def _fresh(item: BillItem, line: Line, owed: Mapping[str, Owed]) -> Line:
    now = _now(line, owed)
    if now is None and line.bill is None and line.account in owed:
        now = owed[line.account].offer
    if now is None:
        return line
    # What is paid once for a period is claimed by that period, not by one of the numbers that it is billed under.
    now = replace(now, claim=now.period or "") if item.definition.once else now
    return replace(line, bill=now, period=now.period)


def _lessened(item: BillItem, lines: Sequence[Line], at: datetime) -> Sequence[Line]:
    """Take off what a coupon or a discount lets off; a part of a bill gets none."""
    definition = item.definition
    if definition.coupons:
        return [_with_coupon(item, line, at) for line in lines]
    if definition.discount is None:
        return lines
    off: dict[str, int] = {}
    for account in {line.account for line in lines}:
        own = [line for line in lines if line.account == account]
        whole = [line.bill for line in own if line.bill is not None and line.amount == line.bill.total]
        off |= zip((bill.bill_no for bill in whole), definition.discount.off(whole, at), strict=True)
    return [_less(line, off.get(line.bill.bill_no, 0)) if line.bill else line for line in lines]


def _with_coupon(item: BillItem, line: Line, at: datetime) -> Line:
    coupon = best(item.definition.coupons, line.amount, at)
    # What remains is an amount that the item takes, whatever a coupon says.
    if coupon is None or line.amount - coupon.off < item.definition.amount.minimum:
        return line
    return _less(line, coupon.off, coupon.label)


def _less(line: Line, off: int, name: str = "") -> Line:
    return replace(line, amount=line.amount - off, discount=off, discount_for=name) if off else line


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
