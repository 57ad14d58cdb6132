"""What a file of samples brings: merchants with their items and bills, and what remote billers know of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from bot.billers.catalogue import Merchant, Store
from bot.billers.items import HOSTED, BillItem, ItemDefinition
from bot.billers.stock.values import Offer
from bot.simulators import biller

GATEWAYS: Final = {"wechatpay": "main", "alipay": "main", "unionpay": "main", "bankapp": "main"}


def _none(_: date) -> tuple[Offer, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Sample:
    """The sample of one scene or of a few that belong together.

    ``bills`` names a file of ``assets`` for each hosted item that has bills. ``remote`` holds the accounts that the
    simulator of a connector knows; an item names that connector as its biller. ``codes`` are the stores that get a
    static code, each with the item that is paid there. ``offers`` makes what can run out from the day it is opened.
    """

    merchants: tuple[Merchant, ...]
    items: tuple[BillItem, ...]
    stores: tuple[Store, ...] = ()
    bills: Mapping[str, str] = field(default_factory=dict)
    remote: Mapping[str, tuple[biller.Account, ...]] = field(default_factory=dict)
    codes: tuple[tuple[Store, BillItem], ...] = ()
    offers: Callable[[date], tuple[Offer, ...]] = _none


def merchant(id_: str, name: str, short_name: str) -> Merchant:
    """Return an active merchant that is paid through every gateway of the demonstration."""
    return Merchant(id_, name, short_name, "active", GATEWAYS)


def item(
    id_: str, payee: Merchant, scene: str, name: str, definition: ItemDefinition, *, biller: str = HOSTED
) -> BillItem:
    """Return an active item of a merchant."""
    return BillItem(
        id=id_,
        merchant_id=payee.id,
        merchant_name=payee.name,
        merchant_short_name=payee.short_name,
        scene=scene,
        name=name,
        biller=biller,
        definition=definition,
        state="active",
    )
