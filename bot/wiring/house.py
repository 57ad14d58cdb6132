"""Every room of the house, opened in order and closed in reverse."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from bot.billers.catalogue import Catalogue
from bot.billers.directory import Billers
from bot.cases.actions import actions
from bot.cases.applications.book import Applications
from bot.cases.applications.deciding import ApplicationActions
from bot.cases.desk import Desk
from bot.channels.miniprogram.channel import MiniChannel
from bot.channels.miniprogram.client import MiniClient
from bot.channels.miniprogram.quota import WINDOWS as MINI_WINDOWS
from bot.channels.official.channel import OfficialChannel
from bot.channels.official.client import WeChatClient
from bot.channels.official.introductions import Introductions
from bot.channels.official.quota import Windows
from bot.channels.platform.media import MediaStore
from bot.channels.turns import Pace, Turns
from bot.customers.identities import Identities
from bot.dialogue.decoding import PictureReader
from bot.dialogue.engine import Engine
from bot.kernel.clock import Clock
from bot.outside.http import HttpClient, Seen
from bot.outside.metrics import Metrics
from bot.payments.ports import Gateway
from bot.payments.reconciliation.room import Reconciliation
from bot.payments.room import Payments
from bot.settings import Settings
from bot.storage import release
from bot.storage.database import connect
from bot.storage.ephemeral import connect as connect_ephemeral
from bot.storage.ephemeral_port import Ephemeral
from bot.storage.port import Database
from bot.storage.vault import Vault
from bot.trail.keys import keep_index
from bot.trail.traces import Traces
from bot.web.payers import WalletBook
from bot.wiring.payers import wallet_book
from bot.wiring.rooms import (
    Looking,
    apology,
    applications_room,
    billers_room,
    conversation,
    enqueue_all,
    gateway_factory,
    mini_program,
    official_account,
    payments_room,
    policy,
    reconciliation_terms,
    vault_of,
)

# How long turns under way may take to end when the process stops, in seconds.
_DRAIN: Final = 5.0


@dataclass(frozen=True, slots=True)
class House:
    """Every room, ready to be used by the web, the workers and the commands."""

    settings: Settings
    clock: Clock
    database: Database
    ephemeral: Ephemeral
    vault: Vault
    metrics: Metrics
    traces: Traces
    catalogue: Catalogue
    payments: Payments
    reconciliation: Reconciliation
    gateways: Mapping[str, Gateway]
    clients: Mapping[str, WeChatClient]
    channel: OfficialChannel
    windows: Windows
    mini_clients: Mapping[str, MiniClient]
    mini_channel: MiniChannel
    mini_windows: Windows
    identities: Identities
    wallets: WalletBook
    billers: Billers
    desk: Desk
    applications: Applications
    turns: Turns
    engine: Engine


@asynccontextmanager
async def open_house(settings: Settings, clock: Clock, *, seen: Seen | None = None) -> AsyncIterator[House]:
    """Build the house and, at the end, close what was opened, in reverse; ``seen`` is told of each call to others.

    Raises Misconfigured for a wrong configuration, for a database without this release's schema, and for one that was
    begun with other keys; makes no file.
    """
    async with AsyncExitStack() as stack:
        database = await connect(settings.environment.database_url, clock, make=False)
        stack.push_async_callback(database.close)
        await release.check(database)
        vault = vault_of(settings)
        await keep_index(database, vault, clock)
        ephemeral = await connect_ephemeral(settings.environment.redis_url, clock)
        stack.push_async_callback(ephemeral.close)
        metrics = Metrics()
        http = await HttpClient.create(clock, metrics=metrics, seen=seen)
        stack.push_async_callback(http.close)
        reader = PictureReader()
        stack.callback(reader.close)
        house = _built(settings, clock, database, ephemeral, vault, http, metrics, reader)
        for client in (*house.clients.values(), *house.mini_clients.values()):
            stack.push_async_callback(client.close)
        stack.push_async_callback(house.turns.close, _DRAIN)
        yield house


def _built(
    settings: Settings,
    clock: Clock,
    database: Database,
    ephemeral: Ephemeral,
    vault: Vault,
    http: HttpClient,
    metrics: Metrics,
    reader: PictureReader,
) -> House:
    traces = Traces(database, clock)
    catalogue = Catalogue(database, clock)
    billers = billers_room(settings, database, catalogue, vault, http, clock)
    gateways = {name: gateway_factory(name)(accounts, http, clock) for name, accounts in settings.file.gateways.items()}
    payments = payments_room(settings, clock, database, vault, gateways, billers)
    terms = reconciliation_terms(settings)
    accounts = [official_account(key, section, settings) for key, section in settings.file.official.items()]
    clients = {account.key: WeChatClient(account, http, ephemeral, clock) for account in accounts}
    windows = Windows(ephemeral)
    minis = [mini_program(key, section, settings) for key, section in settings.file.mini.items()]
    mini_clients = {program.key: MiniClient(program, http, ephemeral, clock) for program in minis}
    mini_windows = Windows(ephemeral, MINI_WINDOWS, channel="mini")
    identities = Identities(database, vault, clock)
    applications = applications_room(settings, database, vault, clock)
    engine = conversation(
        settings,
        clock,
        database,
        ephemeral,
        vault,
        traces,
        catalogue,
        billers,
        payments,
        identities,
        applications,
        Looking(MediaStore({**clients, **mini_clients}), reader),
        http,
    )
    # Only where there are two kinds of apps is there anything to link.
    answer = Introductions(engine.answer, identities, clients, ephemeral).answer if minis else engine.answer
    queue = partial(enqueue_all, database, vault, clock)
    turns = Turns(ephemeral, clock, answer, queue, apology, _pace(settings))
    return House(
        settings=settings,
        clock=clock,
        database=database,
        ephemeral=ephemeral,
        vault=vault,
        metrics=metrics,
        traces=traces,
        catalogue=catalogue,
        payments=payments,
        reconciliation=Reconciliation(database, clock, payments, terms),
        gateways=gateways,
        clients=clients,
        channel=OfficialChannel(accounts, turns, windows, ephemeral, clock),
        windows=windows,
        mini_clients=mini_clients,
        mini_channel=MiniChannel(minis, turns, mini_windows, ephemeral, clock),
        mini_windows=mini_windows,
        identities=identities,
        wallets=wallet_book(accounts, clients, settings, gateways),
        billers=billers,
        desk=Desk(database, actions(policy(settings), terms, ApplicationActions(applications.moving)), clock),
        applications=applications,
        turns=turns,
        engine=engine,
    )


def _pace(settings: Settings) -> Pace:
    deadlines = settings.file.deadlines
    # A captured message is fresh for one window on each side of its timestamp.
    return Pace(answer_within=deadlines.reply, remember=2 * deadlines.timestamp_window)
