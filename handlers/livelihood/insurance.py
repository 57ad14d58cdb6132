"""保险: premiums by policy with a grace period, motor insurance, and the vehicle tax on its own."""

from bot.dialogue.scene import Scene
from bot.dialogue.shapes.application import APPLY_STEPS, lead
from bot.dialogue.shapes.bill import BILL_STEPS
from bot.dialogue.shapes.mixed import settle_item
from handlers.livelihood.applications import CLAIM

SCENE = Scene(
    key="insurance",
    name="保险缴费",
    shape="bill",
    words=("保费", "保险费", "车船税"),
    steps=(lead, settle_item, *BILL_STEPS),
    account_words=("保单号", "保单"),
    applying=APPLY_STEPS,
    kinds=(CLAIM,),
)
