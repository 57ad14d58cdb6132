"""社保: medical and pension contributions, once for a person and a period, some of them by tier."""

from bot.dialogue.scene import Scene
from bot.dialogue.shapes.application import APPLY_STEPS, lead
from bot.dialogue.shapes.bill import BILL_STEPS, price_bills
from bot.dialogue.shapes.mixed import before, choose_tier, settle_item
from handlers.livelihood.applications import TRANSFER

SCENE = Scene(
    key="social_security",
    name="社保医保",
    shape="bill",
    words=("城乡居民医保", "居民养老保险"),
    steps=(lead, settle_item, *before(price_bills, choose_tier, steps=BILL_STEPS)),
    account_words=("身份证号", "身份证"),
    applying=APPLY_STEPS,
    kinds=(TRANSFER,),
)
