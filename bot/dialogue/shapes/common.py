"""Steps that several shapes share: which item, and what it costs."""

from collections.abc import Sequence

from bot.billers.items import AmountRule, BillItem
from bot.billers.port import Later, Line, Quote, Refusal
from bot.dialogue.scene import Context, Scene
from bot.dialogue.session import Frame, Slot
from bot.dialogue.steps import Abort, Ask, Menu, Option, Outcome, Pay
from bot.kernel.money import format_yuan


async def choose_item(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Settle which bill item is meant: the only one, the one of a saved account, or a numbered choice."""
    if frame.get("item"):
        return None
    items = await context.catalogue.items(scene.key, context.merchants)
    if not items:
        return Abort("scene_not_here", {"scene": scene.name})
    if len(items) > 1:
        saved = await context.saved.of(context.customer_id, scene.key)
        if len({account.item_id for account in saved}) == 1 and any(i.id == saved[0].item_id for i in items):
            frame.slots["item"] = Slot(saved[0].item_id, "saved")
            return None
        options = tuple(Option(f"{item.merchant_short_name} {item.name}", item.id) for item in items[:9])
        return Menu("item", "choose_item", options, {"scene": scene.name})
    frame.slots["item"] = Slot(items[0].id, "default")
    return None


async def chosen_item(context: Context, frame: Frame) -> BillItem:
    """Return the item that ``choose_item`` settled on."""
    return await context.catalogue.item(frame.slots["item"].value)


async def price(context: Context, lines: Sequence[Line], frame: Frame) -> Outcome:
    """Ask the biller for a quote and turn its answer into what the customer sees."""
    item_id = lines[0].item_id
    biller = await context.billers.biller(item_id)
    quote = await biller.quote(lines, context.at, frame.get("store"))
    if isinstance(quote, Later):
        return Abort("biller_later", {})
    if isinstance(quote, Refusal):
        return await _refused(context, quote, frame)
    frame.quote = quote
    return Pay(quote)


async def _refused(context: Context, refusal: Refusal, frame: Frame) -> Outcome:
    """Let the customer mend what can be mended; end the frame where nothing can."""
    if refusal.code == "bill_held":
        order = await context.orders.live(str(refusal.facts.get("order_id", "")), context.customer_id)
        if order is not None:
            return Abort("order_waiting", {"order": order})
    if refusal.code == "amount_range":
        frame.slots.pop("amount", None)
        return Ask("amount", "amount_range", "amount", refusal.facts)
    if refusal.code in ("oldest_first", "whole_bill", "one_at_a_time"):
        frame.slots.pop("bills", None)
        frame.slots.pop("amount", None)
    if refusal.code in ("bill_changed", "bill_gone"):
        frame.slots.pop("bills", None)
        frame.found = None
    return Abort(f"refused_{refusal.code}", refusal.facts)


def line_of(frame: Frame, item: BillItem, quote: Quote | None = None) -> str:
    """Return how the payee of an item is named before any payment."""
    return quote.payee if quote else item.merchant_name


def preset_options(rule: AmountRule) -> tuple[Option, ...]:
    """Return the offered amounts as numbered choices."""
    return tuple(Option(f"{format_yuan(fen)} 元", str(fen)) for fen in rule.presets[:8])
