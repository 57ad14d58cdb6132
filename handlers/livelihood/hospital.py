"""医院: registration with a doctor's hour held, treatments that an insurance shares in, and deposits for a stay."""

from bot.billers.items import BillItem
from bot.dialogue.scene import Scene
from bot.dialogue.shapes.bill import BILL_STEPS
from bot.dialogue.shapes.catalogue import CATALOGUE_STEPS
from bot.dialogue.shapes.mixed import only, settle_item


def _from_stock(item: BillItem) -> bool:
    return item.definition.selling is not None


SCENE = Scene(
    key="hospital",
    name="医院缴费",
    shape="bill",
    words=("挂号", "门诊费", "住院押金"),
    # The catalogue's last step prices, so an item of the stock never comes to the bills.
    steps=(settle_item, *only(_from_stock, *CATALOGUE_STEPS[1:]), *BILL_STEPS),
    examples=(("住院预交", "pay"), ("交住院预交金", "pay")),
    account_words=("就诊卡号", "就诊卡", "住院号"),
)
