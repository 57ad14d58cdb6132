"""The catalogue shape: which sort, which day, how many, for whom; then it is held while the customer pays."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Final

from bot.billers.items import BillItem
from bot.billers.port import Later, Line, Quote, Refusal
from bot.billers.selling import Selling
from bot.billers.stock.values import Offer, Shelf
from bot.dialogue.days import find_day
from bot.dialogue.numbers import number_of
from bot.dialogue.scene import Context, Scene, Step
from bot.dialogue.session import Frame, Slot
from bot.dialogue.shapes.common import be_open, chosen_item, mend
from bot.dialogue.shapes.mixed import settle_item
from bot.dialogue.steps import Abort, Again, Ask, Done, Menu, Option, Outcome, Pay
from bot.kernel.clock import business_day
from bot.kernel.errors import Misconfigured, NotFound
from bot.kernel.text import normalise
from bot.words.identifiers import Flaw, Kind, Wrong, read

_SHOWN: Final = 9
_PIECES: Final = re.compile(r"([\d一二两三四五六七八九])\s*(?:张|份|位|个人|人|个号)")
_NUMBERS: Final = re.compile(r"[0-9A-Za-z]{8,20}")
# Papers in whose name a ticket may be (domain.md §3.0).
_PAPERS: Final = (
    Kind.RESIDENT_ID,
    Kind.RESIDENCE_PERMIT,
    Kind.PERMANENT_RESIDENCE,
    Kind.RETURN_PERMIT,
    Kind.TAIWAN_PERMIT,
    Kind.PASSPORT,
)
# What to choose anew when the stock says no.
_ANEW: Final = {"sold_out": ("offer", "day", "quantity"), "sale_over": ("offer", "day"), "over_quota": ("said",)}


async def hear_wish(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Take kind, day and number out of a request (两张后天的成人票), once: what is chosen later stands against it."""
    words = frame.heard.pop("words", "")
    if not words:
        return None
    item = await chosen_item(context, frame)
    kinds = dict.fromkeys(offer.kind for offer in await _offers(context, item, frame))
    named = [kind for kind in kinds if any(part in words for part in kind.split())]
    day = find_day(words, business_day(context.at))
    pieces = _PIECES.search(words)
    count = number_of(pieces[1]) if pieces is not None else None
    said = {
        "kind": named[0] if len(named) == 1 else "",
        "among": "\n".join(named),
        "day": day.isoformat() if day is not None else "",
        "quantity": str(count or ""),
    }
    for slot, value in said.items():
        if value:
            frame.slots[slot] = Slot(value, "default")
    if said["kind"] or said["day"]:
        frame.drop("offer")
    return None


async def choose_kind(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Settle which sort is meant: the one that was named, the only one, or a choice with prices."""
    item = await chosen_item(context, frame)
    offers = await _offers(context, item, frame)
    if not offers:
        return Done("nothing_on_sale", _facts(item))
    kinds = {offer.kind: offer for offer in reversed(offers)}
    if frame.get("kind") in kinds:
        return None
    if len(kinds) == 1:
        frame.slots["kind"] = Slot(next(iter(kinds)), "default")
        return None
    among = [kind for kind in (frame.get("among") or "").split("\n") if kind in kinds] or list(kinds)
    shown = sorted(among, key=lambda kind: (-kinds[kind].price, kind))[:_SHOWN]
    options = tuple(Option(kind, kind, kinds[kind].price) for kind in shown)
    return Menu("kind", "choose_kind", options, {**_facts(item), "kind": _selling(item).kind})


async def choose_offer(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Settle the day, and the hour where there are several, from what was said or from a list with what is left."""
    item = await chosen_item(context, frame)
    offers = [offer for offer in await _offers(context, item, frame) if offer.kind == frame.get("kind")]
    if any(offer.id == frame.get("offer") for offer in offers):
        return None
    frame.drop("offer")
    wanted = [offer for offer in offers if offer.day == frame.get("day")]
    offers = wanted or offers
    if len(wanted) == 1:
        frame.slots["offer"] = Slot(offers[0].id, "default")
        return None
    options = tuple(Option(offer.id, _label(offer)) for offer in offers[:_SHOWN])
    left = [offer.left for offer in offers[:_SHOWN]]
    return Menu("offer", "choose_offer", options, {"item": item.name, "kind": frame.get("kind") or "", "left": left})


async def choose_quantity(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Settle how many, at most as many as one order may have and as are left."""
    item, offer = await chosen_item(context, frame), await _chosen(context, frame)
    most = min(_selling(item).most, offer.left)
    said = frame.get("quantity")
    if said is not None and 0 < int(said) <= most:
        return None
    if most == 1:
        frame.slots["quantity"] = Slot("1", "default")
        return None
    options = tuple(Option(str(number), f"{number}{_selling(item).unit}") for number in range(1, most + 1))
    return Menu("quantity", "choose_quantity", options, {"offer": _title(item, offer), "unit": _selling(item).unit})


async def name_people(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Ask in whose names it is, and check every identity number before anything is held for it."""
    item = await chosen_item(context, frame)
    if not _selling(item).real_name:
        return None
    count = int(frame.slots["quantity"].value)
    said = frame.get("said") or frame.heard.pop("id_number", None)
    if said is None:
        offer = await _chosen(context, frame)
        return Ask("said", "ask_people", "text", {"offer": _title(item, offer), "count": count})
    people = read_people(said, business_day(context.at))
    reason = people if isinstance(people, str) else "" if len(people) == count else "count"
    if not reason:
        frame.slots["said"] = Slot(" ".join(people))
        return None
    frame.drop("said")
    frame.retries += 1
    got = 0 if isinstance(people, str) else len(people)
    return Ask("said", "people_wrong", "text", {"reason": reason, "count": count, "got": got})


def read_people(text: str, today: date) -> tuple[str, ...] | str:
    """Return the different identity numbers in a text, each checked; or what is wrong: ``check`` or ``other``."""
    found: dict[str, None] = {}
    for number in _NUMBERS.findall(normalise(text)):
        readings = [read(paper, number, today) for paper in _PAPERS]
        genuine = next((reading for reading in readings if isinstance(reading, str)), None)
        if genuine is None:
            flaws = [reading.wrong for reading in readings if isinstance(reading, Flaw)]
            return "check" if Wrong.CHECK_DIGIT in flaws else "other"
        found[genuine] = None
    return tuple(found)


async def price_offer(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Hold what was chosen and show its price; a hold of this frame that no longer fits is exchanged, not added to."""
    if frame.quote is not None and frame.quote.expires_at > context.at:
        return Pay(frame.quote)
    item, offer = await chosen_item(context, frame), await _chosen(context, frame)
    quantity = frame.slots["quantity"].value
    people = (frame.get("said") or "").replace(" ", ",")
    fields = {"offer": offer.id, "quantity": quantity, "people": people, "hold": frame.get("hold") or ""}
    line = Line(item.id, offer.price * int(quantity), offer.title, fields=fields)
    biller = await context.billers.biller(item.id)
    answer = await biller.quote([line], context.at, frame.get("store"))
    if isinstance(answer, Later):
        return Abort("biller_later")
    if isinstance(answer, Refusal):
        return await _refused(context, answer, frame)
    assert isinstance(answer, Quote), "a biller's answers are a closed set"
    frame.quote = answer
    frame.slots["hold"] = Slot(answer.lines[0].bill.bill_no if answer.lines[0].bill else "", "default")
    return Pay(answer)


async def _refused(context: Context, refusal: Refusal, frame: Frame) -> Outcome:
    """Let the customer choose another day or name somebody else."""
    if refusal.code not in _ANEW:
        return await mend(context, refusal, frame)
    frame.drop(*_ANEW[refusal.code])
    return Again(f"refused_{refusal.code}", refusal.facts)


async def _offers(context: Context, item: BillItem, frame: Frame) -> Sequence[Offer]:
    """Return what can be bought; what this frame holds already counts as free for it."""
    biller = await context.billers.biller(item.id)
    if not isinstance(biller, Shelf):
        raise Misconfigured("no_stock", f"the biller of item {item.id} keeps no stock")
    return await biller.offers(item.id, context.at, frame.get("hold") or "")


async def _chosen(context: Context, frame: Frame) -> Offer:
    offers = await _offers(context, await chosen_item(context, frame), frame)
    found = next((offer for offer in offers if offer.id == frame.get("offer")), None)
    if found is None:
        raise NotFound("offer_gone")
    return found


def _selling(item: BillItem) -> Selling:
    selling = item.definition.selling
    if selling is None:
        raise Misconfigured("not_sold", f"item {item.id} does not say how it is sold")
    return selling


def _facts(item: BillItem) -> dict[str, object]:
    return {"item": item.name, "payee": item.merchant_name}


def _title(item: BillItem, offer: Offer) -> str:
    return f"{item.merchant_short_name} {offer.title}"


def _label(offer: Offer) -> str:
    day = date.fromisoformat(offer.day)
    return f"{day:%m-%d} {offer.slot}".rstrip()


CATALOGUE_STEPS: tuple[Step, ...] = (
    settle_item,
    be_open,
    hear_wish,
    choose_kind,
    choose_offer,
    choose_quantity,
    name_people,
    price_offer,
)
