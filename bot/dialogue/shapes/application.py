"""The application shape: what is applied for, its blanks one at a time, its papers, a summary, and then its number."""

import re
from typing import Final

from bot.billers.port import Refusal
from bot.cases.applications.kinds import LEGAL_PERSON, LETTER, Blank, Kind
from bot.cases.applications.values import Document, NewApplication, Progress
from bot.dialogue.acts import Act
from bot.dialogue.reading import read_field
from bot.dialogue.scene import Context, Scene, Step
from bot.dialogue.session import Frame, Slot
from bot.dialogue.shapes.bill import BILL_STEPS
from bot.dialogue.steps import Abort, Again, Ask, Done, Menu, Option, Outcome

# A paper lies in the slot of this name before it is handed in; NONE says that the customer has none at hand.
_PAPER: Final = "paper:"
_NONE: Final = "none"
_MORE: Final = f"{_PAPER}more"
_REQUEST: Final = "request"
_PROGRESS: Final = re.compile(r"进度|申请|办理|办得|审批|审核|受理|到哪|结果|批了|通过|progress|status|application")
# After these the customer may give another sum; after all others the application ends with the reason.
_OF_THE_AMOUNT: Final = frozenset({"financing_over_limit", "receivable_amount", "note_range_amount"})
# These tell whether a number stands in the books, so that nobody may try many of them.
_TELLING: Final = frozenset(
    {
        "note_taken",
        "note_not_in_custody",
        "receivable_unknown",
        "receivable_registered",
        "receivable_amount",
        "receivable_confirmed",
        "receivable_not_confirmed",
    }
)


async def lead(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Show how one's own applications stand, or what can be done here; lead on to the bills where those are meant."""
    if frame.act is Act.BIND or frame.get("business") == "pay":
        return None
    chosen = frame.get("business")
    if chosen is not None:
        frame.act = Act.APPLY
        frame.slots["kind"] = Slot(chosen)
        frame.drop("business")
        return await _applied(scene, context, frame)
    open_here = bool(await context.catalogue.items(scene.key, context.merchants))
    if frame.act is Act.QUERY:
        mine = list(await context.applications.of(context.customer_id, scene.key))
        asked = _PROGRESS.search(frame.heard.get("words", "")) is not None
        if mine and (asked or scene.shape == "application" or not open_here):
            return await progress(context, frame, mine)
        if open_here and scene.shape != "application":
            return None
    elif open_here:
        return None
    options = [Option(kind.key, kind.name) for kind in scene.kinds[:8]]
    if open_here:
        options.append(Option("pay", "pay_here"))
    return Menu("business", "choose_business", tuple(options), {"scene": scene.name})


async def progress(context: Context, frame: Frame, mine: list[Progress]) -> Outcome:
    """Show applications; take the paper that one of them lacks."""
    lacking = next((each for each in mine if each.state == "needs_documents"), None)
    sent = frame.get(_MORE)
    if lacking is None or sent == _NONE:
        return Done("applications", {"applications": mine})
    if sent is None:
        facts = {"applications": mine, "lacking": lacking}
        return Menu(_MORE, "application_lacks", (Option(_NONE, "later"),), facts, free="document")
    taken = await context.applications.supplement(lacking.id, context.customer_id, sent, context.trace_id)
    return Done("application_completed" if taken else "applications", {"applications": mine, "application": lacking})


async def _applied(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Walk the steps of the application that was chosen in the middle of something else."""
    for step in scene.applying:
        outcome = await step(scene, context, frame)
        if outcome is not None:
            return outcome
    return None


async def choose_kind(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Settle what is applied for: what the sentence names, the only thing there is, or a numbered choice."""
    if frame.get("kind"):
        return None
    words = frame.heard.get("words", "")
    whole = [kind for kind in scene.kinds if kind.name in words]
    named = whole or [kind for kind in scene.kinds if any(word in words for word in kind.words)] or list(scene.kinds)
    if len(named) == 1:
        frame.slots["kind"] = Slot(named[0].key, "default")
        return None
    options = tuple(Option(kind.key, kind.name) for kind in named[:9])
    return Menu("kind", "choose_application", options, {"scene": scene.name})


async def fill_in(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Ask for the blanks one at a time; a number with a check digit is taken out of the first sentence."""
    kind = scene.kind_of(frame)
    assert kind is not None, "choose_kind settles it"
    words = frame.heard.pop("words", "")
    for blank in kind.blanks:
        if frame.get(blank.key) or not blank.required:
            continue
        found = read_field(blank, words, {}) if blank.identifier is not None and words else None
        if found is None:
            return _asked(blank, kind)
        frame.slots[blank.key] = Slot(found)
    return None


def _asked(blank: Blank, kind: Kind) -> Outcome:
    facts = {"label": blank.label, "help": blank.help, "kind": kind.name}
    if blank.choices:
        options = tuple(Option(choice.value, choice.label) for choice in blank.choices[:9])
        return Menu(blank.key, "choose_field", options, facts)
    if blank.sort == "amount":
        return Ask(blank.key, "apply_amount", "amount", facts)
    return Ask(blank.key, "ask_field", "field", facts)


async def weigh(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Say early what the books would refuse, before any paper is asked for."""
    if frame.get(_REQUEST):
        return None
    kind = scene.kind_of(frame)
    assert kind is not None, "choose_kind settles it"
    facts = _facts(kind, frame)
    answer = await context.applications.estimate(kind.key, context.customer_id, facts)
    if not isinstance(answer, Refusal):
        return None
    numbers = "|".join(facts[blank.key] for blank in kind.blanks if blank.identifier is not None and blank.key in facts)
    if answer.code in _TELLING and not await context.lookups.allow(context, kind.key, numbers):
        return Abort("lookup_limited")
    return _refused(answer, frame)


async def prove_authority(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Ask who applies for a company, and for the paper that proves it; without one nothing is handed in."""
    kind = scene.kind_of(frame)
    assert kind is not None, "choose_kind settles it"
    if not kind.corporate:
        return None
    authority = frame.get("authority")
    if authority is None:
        options = (Option(LEGAL_PERSON, LEGAL_PERSON), Option(LETTER, LETTER))
        return Menu("authority", "apply_authority", options, {"kind": kind.name})
    paper = frame.get(_PAPER + authority)
    if paper is None:
        facts = {"paper": authority, "needed": True}
        return Menu(_PAPER + authority, "apply_send_paper", (Option(_NONE, "no_paper"),), facts, free="document")
    return Abort("apply_authority_missing") if paper == _NONE else None


async def send_papers(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Ask for the papers one at a time; one that may follow later can be left out."""
    kind = scene.kind_of(frame)
    assert kind is not None, "choose_kind settles it"
    for paper in kind.papers:
        sent = frame.get(_PAPER + paper.key)
        if sent is None:
            facts = {"paper": paper.label, "needed": paper.needed}
            option = Option(_NONE, "no_paper" if paper.needed else "later")
            return Menu(_PAPER + paper.key, "apply_send_paper", (option,), facts, free="document")
        if sent == _NONE and paper.needed:
            return Abort("apply_paper_missing", {"paper": paper.label})
    return None


async def summarise(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Show everything once more, and hand nothing in without an explicit yes."""
    if frame.get("agreed"):
        return None
    kind = scene.kind_of(frame)
    assert kind is not None, "choose_kind settles it"
    facts = _facts(kind, frame)
    estimate = await context.applications.estimate(kind.key, context.customer_id, facts)
    if isinstance(estimate, Refusal):
        return _refused(estimate, frame)
    # Whoever agrees to this summary twice has agreed once.
    frame.slots.setdefault(_REQUEST, Slot(context.trace_id, "default"))
    lines = [(b.label, b.shown(facts[b.key]), b.sort == "amount") for b in kind.blanks if b.key in facts]
    papers = sum(1 for name, slot in frame.slots.items() if name.startswith(_PAPER) and slot.value != _NONE)
    shown = {"kind": kind.name, "lines": lines, "papers": papers, "estimate": {"sort": "", **estimate}}
    return Menu("agreed", "apply_summary", (Option("yes", "submit"),), shown)


async def hand_in(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Hand it in, and tell its number and what comes next."""
    kind = scene.kind_of(frame)
    assert kind is not None, "choose_kind settles it"
    papers = {name.removeprefix(_PAPER): slot.value for name, slot in frame.slots.items() if name.startswith(_PAPER)}
    new = NewApplication(
        request_key=frame.slots[_REQUEST].value,
        kind=kind.key,
        customer_id=context.customer_id,
        channel=context.channel,
        account=context.account,
        facts=_facts(kind, frame),
        trace_id=context.trace_id,
        authority=frame.get("authority") or "",
        documents=[Document(name, media) for name, media in papers.items() if media != _NONE],
    )
    answer = await context.applications.submit(new)
    if isinstance(answer, Refusal):
        frame.drop("agreed")
        return _refused(answer, frame)
    return Done("applied", {"application": answer, "corporate": kind.corporate})


def _facts(kind: Kind, frame: Frame) -> dict[str, str]:
    return {blank.key: frame.slots[blank.key].value for blank in kind.blanks if blank.key in frame.slots}


def _refused(refusal: Refusal, frame: Frame) -> Outcome:
    """Say why; where another sum would do, ask for it."""
    facts = {"code": refusal.code, "facts": refusal.facts}
    if refusal.code in _OF_THE_AMOUNT and "amount" in frame.slots:
        frame.drop("amount")
        return Again("apply_refused", {**facts, "again": True})
    return Abort("apply_refused", {**facts, "again": False})


# What is walked for the act apply; ``APPLICATION_STEPS`` are the steps of the shape for all other acts.
APPLY_STEPS: Final[tuple[Step, ...]] = (
    choose_kind,
    fill_in,
    weigh,
    prove_authority,
    send_papers,
    summarise,
    hand_in,
)
APPLICATION_STEPS: Final[tuple[Step, ...]] = (lead, *BILL_STEPS)
