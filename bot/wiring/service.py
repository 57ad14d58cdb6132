"""After-sales from settings: the desk's hours, the book of tickets, and the room that talks about both."""

from bot.cases.sla import HOURS, Service
from bot.cases.tickets import Tickets
from bot.dialogue.aftersales.complaints import Complaints
from bot.dialogue.aftersales.hands import Hands
from bot.dialogue.aftersales.room import AfterSales, Means
from bot.kernel.clock import Clock
from bot.payments.dossier import Dossiers
from bot.payments.room import Payments
from bot.settings import Settings
from bot.storage.port import Database
from bot.storage.vault import Vault


def tickets_room(settings: Settings, database: Database, vault: Vault) -> Tickets:
    section = settings.file.service
    service = Service(
        opens=section.opens,
        closes=section.closes,
        weekdays=frozenset(section.weekdays),
        holidays=frozenset(section.holidays),
        hours={**HOURS, **section.hours},
        complaint_days=section.complaint_days,
    )
    return Tickets(database, vault, service)


def after_sales(settings: Settings, clock: Clock, database: Database, vault: Vault, payments: Payments) -> AfterSales:
    public_url = settings.environment.public_url
    return AfterSales(
        Means(
            database=database,
            vault=vault,
            dossiers=Dossiers(database, clock, payments.orders),
            hands=Hands(payments.sweeper, payments.fulfilment, payments.refunds, clock),
            complaints=Complaints(tickets_room(settings, database, vault), vault),
            receipt_url=f"{public_url}/receipts",
            cashier_url=f"{public_url}/cashier",
            refund_limit=settings.file.limits.refund_two_names_above,
        )
    )
