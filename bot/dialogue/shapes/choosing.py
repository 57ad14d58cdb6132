"""Which of the bills that an account owes are paid now: what can be paid, what was asked for, and the list of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.billers.items import AmountKind, BillItem, Flow
from bot.billers.port import Bill, Found
from bot.dialogue.acts import Act
from bot.dialogue.days import find_term
from bot.dialogue.scene import Context, PlacedOrder, Scene
from bot.dialogue.session import Frame, Slot
from bot.dialogue.shapes.common import chosen_item, preset_options
from bot.dialogue.steps import Abort, Ask, Done, Menu, Option, Outcome
from bot.kernel.clock import business_day

# More do not fit into one message; the oldest come first, as they are paid first.
_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Stock:
    """The bills of an account: ``payable`` now, on their way in the customer's own ``waiting`` orders, or ``held``."""

    payable: tuple[Bill, ...]
    waiting: tuple[PlacedOrder, ...]
    held: tuple[Bill, ...]


async def choose_bills(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Settle what is paid: what was asked for, the only bill there is, or a choice from the list."""
    item = await chosen_item(context, frame)
    found = frame.found
    if found is None:
        return None if frame.get("amount") else _how_much(item, "", 0, "ask_amount", "amount_menu")
    stock = await _stock(context, item, found)
    if _still(frame, stock):
        return None
    facts = {"item": item.name, "payee": item.merchant_name, "found": found, "notes": item.definition.notes}
    if not found.bills:
        return _nothing_due(item, found, frame, facts)
    if not stock.payable:
        return Done("order_waiting", {"order": stock.waiting[0]}) if stock.waiting else Abort("refused_bill_held")
    missed = _take_period(context, item, stock, frame)
    if _still(frame, stock) or _take_amount(item, stock, frame):
        return None
    if len(stock.payable) == 1 and frame.act is Act.PAY and not stock.waiting and not missed:
        frame.slots["bills"] = Slot(stock.payable[0].bill_no, "default")
        return None
    return _list(item, stock, {**facts, "missed": missed})


def _list(item: BillItem, stock: Stock, facts: dict[str, object]) -> Menu:
    shown = stock.payable[:_SHOWN]
    options = tuple(
        Option(bill.bill_no, " ".join(filter(None, (bill.period, bill.title))), bill.total, bill.period)
        for bill in shown
    )
    more = {
        "bills": shown,
        "total": sum(bill.total for bill in shown),
        "hidden": len(stock.payable) - len(shown),
        "waiting": stock.waiting,
        "held": len(stock.held),
        "oldest_first": item.definition.oldest_first,
    }
    return Menu("bills", "bills_list", options, {**facts, **more}, several=item.definition.several)


async def _stock(context: Context, item: BillItem, found: Found) -> Stock:
    """Sort the bills by who is paying them. Our own books say which are held; of others' bills our orders know."""
    waiting: Sequence[PlacedOrder] = ()
    if any(bill.held_by or bill.bill_id is None for bill in found.bills):
        waiting = await context.orders.waiting(context.customer_id, item.id)
    numbers = {bill.bill_no for bill in found.bills}
    own = tuple(order for order in waiting if numbers & set(order.bill_nos))
    mine = {number for order in own for number in order.bill_nos}
    held = tuple(bill for bill in found.bills if bill.held_by and bill.bill_no not in mine)
    taken = mine | {bill.bill_no for bill in held}
    return Stock(tuple(bill for bill in found.bills if bill.bill_no not in taken), own, held)


def _still(frame: Frame, stock: Stock) -> bool:
    """Tell whether all chosen bills can be paid; if not, the choice is void."""
    chosen = frame.get("bills")
    if chosen is None:
        return False
    if set(chosen.split("\n")) <= {bill.bill_no for bill in stock.payable}:
        return True
    frame.drop("bills")
    return False


def _take_period(context: Context, item: BillItem, stock: Stock, frame: Frame) -> str:
    """Choose the bills of the month or the school term that was asked for; return a month that has none."""
    period = frame.heard.pop("period", "")
    term = None if period else find_term(frame.heard.get("words", ""), business_day(context.at))
    first, last = term or (period, period)
    leavable = item.definition.leavable
    dated = [
        bill.bill_no
        for bill in stock.payable
        # What may be left out is paid only when somebody says so.
        if first <= (bill.period or "") <= last and not (leavable is not None and leavable.may_be_left(bill))
    ]
    if not first or frame.act is Act.QUERY:
        return ""
    if not dated:
        return period
    frame.slots["bills"] = Slot("\n".join(dated if item.definition.several else dated[:1]))
    return ""


def _take_amount(item: BillItem, stock: Stock, frame: Frame) -> bool:
    """Find the bills that an amount was said for: the only one, the one of that sum, or all; True when settled."""
    said = frame.get("amount")
    if said is None:
        return False
    amount = int(said)
    same = [bill for bill in stock.payable if bill.total == amount]
    if len(stock.payable) == 1:
        chosen = list(stock.payable)
    elif len(same) == 1:
        chosen = same
    elif item.definition.several and sum(bill.total for bill in stock.payable) == amount:
        chosen = list(stock.payable)
    else:
        frame.drop("amount")
        return False
    if all(bill.total == amount for bill in chosen) or len(chosen) > 1:
        frame.drop("amount")
    frame.slots["bills"] = Slot("\n".join(bill.bill_no for bill in chosen))
    return True


def _nothing_due(item: BillItem, found: Found, frame: Frame, facts: dict[str, object]) -> Outcome | None:
    rule = item.definition.amount
    prepaid = item.definition.advance or item.definition.flow is Flow.VALIDATE
    if not prepaid or rule.kind is AmountKind.EXACT:
        return Done("nothing_due", facts)
    if frame.get("amount"):
        return None
    return _how_much(item, found.account_mask, found.balance, "top_up_ask", "top_up_menu")


def _how_much(item: BillItem, mask: str, balance: int, ask: str, menu: str) -> Outcome:
    rule = item.definition.amount
    facts = {"item": item.name, "payee": item.merchant_name, "mask": mask, "balance": balance}
    if not rule.presets:
        return Ask("amount", ask, "amount", facts)
    free = rule.kind is not AmountKind.PRESETS
    options = preset_options(rule)
    # A sum that is no preset is read too, so that its refusal can name those that are.
    return Menu("amount", menu, options, {**facts, "free": free}, free="amount")
