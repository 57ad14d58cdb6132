"""图书馆: fines by reader card, with a step of its own between those of the shape."""

from bot.dialogue.scene import Context, Scene
from bot.dialogue.session import Frame, Slot
from bot.dialogue.shapes.bill import BILL_STEPS
from bot.dialogue.steps import Menu, Option, Outcome


async def choose_branch(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Ask at which branch, as no shape does."""
    if frame.get("branch"):
        return None
    if frame.anew:
        frame.slots["branch"] = Slot("north", "default")
        return None
    return Menu("branch", "choose_field", (Option("north", "北馆"), Option("south", "南馆")), {"label": "分馆"})


SCENE = Scene(
    key="library",
    name="图书馆欠费",
    shape="bill",
    words=("图书馆", "借书", "还书"),
    steps=(choose_branch, *BILL_STEPS),
    examples=(("书超期了", "pay"),),
    account_words=("读者证",),
)
