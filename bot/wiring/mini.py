"""The mini API over an open house."""

from bot.customers.accounts import SavedAccounts
from bot.dialogue.lookups import LookupGuard
from bot.web.mini.billing import Billing, BillingParts
from bot.web.mini.call import Program
from bot.web.mini.door import DoorParts, MiniDoor
from bot.web.mini.entry import Entry
from bot.web.mini.ordering import Ordering, OrderingParts
from bot.web.mini.repeats import Repeats
from bot.web.mini.sessions import Sessions
from bot.web.mini.shelf import Shelf
from bot.web.peers import Peers
from bot.web.watch import OrderWatch
from bot.wiring.house import House
from bot.wiring.rooms import scenes_of


def mini_door(house: House) -> MiniDoor:
    """Build the API for every configured mini-program; with none it lets nobody in."""
    programs = {
        section.appid: Program(key, section.appid, house.mini_clients[key], section.merchants, section.cities)
        for key, section in house.settings.file.mini.items()
    }
    sessions, shelf = Sessions(house.ephemeral, house.vault), Shelf(house.ephemeral, house.vault)
    watch, payments = OrderWatch(house.database, house.clock), house.payments
    entry = Entry(programs, house.identities, sessions)
    billing = Billing(
        BillingParts(
            programs=programs,
            scenes=scenes_of(house.settings.file.scene_packs),
            catalogue=house.catalogue,
            billers=house.billers,
            saved=SavedAccounts(house.database, house.vault, house.clock),
            lookups=LookupGuard(house.ephemeral, house.vault, house.traces),
            shelf=shelf,
            clock=house.clock,
        )
    )
    ordering = Ordering(
        OrderingParts(
            database=house.database,
            orders=payments.orders,
            charges=payments.charges,
            closing=payments.closing,
            receipts=payments.receipts,
            gateways=payments.gateways,
            watch=watch,
            shelf=shelf,
            trail=house.traces,
        )
    )
    handlers = {
        "login": entry.login,
        "logout": entry.logout,
        "phone": entry.phone,
        "scenes": billing.scenes,
        "items": billing.items,
        "bills": billing.bills,
        "quote": billing.quote,
        "accounts": billing.accounts,
        "forget": billing.forget,
        "order": ordering.order,
        "pay": ordering.pay,
        "status": ordering.status,
        "cancel": ordering.cancel,
        "history": ordering.history,
        "receipt": ordering.receipt,
    }
    return MiniDoor(
        DoorParts(
            handlers=handlers,
            sessions=sessions,
            repeats=Repeats(house.ephemeral, house.vault),
            store=house.ephemeral,
            vault=house.vault,
            peers=Peers(house.settings.file.trusted_proxies),
            watch=watch,
        )
    )
