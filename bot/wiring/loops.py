"""What runs beside the web: the outbox, the rounds, the gateways' keys."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from bot.billers.items import HOSTED
from bot.cases.book import CaseOpener
from bot.channels.miniprogram.deliver import MiniDeliverer
from bot.channels.official.deliver import CustomDeliverer
from bot.customers.accounts import SavedAccounts
from bot.customers.reminders import Reminders
from bot.jobs.relay import DESK, Relay
from bot.jobs.schedule import BILLER, MESSAGE, NEVER_GIVE_UP, REFUND, SHARE, Schedule
from bot.payments import work
from bot.payments.contracts.accounts import ContractAccounts
from bot.payments.reconciliation.dispositions import ASK
from bot.wiring.house import House
from bot.wiring.rooms import enqueue_all
from bot.wiring.service import tickets_room
from bot.workers.applications import ApplicationNotice
from bot.workers.contracts import DeductionNotice, contract_rounds
from bot.workers.deliver import FulfilDeliverer, RefundDeliverer, RefundSumDeliverer, SurplusDeliverer, UndoDeliverer
from bot.workers.planning import DeductionPlanner, planning_rounds
from bot.workers.receipt import ReceiptDeliverer
from bot.workers.reconcile import AskDeliverer, reconcile_rounds
from bot.workers.reminding import ReminderDeliverer, ReminderScan, reminder_rounds
from bot.workers.rounds import Round, keep_running, run_rounds
from bot.workers.sharing import ShareDeliverer, ShareReturnDeliverer, sharing_rounds
from bot.workers.stock import stock_rounds
from bot.workers.sweep import sweep_rounds
from bot.workers.tickets import TicketNews, ticket_rounds
from bot.workers.upkeep import balance_rounds, key_rounds, retention_rounds, seal_rounds, token_rounds

# How long a start waits for the gateways' keys, in seconds.
_KEYS_WAIT: Final = 1.0

SCHEDULES: Final[Mapping[str, Schedule]] = {
    work.FULFIL: BILLER,
    work.UNDO: BILLER,
    work.REFUND_SUBMIT: REFUND,
    work.REFUND_SURPLUS: REFUND,
    work.REFUND_SUM: REFUND,
    work.CASE: NEVER_GIVE_UP,
    ASK: REFUND,
    work.SHARE: SHARE,
    work.SHARE_RETURN: REFUND,
    work.DEDUCTION_NOTICE: MESSAGE,
    ApplicationNotice.kind: MESSAGE,
    work.RECEIPT: MESSAGE,
    TicketNews.kind: MESSAGE,
    CustomDeliverer.kind: MESSAGE,
    ReminderDeliverer.kind: MESSAGE,
    MiniDeliverer.kind: MESSAGE,
}


def relay(house: House) -> Relay:
    """Return this process's share of the outbox."""
    payments = house.payments
    channel = CustomDeliverer(house.clients, house.windows, house.ephemeral, house.clock)
    queue = partial(enqueue_all, house.database, house.vault, house.clock)
    return Relay(
        house.database,
        (
            FulfilDeliverer(payments.fulfilment, house.traces),
            UndoDeliverer(payments.fulfilment, house.traces),
            RefundDeliverer(payments.refunds, house.traces),
            SurplusDeliverer(payments.refunds, house.traces),
            RefundSumDeliverer(payments.refund_sums, house.traces),
            ShareDeliverer(payments.shares, house.traces),
            ShareReturnDeliverer(payments.returns, house.traces),
            DeductionNotice(house.database, house.identities, queue),
            ApplicationNotice(house.database, house.identities, queue, house.applications),
            CaseOpener(house.database, house.clock),
            AskDeliverer(house.reconciliation),
            TicketNews(tickets_room(house.settings, house.database, house.vault), house.identities, queue, house.clock),
            ReceiptDeliverer(
                payments.receipts,
                payments.refunds,
                payments.orders,
                house.identities,
                queue,
                house.clock,
                house.settings.environment.public_url,
            ),
            channel,
            ReminderDeliverer(reminders(house), house.identities, channel, house.clock),
            MiniDeliverer(house.mini_clients, house.mini_windows, house.ephemeral, house.clock),
        ),
        house.clock,
        vault=house.vault,
        schedules=SCHEDULES,
        metrics=house.metrics,
        near=(HOSTED, DESK),
    )


def reminders(house: House) -> Reminders:
    """Return the book of who is reminded of what."""
    saved = SavedAccounts(house.database, house.vault, house.clock)
    return Reminders(house.database, house.vault, house.clock, saved)


def rounds(house: House) -> Sequence[Round]:
    """Return what a worker does again and again."""
    keep = house.settings.file.retention
    return (
        *sweep_rounds(house.payments.sweeper),
        *sharing_rounds(house.payments.sharing_sweep, house.payments.shares, house.payments.returns),
        *contract_rounds(house.payments.autopay_sweep, house.payments.contracts, house.payments.deductions),
        *reconcile_rounds(house.reconciliation, accounts_of(house)),
        *stock_rounds(house.database, house.clock),
        *ticket_rounds(house.database, house.clock),
        *planning_rounds(
            DeductionPlanner(
                ContractAccounts(house.database, house.vault, house.clock),
                house.payments.autopay,
                house.catalogue,
                house.billers,
                house.clock,
            )
        ),
        *reminder_rounds(
            ReminderScan(
                reminders(house),
                house.catalogue,
                house.billers,
                house.clock,
                house.settings.file.reminders.days_before,
            )
        ),
        *balance_rounds(house.database, house.clock),
        *seal_rounds(house.database, house.vault, house.clock),
        *retention_rounds(house.database, house.clock, keep.traces, keep.jobs),
        *token_rounds([client.refresh for client in (*house.clients.values(), *house.mini_clients.values())]),
    )


def accounts_of(house: House) -> list[tuple[str, str]]:
    """Return every (gateway, account) of the configuration."""
    return [(gateway, account) for gateway, accounts in house.settings.file.gateways.items() for account in accounts]


async def refresh_gateways(house: House) -> None:
    """Fetch the gateways' keys, all beside each other; what fails is tried again by the rounds."""
    await asyncio.gather(*(gateway.refresh() for gateway in house.gateways.values()))


async def run_worker(house: House) -> None:
    """Deliver, sweep and keep up until cancelled."""
    async with asyncio.TaskGroup() as group:
        group.create_task(relay(house).run(), name="relay")
        group.create_task(run_rounds(rounds(house), house.clock), name="rounds")


@asynccontextmanager
async def background(house: House, *, worker: bool) -> AsyncIterator[None]:
    """Write traces and keep the gateways' keys fresh; work the outbox too where this process is the only one.

    A moment is given to the first fetch of keys, for the sake of those that have none. One that takes longer goes on
    meanwhile: nothing is believed without a key, so what comes before it is repeated by others or asked for again.
    """
    keys = key_rounds([gateway.refresh for gateway in house.gateways.values()])
    jobs: dict[str, Callable[[], Awaitable[None]]] = {
        "traces": house.traces.run,
        "keys": partial(run_rounds, keys, house.clock),
    }
    if worker:
        jobs["worker"] = partial(run_worker, house)
    first = asyncio.create_task(refresh_gateways(house), name="first keys")
    tasks = [first]
    try:
        await asyncio.wait((first,), timeout=_KEYS_WAIT)
        tasks += [asyncio.create_task(keep_running(name, job, house.clock), name=name) for name, job in jobs.items()]
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
