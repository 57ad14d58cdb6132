"""政务: the fees of a matter by its number, or that it costs nothing."""

from bot.dialogue.scene import Scene
from bot.dialogue.shapes.application import APPLY_STEPS, lead
from bot.dialogue.shapes.bill import BILL_STEPS
from bot.dialogue.shapes.choosing import choose_bills
from bot.dialogue.shapes.mixed import before, settle_item, tell_no_fee
from handlers.livelihood.applications import VISIT

SCENE = Scene(
    key="government",
    name="政务缴费",
    shape="bill",
    words=("办件费", "不动产登记费"),
    steps=(lead, settle_item, *before(choose_bills, tell_no_fee, steps=BILL_STEPS)),
    account_words=("办件号", "受理号"),
    applying=APPLY_STEPS,
    kinds=(VISIT,),
)
