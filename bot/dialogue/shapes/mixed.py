"""Steps for scenes whose items differ: the item is settled first, and what follows is what that item needs."""

from collections.abc import Callable
from typing import Final

from bot.billers.items import BillItem
from bot.dialogue.acts import Act
from bot.dialogue.reading import read_field
from bot.dialogue.scene import Context, Scene, Step
from bot.dialogue.session import Frame, Slot
from bot.dialogue.shapes.common import choose_item, chosen_item
from bot.dialogue.steps import Done, Menu, Option, Outcome

_OFFERED: Final = 9


async def settle_item(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Settle which item is meant before an account is recalled or asked for: each has accounts of its own.

    An item named by its own words comes first, then the only one to which the number that was given belongs. The
    words stay heard, for a step behind this one may read a date or a quantity in them.
    """
    again = frame.heard.pop("again", "")
    words = frame.heard.get("words", "") or again
    if again:
        frame.heard["words"] = again
        await _switch(scene, context, frame, again)
    if frame.get("item"):
        return None
    outcome = await choose_item(scene, context, frame)
    if words:
        frame.heard["words"] = words
    if not isinstance(outcome, Menu):
        return outcome
    items = [await context.catalogue.item(option.value) for option in outcome.options]
    fitting = [item for item in items if _fits(item, frame)]
    if len(fitting) != 1:
        return outcome
    frame.slots["item"] = Slot(fitting[0].id, "default")
    return None


async def _switch(scene: Scene, context: Context, frame: Frame, words: str) -> None:
    """Leave an item for another one of the scene that a new request names by its own words, and all that hung on it."""
    items = await context.catalogue.items(scene.key, context.merchants)
    named = [item for item in items if any(word in words for word in item.definition.words)]
    if len(named) == 1 and frame.get("item") not in (None, named[0].id):
        frame.slots.clear()
        frame.found = frame.quote = None
        frame.slots["item"] = Slot(named[0].id, "default")


def _fits(item: BillItem, frame: Frame) -> bool:
    """Tell whether the number in the sentence that opened the frame may be an account of an item."""
    field, said = item.definition.account, {key: text for key, text in frame.heard.items() if key != "words"}
    return field is not None and bool(said) and read_field(field, "", said) is not None


def only(wanted: Callable[[BillItem], bool], *steps: Step) -> tuple[Step, ...]:
    """Return steps that serve some items of a scene and let those of the others pass; the item is settled before."""

    def guarded(step: Step) -> Step:
        async def serve(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
            item = await chosen_item(context, frame)
            return await step(scene, context, frame) if wanted(item) else None

        return serve

    return tuple(guarded(step) for step in steps)


def before(landmark: Step, *own: Step, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return the steps of a shape with a scene's own put in front of one of them."""
    place = steps.index(landmark)
    return (*steps[:place], *own, *steps[place:])


async def choose_tier(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Offer the tiers of an item that has some, once it is settled for which period they are paid."""
    item = await chosen_item(context, frame)
    tiers = item.definition.tiers
    if tiers is None or frame.get("amount") or (frame.found is not None and not frame.get("bills")):
        return None
    options = tuple(
        Option(str(amount), f"{percent}%" if tiers.shares else "", amount)
        for percent, amount in zip(tiers.percents, tiers.amounts(), strict=True)
    )
    bills = {bill.bill_no: bill for bill in (frame.found.bills if frame.found else ())}
    bill = bills.get((frame.get("bills") or "").split("\n")[0])
    facts = {
        "item": item.name,
        "payee": item.merchant_name,
        "mask": frame.found.account_mask if frame.found else "",
        "period": bill.period if bill else None,
    }
    return Menu("amount", "choose_tier", options[:_OFFERED], facts)


async def tell_balance(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Answer a question after an account that owes nothing with its balance."""
    found = frame.found
    if frame.act is not Act.QUERY or found is None or found.bills:
        return None
    item = await chosen_item(context, frame)
    return Done("account_balance", {"item": item.name, "payee": item.merchant_name, "found": found})


async def tell_no_fee(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Say that a matter which is known and owes nothing costs nothing."""
    found = frame.found
    if found is None or found.bills:
        return None
    item = await chosen_item(context, frame)
    return Done("no_fee", {"item": item.name, "payee": item.merchant_name, "found": found})
