"""The bill shape: which account, what does it owe, which of it is paid now."""

from bot.billers.items import AmountKind, BillItem, Flow
from bot.billers.port import Bill, BillQuery, Found, Later, Line, NotFound
from bot.dialogue.acts import Act
from bot.dialogue.scene import Context, Scene, Step
from bot.dialogue.session import Frame, Slot
from bot.dialogue.shapes.common import choose_item, chosen_item, preset_options, price
from bot.dialogue.steps import Abort, Ask, Done, Menu, Option, Outcome
from bot.kernel.money import format_yuan


async def choose_account(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Take the account that was said, else the saved one, else offer the saved ones, else ask."""
    if frame.get("account"):
        return None
    item = await chosen_item(context, frame)
    field = item.definition.account
    if field is None:
        return None
    saved = [a for a in await context.saved.of(context.customer_id, scene.key) if a.item_id == item.id]
    if len(saved) == 1:
        frame.slots["account"] = Slot(saved[0].account, "saved")
        for name, value in saved[0].fields.items():
            frame.slots.setdefault(name, Slot(value, "saved"))
        return None
    if saved:
        options = tuple(Option(f"{a.nickname or item.name} {a.account_mask}", a.account) for a in saved[:9])
        return Menu("account", "choose_account", options, {"label": field.label}, free="field")
    return Ask("account", "ask_account", "field", {"label": field.label, "help": field.help, "item": item.name})


async def give_fields(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Ask for the item's further inputs, one at a time; those with fixed values as numbered choices."""
    item = await chosen_item(context, frame)
    for field in item.definition.fields:
        if frame.get(field.key) or not field.required:
            continue
        if field.choices:
            options = tuple(Option(choice.label, choice.value) for choice in field.choices[:9])
            return Menu(field.key, "choose_field", options, {"label": field.label})
        return Ask(field.key, "ask_field", "field", {"label": field.label, "help": field.help})
    return None


async def find_bills(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Ask the biller what the account owes; a found account is remembered for next time."""
    if frame.found is not None:
        return None
    item = await chosen_item(context, frame)
    account = frame.slots["account"].value
    fields = {f.key: frame.slots[f.key].value for f in item.definition.fields if f.key in frame.slots}
    biller = await context.billers.biller(item.id)
    answer = await biller.find(BillQuery(item.id, account, fields, frame.get("period"), trace_id=context.trace_id))
    if isinstance(answer, Later):
        return Abort("biller_later", {})
    if isinstance(answer, NotFound):
        return _not_found(item, frame)
    frame.found = answer
    if frame.slots["account"].source != "saved":
        await context.saved.save(
            context.customer_id,
            scene=scene.key,
            item_id=item.id,
            account=account,
            mask=answer.account_mask,
            fields=fields,
        )
    return None


def _not_found(item: BillItem, frame: Frame) -> Outcome:
    """Ask again with the same words for an unknown account and a wrong proof."""
    frame.slots.pop("account", None)
    for field in item.definition.fields:
        frame.slots.pop(field.key, None)
    frame.retries += 1
    account = item.definition.account
    label, words = (account.label, account.help) if account is not None else (item.name, "")
    return Ask("account", "account_not_found", "field", {"label": label, "help": words})


async def choose_bills(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Show what is owed and let the customer choose, unless one bill is there and payment was asked for."""
    found = frame.found
    if found is None or frame.get("bills") or frame.get("amount"):
        return None
    item = await chosen_item(context, frame)
    facts = {"item": item.name, "payee": item.merchant_name, "found": found, "notes": item.definition.notes}
    if not found.bills:
        return _nothing_due(item, found, facts)
    if len(found.bills) == 1 and frame.act is Act.PAY:
        frame.slots["bills"] = Slot(found.bills[0].bill_no, "default")
        return None
    options = tuple(Option(bill_label(bill), bill.bill_no) for bill in found.bills[:20])
    return Menu("bills", "bills_list", options, facts, several=item.definition.several)


def _nothing_due(item: BillItem, found: Found, facts: dict[str, object]) -> Outcome:
    rule = item.definition.amount
    prepaid = item.definition.advance or item.definition.flow is Flow.VALIDATE
    if not prepaid or rule.kind is AmountKind.EXACT:
        return Done("nothing_due", facts)
    if rule.presets:
        return Menu("amount", "top_up_menu", preset_options(rule), facts, free="amount")
    return Ask("amount", "top_up_ask", "amount", facts)


async def price_bills(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Quote the chosen bills, or the amount that is paid on the account."""
    item = await chosen_item(context, frame)
    found = frame.found
    account = frame.slots["account"].value
    mask = found.account_mask if found else ""
    fields = {f.key: frame.slots[f.key].value for f in item.definition.fields if f.key in frame.slots}
    chosen = (frame.get("bills") or "").split("\n") if frame.get("bills") else []
    bills = [bill for bill in (found.bills if found else ()) if bill.bill_no in chosen]
    said = frame.get("amount")
    lines: list[Line] = []
    for bill in bills:
        amount = int(said) if said and len(bills) == 1 else bill.total
        title = f"{item.name} {bill.period or bill.title}".strip()
        lines.append(Line(item.id, amount, title, account, mask, bill, bill.period, fields))
    if not lines and said:
        lines.append(Line(item.id, int(said), f"{item.name}预存", account, mask, None, None, fields))
    if not lines:
        frame.slots.pop("bills", None)
        return await choose_bills(scene, context, frame)
    return await price(context, lines, frame)


def bill_label(bill: Bill) -> str:
    """Return one line of the list: what, for when, how much."""
    what = " ".join(part for part in (bill.period or "", bill.title) if part)
    held = "（支付中）" if bill.held_by else ""
    return f"{what} {format_yuan(bill.total)} 元{held}".strip()


BILL_STEPS: tuple[Step, ...] = (
    choose_item,
    choose_account,
    give_fields,
    find_bills,
    choose_bills,
    price_bills,
)
