"""票据: custody, discount, pledge and presentation of notes, each by application; what is held and how it stands."""

import re
from collections.abc import Mapping
from typing import Final

from bot.cases.applications.kinds import Hook, Kind
from bot.cases.trade import notes
from bot.cases.trade.matter import Matter
from bot.dialogue.acts import Act
from bot.dialogue.scene import Context, Scene
from bot.dialogue.session import Frame
from bot.dialogue.shapes.application import APPLICATION_STEPS, APPLY_STEPS
from bot.dialogue.steps import Done, Outcome
from bot.storage.port import Reader
from handlers.industry.blanks import AMOUNT, DUE_ON, NOTE, RANGE, USCC

_HELD: Final = re.compile(r"哪些|托管的|持有|池里|我的票|有几张|几张票")


async def _fits(reader: Reader, matter: Matter) -> Mapping[str, object]:
    notes.check_terms(matter)
    return {}


async def _discounted(reader: Reader, matter: Matter) -> Mapping[str, object]:
    found = await notes.estimate(reader, matter)
    return {
        "sort": "discount",
        "face": found.face,
        "days": found.days,
        "rate": _percent(matter),
        "interest": found.interest,
        "net": found.net,
    }


async def _in_custody(reader: Reader, matter: Matter) -> Mapping[str, object]:
    await notes.wanted(reader, matter)
    return {}


async def show_notes(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Show the notes that lie here, where somebody asks for them; applications are shown by the shape."""
    if frame.act is not Act.QUERY or _HELD.search(frame.heard.get("words", "")) is None:
        return None
    notes_held = await context.applications.notes(context.customer_id)
    return Done("notes_held", {"notes": notes_held}) if notes_held else None


def _percent(matter: Matter) -> str:
    return f"{(matter.terms.discount_rate * 100).normalize():f}"


_LET_GO: Final[Mapping[str, Hook]] = {"rejected": notes.release_in, "withdrawn": notes.release_in}

CUSTODY: Final = Kind(
    key="note_custody",
    scene="bills",
    name="票据托管",
    words=("托管", "登记", "custody"),
    blanks=(USCC, NOTE, RANGE, AMOUNT, DUE_ON),
    titled="uscc",
    amount_of="amount",
    on={
        "submitted": notes.register_in,
        "done": notes.keep_in,
        "rejected": notes.give_back_in,
        "withdrawn": notes.give_back_in,
    },
    estimate=_fits,
)
DISCOUNT: Final = Kind(
    key="note_discount",
    scene="bills",
    name="票据贴现",
    words=("贴现", "discount"),
    blanks=(USCC, NOTE, RANGE),
    titled="uscc",
    on={"submitted": notes.take_in, "done": notes.discount_in, **_LET_GO},
    estimate=_discounted,
)
PLEDGE: Final = Kind(
    key="note_pledge",
    scene="bills",
    name="票据质押入池",
    words=("质押", "入池", "pledge"),
    blanks=(USCC, NOTE, RANGE),
    titled="uscc",
    on={"submitted": notes.take_in, "done": notes.pledge_in, **_LET_GO},
    estimate=_in_custody,
)
PRESENTATION: Final = Kind(
    key="note_presentation",
    scene="bills",
    name="到期托收",
    words=("托收", "提示付款", "到期"),
    blanks=(USCC, NOTE, RANGE),
    titled="uscc",
    on={
        "submitted": notes.take_due_in,
        "approved": notes.present_in,
        "done": notes.settle_in,
        # Refused at the desk it lies in custody again; refused by the acceptor it is open to recourse (追索).
        "rejected": notes.end_presentation_in,
        "withdrawn": notes.release_in,
    },
    estimate=_in_custody,
)

SCENE = Scene(
    key="bills",
    name="票据",
    shape="application",
    words=("电子承兑汇票", "票据手续费"),
    steps=(show_notes, *APPLICATION_STEPS),
    examples=(
        ("交票据手续费", "pay"),
        ("交托收手续费", "pay"),
        ("票据到期托收", "apply"),
        ("我的票据办得怎么样了", "query"),
        ("我有哪些票据", "query"),
        ("查一下托管的票据", "query"),
        ("票据手续费", "pay"),
    ),
    account_words=("统一社会信用代码",),
    applying=APPLY_STEPS,
    kinds=(CUSTODY, DISCOUNT, PLEDGE, PRESENTATION),
)
