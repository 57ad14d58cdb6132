"""The bill shape: which account, what does it owe, which of it is paid now."""

from typing import Final

from bot.billers.items import BillItem, Flow
from bot.billers.port import BillQuery, Found, Later, Line, NotFound
from bot.customers.accounts import SavedAccount
from bot.dialogue.acts import Act
from bot.dialogue.nicknames import for_others, narrowed
from bot.dialogue.reading import read_field
from bot.dialogue.scene import Context, Scene, Step
from bot.dialogue.session import Frame, Slot
from bot.dialogue.shapes.choosing import choose_bills
from bot.dialogue.shapes.common import be_open, called, choose_item, chosen_item, hear_account, price
from bot.dialogue.shapes.parts import choose_part
from bot.dialogue.steps import Abort, Again, Ask, Menu, Option, Outcome

_OFFERED: Final = 8


async def recall(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Take the customer's saved account, or offer those there are, unless another one was asked for."""
    if frame.get("account") or frame.anew or frame.tried or frame.act is Act.BIND:
        return None
    every = await context.catalogue.items(scene.key, context.merchants)
    items = {item.id: item for item in called(every, frame.heard.get("words", ""))}
    wanted = frame.get("item")
    saved = [
        account
        for account in await context.saved.of(context.customer_id, scene.key)
        if account.item_id in items and wanted in (None, account.item_id)
    ]
    others = for_others(frame.heard, saved)
    saved = list(narrowed(saved, frame.heard))
    if not saved:
        return None
    if len(saved) == 1 and not others:
        frame.slots |= {name: Slot(value, "saved") for name, value in _slots_of(saved[0]).items()}
        return None
    alone = len(items) == 1
    options = [_option(account, items[account.item_id], alone) for account in saved[:_OFFERED]]
    if alone:
        frame.slots["item"] = Slot(saved[0].item_id, "default")
    else:
        options.append(Option("", "other"))
    field = items[saved[0].item_id].definition.account
    facts = {"label": field.label if field else "", "free": alone}
    return Menu("account", "choose_account", tuple(options), facts, free="field" if alone else "")


def _option(saved: SavedAccount, item: BillItem, alone: bool) -> Option:
    name = item.name if alone else f"{item.merchant_short_name} {item.name}"
    return Option(saved.account, f"{saved.nickname or name} {saved.account_mask}", also=_slots_of(saved))


def _slots_of(saved: SavedAccount) -> dict[str, str]:
    called = {"called": saved.nickname} if saved.nickname else {}
    return {**saved.fields, **called, "item": saved.item_id, "account": saved.account}


async def ask_account(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Ask for the account where the item has one."""
    item = await chosen_item(context, frame)
    field = item.definition.account
    if field is None or frame.get("account"):
        return None
    return Ask("account", "ask_account", "field", {"label": field.label, "help": field.help, "item": item.name})


async def give_fields(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Ask for the item's further inputs, one at a time; those with fixed values as numbered choices."""
    item = await chosen_item(context, frame)
    missing = [field for field in item.definition.fields if field.required and not frame.get(field.key)]
    for field in missing:
        said = frame.heard.get(field.key, "") or (frame.heard.get("name", "") if field.proof else "")
        value = read_field(field, said, {}) if said else None
        if value is not None:
            frame.slots[field.key] = Slot(value)
    if any(field.proof for field in missing):
        await _fields_of_saved(scene, context, frame)
    for field in missing:
        if frame.get(field.key):
            continue
        if field.choices:
            options = tuple(Option(choice.value, choice.label) for choice in field.choices[:9])
            return Menu(field.key, "choose_field", options, {"label": field.label})
        return Ask(field.key, "ask_field", "field", {"label": field.label, "help": field.help})
    return None


async def _fields_of_saved(scene: Scene, context: Context, frame: Frame) -> None:
    """Spare a customer who typed a saved account the proof that was given for it before."""
    for saved in await context.saved.of(context.customer_id, scene.key):
        if (saved.item_id, saved.account) == (frame.get("item"), frame.get("account")):
            frame.slots |= {name: Slot(value, "saved") for name, value in _slots_of(saved).items()}


async def find_bills(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Ask the biller what the account owes; a found account is remembered for next time."""
    item = await chosen_item(context, frame)
    if frame.found is not None or item.definition.account is None or item.definition.flow is Flow.DIRECT:
        return None
    slot = frame.slots["account"]
    fields = _fields(frame, [field.key for field in item.definition.fields])
    if slot.source != "saved" and not await context.lookups.allow(context, item.id, slot.value):
        return Abort("lookup_limited")
    biller = await context.billers.biller(item.id)
    answer = await biller.find(BillQuery(item.id, slot.value, fields, trace_id=context.trace_id))
    if isinstance(answer, Later):
        return Abort("biller_later")
    if isinstance(answer, NotFound):
        return await _not_found(context, frame)
    frame.found = answer
    frame.tried = {}
    if slot.source != "saved" and not frame.unsaved and item.definition.remember:
        await _remember(scene, context, frame, answer, fields)
    return None


async def _remember(scene: Scene, context: Context, frame: Frame, found: Found, fields: dict[str, str]) -> None:
    slot = frame.slots["account"]
    await context.saved.save(
        context.customer_id,
        scene=scene.key,
        item_id=frame.slots["item"].value,
        account=slot.value,
        mask=found.account_mask,
        fields=fields,
    )
    frame.slots["account"] = Slot(slot.value, "saved")


async def _not_found(context: Context, frame: Frame) -> Outcome:
    """Ask again with the same words for an unknown account and a wrong proof; keep what was tried for a correction."""
    definition = (await chosen_item(context, frame)).definition
    keys = ["account", *(field.key for field in definition.fields)]
    frame.tried = {key: frame.slots[key] for key in keys if key in frame.slots}
    frame.drop(*keys)
    frame.retries += 1
    assert definition.account is not None, "only items with an account are looked up"
    facts = {"label": definition.account.label, "help": definition.account.help}
    return Ask("account", "account_not_found", "field", facts)


async def price_bills(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Quote the chosen bills, or the amount that is paid on the account."""
    item = await chosen_item(context, frame)
    found, said = frame.found, frame.get("amount")
    account, mask = frame.get("account") or "", found.account_mask if found else ""
    fields = _fields(frame, [field.key for field in item.definition.fields])
    chosen = (frame.get("bills") or "").split("\n")
    bills = [bill for bill in (found.bills if found else ()) if bill.bill_no in chosen]
    if said and len(bills) > 1:
        frame.drop("amount")
        return Again("amount_for_one")
    lines = [
        Line(
            item.id,
            int(said) if said and len(bills) == 1 else bill.total,
            f"{item.name} {bill.period or bill.title}".strip(),
            account,
            mask,
            bill,
            bill.period,
            fields,
        )
        for bill in bills
    ]
    if not lines and said:
        title = f"{item.name}预存" if item.definition.billed else item.name
        lines.append(Line(item.id, int(said), title, account, mask, None, None, fields))
    assert lines, "choose_bills leaves a bill or an amount"
    return await price(context, lines, frame)


def _fields(frame: Frame, keys: list[str]) -> dict[str, str]:
    return {key: frame.slots[key].value for key in keys if key in frame.slots}


BILL_STEPS: tuple[Step, ...] = (
    hear_account,
    recall,
    choose_item,
    be_open,
    ask_account,
    give_fields,
    find_bills,
    choose_bills,
    choose_part,
    price_bills,
)
