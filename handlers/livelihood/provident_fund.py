"""公积金: the balance of an account, flexible contributions, and the instalments of a loan."""

from bot.dialogue.scene import Scene
from bot.dialogue.shapes.application import APPLY_STEPS, lead
from bot.dialogue.shapes.bill import BILL_STEPS
from bot.dialogue.shapes.choosing import choose_bills
from bot.dialogue.shapes.mixed import before, settle_item, tell_balance
from handlers.livelihood.applications import WITHDRAWAL

SCENE = Scene(
    key="provident_fund",
    name="公积金",
    shape="bill",
    words=("公积金缴存", "公积金贷款"),
    steps=(lead, settle_item, *before(choose_bills, tell_balance, steps=BILL_STEPS)),
    examples=(("公积金还贷", "pay"), ("还公积金贷款", "pay")),
    account_words=("个人账号", "公积金账号"),
    applying=APPLY_STEPS,
    kinds=(WITHDRAWAL,),
)
