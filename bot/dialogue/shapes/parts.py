"""Whether a bill that may be paid in equal parts is paid whole or by its next part."""

from bot.dialogue.scene import Context, Scene
from bot.dialogue.session import Frame
from bot.dialogue.steps import Menu, Option, Outcome


async def choose_part(scene: Scene, context: Context, frame: Frame) -> Outcome | None:
    """Offer the whole bill or its next part, with all the parts that remain; a sum that was said needs no choice."""
    numbers = (frame.get("bills") or "").split("\n")
    if frame.found is None or frame.get("amount") or len(numbers) != 1:
        return None
    bill = next((bill for bill in frame.found.bills if bill.bill_no == numbers[0]), None)
    if bill is None or len(bill.parts) < 2 or bill.late_fee:
        return None
    options = (Option(str(bill.total), "一次付清", bill.total), Option(str(bill.parts[0]), "分期付", bill.parts[0]))
    return Menu("amount", "choose_part", options, {"bill": bill})
