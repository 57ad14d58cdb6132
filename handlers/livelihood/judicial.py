"""政法: court fees by case number with an estimate beforehand, and traffic fines by the number of the decision."""

import re
from typing import Final

from bot.dialogue.acts import Act
from bot.dialogue.numbers import find_amount
from bot.dialogue.scene import Context, Scene
from bot.dialogue.session import Frame
from bot.dialogue.shapes.bill import BILL_STEPS
from bot.dialogue.shapes.common import chosen_item
from bot.dialogue.shapes.mixed import settle_item
from bot.dialogue.steps import Ask, Done, Outcome

_ESTIMATE: Final = re.compile(r"标的|估算|怎么算|怎么收|大概|大约|计算|算一下|算算|estimate")


async def estimate_fee(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Answer the question what a suit would cost, from the sum in dispute; an estimate, never a demand."""
    ladder = (await chosen_item(context, frame)).definition.estimate
    words = frame.heard.get("words", "")
    claim = frame.get("claim")
    if ladder is None or (claim is None and (frame.act is Act.PAY or _ESTIMATE.search(words) is None)):
        return None
    said = find_amount(words) if claim is None else int(claim)
    if said is None:
        return Ask("claim", "ask_claim", "amount")
    return Done("court_fee_estimate", {"claim": said, "fee": ladder.fee(said), "reduced": ladder.reduced_fee(said)})


SCENE = Scene(
    key="judicial",
    name="诉讼费罚款",
    shape="bill",
    words=("诉讼费", "交通罚款"),
    steps=(settle_item, estimate_fee, *BILL_STEPS),
    examples=(("标的五十万的诉讼费大概多少", "query"), ("诉讼费怎么收", "query")),
    account_words=("案号", "决定书编号", "决定书"),
)
