"""A mall with two stores, and what their coupons take off."""

from datetime import date
from typing import Final

from bot.billers.catalogue import Store
from bot.billers.coupon import Coupon
from bot.billers.items import AmountKind, AmountRule, Flow, ItemDefinition
from bot.demo.samples.value import Sample, item, merchant

MALL: Final = merchant("mer_mall", "示范广场商业管理有限公司", "示范广场")
STORES: Final = (
    Store("sto_mall_1", "mer_mall", "一楼百货", "示范广场 1 楼", "active"),
    Store("sto_mall_2", "mer_mall", "负一楼超市", "示范广场 B1", "active"),
)
SHOPPING: Final = ItemDefinition(
    flow=Flow.DIRECT,
    amount=AmountRule(kind=AmountKind.ANY, minimum=100, maximum=2_000_000),
    coupons=(
        Coupon(label="满100减20", threshold=10_000, off=2_000),
        Coupon(label="满300减80", threshold=30_000, off=8_000),
        # A coupon that is over is never taken off.
        Coupon(label="国庆满50减40", threshold=5_000, off=4_000, starts=date(2026, 10, 1), ends=date(2026, 10, 7)),
    ),
    quote_seconds=600,
)
PURCHASE: Final = item("itm_mall", MALL, "district", "商场买单", SHOPPING)

SAMPLE: Final = Sample(
    merchants=(MALL,),
    items=(PURCHASE,),
    stores=STORES,
    codes=tuple((store, PURCHASE) for store in STORES),
)
