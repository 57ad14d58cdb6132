"""The amount shape: which store, how much; nothing is billed beforehand."""

from bot.billers.items import AmountKind
from bot.billers.port import Line
from bot.dialogue.scene import Context, Scene, Step
from bot.dialogue.session import Frame, Slot
from bot.dialogue.shapes.common import be_open, choose_item, chosen_item, preset_options, price
from bot.dialogue.steps import Ask, Menu, Option, Outcome


async def choose_store(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Settle at which store the customer pays; a scanned code has said it already."""
    if frame.get("store"):
        return None
    item = await chosen_item(context, frame)
    stores = [store for store in await context.catalogue.stores(item.merchant_id) if store.state == "active"]
    if not stores:
        return None
    if len(stores) == 1:
        frame.slots["store"] = Slot(stores[0].id, "default")
        return None
    options = tuple(Option(store.id, store.name) for store in stores[:9])
    return Menu("store", "choose_store", options, {"item": item.name})


async def say_amount(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Ask how much, with the item's presets as choices."""
    if frame.get("amount"):
        return None
    item = await chosen_item(context, frame)
    facts = {"item": item.name, "payee": await _payee(context, frame)}
    rule = item.definition.amount
    if rule.presets:
        free = rule.kind is not AmountKind.PRESETS
        options = preset_options(rule)
        return Menu("amount", "amount_menu", options, {**facts, "free": free}, free="amount")
    return Ask("amount", "ask_amount", "amount", facts)


async def price_amount(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Quote the amount."""
    item = await chosen_item(context, frame)
    table = frame.get("table")
    title = " ".join(filter(None, (await _payee(context, frame), table and f"{table}号桌", item.name)))
    return await price(context, [Line(item.id, int(frame.slots["amount"].value), title)], frame)


async def _payee(context: Context, frame: Frame) -> str:
    item = await chosen_item(context, frame)
    store = frame.get("store")
    if store is None:
        return item.merchant_name
    return f"{item.merchant_short_name} {(await context.catalogue.store(store)).name}"


AMOUNT_STEPS: tuple[Step, ...] = (choose_item, be_open, choose_store, say_amount, price_amount)
