"""Steps that several shapes share: which item, is it open, what it costs, and how a refusal can be mended."""

from collections.abc import Sequence
from typing import Final

from bot.billers.items import AmountRule, BillItem
from bot.billers.port import Later, Line, Quote, Refusal
from bot.billers.quoting import unavailable
from bot.dialogue.acts import Act
from bot.dialogue.reading import read_field
from bot.dialogue.scene import Context, Scene
from bot.dialogue.session import Frame, Slot
from bot.dialogue.steps import Abort, Again, Ask, Done, Menu, Option, Outcome, Pay

_OFFERED: Final = 9
_MOBILE_DIGITS: Final = 11
# Which slots to fill anew after a refusal; then the bills are looked at again.
_CHOOSE_AGAIN: Final = {
    "oldest_first": ("bills", "amount"),
    "mandatory_first": ("bills", "amount"),
    "once_a_period": ("bills", "amount"),
    "one_at_a_time": ("bills", "amount"),
    "bill_twice": ("bills", "amount"),
    "bill_gone": ("bills", "amount"),
    "too_many": ("bills", "amount"),
    "whole_bill": ("amount",),
    "bill_changed": (),
}


async def hear_account(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Take the account out of the sentence that opened the frame, if an item of the scene accepts its form."""
    if not frame.heard or frame.get("account"):
        return None
    items = await context.catalogue.items(scene.key, context.merchants)
    for item in called(items, frame.heard.get("words", "")):
        field = item.definition.account
        if field is None or frame.get("item") not in (None, item.id):
            continue
        value = read_field(field, "", frame.heard)
        if value is not None:
            frame.slots.setdefault("item", Slot(item.id, "default"))
            frame.slots["account"] = Slot(value)
            break
    frame.heard = {name: said for name, said in frame.heard.items() if name not in ("account", "plate", "phone")}
    return None


async def choose_item(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Settle which bill item is meant: the only one there is, or a numbered choice."""
    if frame.get("item"):
        return None
    items = await context.catalogue.items(scene.key, context.merchants)
    if not items:
        return Abort("scene_not_here", {"scene": scene.name})
    items = called(items, frame.heard.pop("words", ""))
    if len(items) > 1:
        options = tuple(Option(item.id, f"{item.merchant_short_name} {item.name}") for item in items[:_OFFERED])
        return Menu("item", "choose_item", options, {"scene": scene.name})
    frame.slots["item"] = Slot(items[0].id, "default")
    return None


def called(items: tuple[BillItem, ...], words: str) -> tuple[BillItem, ...]:
    """Return the items that a sentence names, by their own words and by their merchant; all where it names none."""
    named = tuple(item for item in items if any(word in words for word in item.definition.words)) or items
    return tuple(item for item in named if item.merchant_short_name in words) or named


async def be_open(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Say at once when nothing can be paid now, before the customer has typed anything for it."""
    item = await chosen_item(context, frame)
    if frame.act in (Act.QUERY, Act.BIND):
        return None
    refusal = unavailable(item, context.at)
    return None if refusal is None else Abort(f"refused_{refusal.code}", refusal.facts)


async def chosen_item(context: Context, frame: Frame) -> BillItem:
    """Return the item that ``choose_item`` settled on."""
    return await context.catalogue.item(frame.slots["item"].value)


async def price(context: Context, lines: Sequence[Line], frame: Frame) -> Outcome:
    """Ask the biller for a quote, unless the one that was shown still holds."""
    if frame.quote is not None and frame.quote.expires_at > context.at:
        return await _shown(context, frame.quote)
    biller = await context.billers.biller(lines[0].item_id)
    quote = await biller.quote(lines, context.at, frame.get("store"))
    if isinstance(quote, Later):
        return Abort("biller_later")
    if isinstance(quote, Refusal):
        return await mend(context, quote, frame)
    assert isinstance(quote, Quote), "a biller's answers are a closed set"
    frame.quote = quote
    return await _shown(context, quote)


async def _shown(context: Context, quote: Quote) -> Pay:
    """Show a price with what its item wants to be known before it is paid."""
    definition = (await context.catalogue.item(quote.lines[0].item_id)).definition
    supervised = "" if definition.escrow is None else definition.escrow.words
    facts = {"caution": definition.caution, "supervised": supervised, "read_back": ""}
    if definition.account is not None and definition.account.read_back:
        facts["read_back"] = in_groups(quote.lines[0].account)
    return Pay(quote, facts)


def in_groups(number: str) -> str:
    """Return a mobile number as people check it, 3-4-4; any other number in fours."""
    if len(number) == _MOBILE_DIGITS:
        return f"{number[:3]}-{number[3:7]}-{number[7:]}"
    return "-".join(number[start : start + 4] for start in range(0, len(number), 4))


async def mend(context: Context, refusal: Refusal, frame: Frame) -> Outcome:
    """Let the customer mend what can be mended; end the frame where nothing can."""
    frame.quote = None
    if refusal.code == "quote_expired":
        frame.found = None
        return Again("quote_expired")
    if refusal.code == "amount_range":
        frame.drop("amount")
        if "presets" in refusal.facts:
            return Again("amount_presets", refusal.facts)
        return Ask("amount", "amount_range", "amount", refusal.facts)
    if refusal.code == "part_amount":
        frame.drop("amount")
        return Again("refused_part_amount", refusal.facts)
    if refusal.code == "bill_held":
        return await _held(context, refusal, frame)
    if refusal.code in _CHOOSE_AGAIN and frame.found is not None:
        frame.drop(*_CHOOSE_AGAIN[refusal.code])
        if refusal.code != "oldest_first":
            frame.found = None
        return Again(f"refused_{refusal.code}", refusal.facts)
    return Abort(f"refused_{refusal.code}", refusal.facts)


async def _held(context: Context, refusal: Refusal, frame: Frame) -> Outcome:
    """Lead to the customer's own waiting order; of another customer's nothing is told but that there is one."""
    for order in await context.orders.waiting(context.customer_id, frame.get("item")):
        if order.id == refusal.facts.get("order_id"):
            return Done("order_waiting", {"order": order})
    return Abort("refused_bill_held")


def preset_options(rule: AmountRule) -> tuple[Option, ...]:
    """Return the offered amounts as numbered choices."""
    return tuple(Option(str(fen), amount=fen) for fen in rule.presets[:_OFFERED])
