"""Puts the house together: the only place that knows every room, each built by a plain constructor."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from aiohttp import web

from bot.billers.catalogue import Catalogue
from bot.billers.connector import Connector
from bot.billers.directory import Billers
from bot.billers.hosted import HostedBiller
from bot.billers.items import HOSTED
from bot.billers.remote import RemoteBiller
from bot.cases.actions import actions
from bot.cases.book import CaseOpener
from bot.cases.desk import Desk
from bot.channels.official.account import OfficialAccount
from bot.channels.official.channel import OfficialChannel
from bot.channels.official.client import WeChatClient
from bot.channels.official.deliver import CustomDeliverer
from bot.channels.official.quota import Windows
from bot.channels.official.wallet import WeChatWallet
from bot.channels.turns import Pace, Turns
from bot.channels.wire.push import Format, Mode
from bot.customers.accounts import SavedAccounts
from bot.customers.identities import Identities
from bot.dialogue.after import AfterSales
from bot.dialogue.engine import Engine, Parts
from bot.dialogue.event import Event
from bot.dialogue.lookups import LookupGuard
from bot.dialogue.orders import ChatOrders
from bot.dialogue.reply import Reply, Text
from bot.dialogue.router import KeywordRouter
from bot.dialogue.scene import Scene
from bot.dialogue.session import Sessions
from bot.dialogue.talk import Talk
from bot.gateways import GATEWAYS, WALLETS, Factory
from bot.jobs.outbox import enqueue
from bot.jobs.port import NewJob
from bot.jobs.relay import DESK, Relay
from bot.jobs.schedule import BILLER, MESSAGE, NEVER_GIVE_UP, REFUND, Schedule
from bot.kernel.clock import Clock, SystemClock, business_day
from bot.kernel.errors import Misconfigured
from bot.kernel.masking import Secret
from bot.outside import logging
from bot.outside.http import HttpClient, Seen
from bot.outside.metrics import Metrics
from bot.payments import work
from bot.payments.facts import Notice
from bot.payments.policy import Policy
from bot.payments.ports import Gateway, Wallet
from bot.payments.registry import Gateways
from bot.payments.room import Means, Payments, furnish
from bot.settings import OfficialSection, Settings, load
from bot.storage.database import connect
from bot.storage.ephemeral import connect as connect_ephemeral
from bot.storage.ephemeral_port import Ephemeral
from bot.storage.port import Database, Tx
from bot.storage.vault import Vault
from bot.trail.traces import Traces
from bot.web.cashier import CashierDoor, CashierParts
from bot.web.health import HealthDoor
from bot.web.landing import LandingDoor, LandingParts
from bot.web.notify import NotifyDoor
from bot.web.payers import Payers, WalletBook
from bot.web.peers import Peers
from bot.web.receipts import ReceiptDoor
from bot.web.routes import Doors, build
from bot.web.visitors import Visitors
from bot.web.watch import OrderWatch
from bot.web.webhook import Webhook
from bot.words.render import render_message, say
from bot.workers.deliver import FulfilDeliverer, RefundDeliverer, SurplusDeliverer, UndoDeliverer
from bot.workers.receipt import ReceiptDeliverer
from bot.workers.rounds import Round, keep_running, run_rounds
from bot.workers.sweep import sweep_rounds
from bot.workers.upkeep import balance_rounds, key_rounds, seal_rounds, token_rounds

# How long turns under way may take to end when the process stops, in seconds.
_DRAIN: Final = 5.0

SCHEDULES: Final[Mapping[str, Schedule]] = {
    work.FULFIL: BILLER,
    work.UNDO: BILLER,
    work.REFUND_SUBMIT: REFUND,
    work.REFUND_SURPLUS: REFUND,
    work.CASE: NEVER_GIVE_UP,
    work.RECEIPT: MESSAGE,
    CustomDeliverer.kind: MESSAGE,
}


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
    gateways: Mapping[str, Gateway]
    clients: Mapping[str, WeChatClient]
    channel: OfficialChannel
    windows: Windows
    identities: Identities
    wallets: WalletBook
    billers: Billers
    desk: Desk
    turns: Turns
    engine: Engine


def scenes_of(packs: Sequence[str]) -> Mapping[str, Scene]:
    """Load the scenes of the configured packs; raises Misconfigured for a pack that is none or a key used twice."""
    found: dict[str, Scene] = {}
    for pack in packs:
        try:
            scenes: Sequence[Scene] = importlib.import_module(pack).SCENES
        except (ImportError, AttributeError) as fault:
            raise Misconfigured("scene_pack", f"{pack} is no scene pack: {fault}") from fault
        for scene in scenes:
            if scene.key in found:
                raise Misconfigured("scene_pack", f"two packs bring the scene {scene.key}")
            found[scene.key] = scene
    return found


def gateway_factory(name: str) -> Factory:
    """Return what builds the gateway of this name; raises Misconfigured for one that there is none of."""
    found = GATEWAYS.get(name)
    if found is None:
        raise Misconfigured("gateway_unknown", f"[gateways.{name}]: choose one of: {', '.join(GATEWAYS)}")
    return found


def vault_of(settings: Settings) -> Vault:
    """Return the vault over the configured keys; raises Misconfigured for keys that are too short or listed twice."""
    return Vault.from_secrets([Secret(key) for key in settings.secret_keys])


@asynccontextmanager
async def open_house(settings: Settings, clock: Clock, *, seen: Seen | None = None) -> AsyncIterator[House]:
    """Build the house and, at the end, close what was opened, in reverse; ``seen`` is told of each call to others."""
    async with AsyncExitStack() as stack:
        database = await connect(settings.environment.database_url, clock)
        stack.push_async_callback(database.close)
        ephemeral = await connect_ephemeral(settings.environment.redis_url, clock)
        stack.push_async_callback(ephemeral.close)
        metrics = Metrics()
        http = await HttpClient.create(clock, metrics=metrics, seen=seen)
        stack.push_async_callback(http.close)
        house = _built(settings, clock, database, ephemeral, http, metrics)
        for client in house.clients.values():
            stack.push_async_callback(client.close)
        stack.push_async_callback(house.turns.close, _DRAIN)
        yield house


def _built(
    settings: Settings, clock: Clock, database: Database, ephemeral: Ephemeral, http: HttpClient, metrics: Metrics
) -> House:
    vault = vault_of(settings)
    traces = Traces(database, clock)
    catalogue = Catalogue(database, clock)
    billers = _billers(settings, database, catalogue, vault, http, clock)
    gateways = {name: gateway_factory(name)(accounts, http, clock) for name, accounts in settings.file.gateways.items()}
    payments = _payments(settings, clock, database, vault, gateways, billers)
    accounts = [official_account(key, section, settings) for key, section in settings.file.official.items()]
    clients = {account.key: WeChatClient(account, http, ephemeral, clock) for account in accounts}
    windows = Windows(ephemeral)
    identities = Identities(database, vault, clock)
    engine = _engine(settings, clock, database, ephemeral, vault, traces, catalogue, billers, payments, identities)
    turns = Turns(
        ephemeral,
        clock,
        engine.answer,
        partial(enqueue_all, database, vault, clock),
        _apology,
        Pace(answer_within=settings.file.deadlines.reply),
    )
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
        gateways=gateways,
        clients=clients,
        channel=OfficialChannel(accounts, turns, windows, ephemeral, clock),
        windows=windows,
        identities=identities,
        wallets=_wallets(accounts, clients, settings, gateways),
        billers=billers,
        desk=Desk(database, actions(_policy(settings)), clock),
        turns=turns,
        engine=engine,
    )


def _billers(
    settings: Settings, database: Database, catalogue: Catalogue, vault: Vault, http: HttpClient, clock: Clock
) -> Billers:
    remote = {
        key: RemoteBiller(
            Connector(
                key,
                section.base_url,
                Secret(section.secret.get_secret_value()),
                http,
                clock,
                timeout=section.timeout,
            ),
            catalogue,
        )
        for key, section in settings.file.connectors.items()
    }
    return Billers(catalogue, HostedBiller(database, catalogue, vault, clock), remote)


def _payments(
    settings: Settings,
    clock: Clock,
    database: Database,
    vault: Vault,
    gateways: Mapping[str, Gateway],
    billers: Billers,
) -> Payments:
    wallets = {wallet: name for wallet, name in WALLETS.items() if name in gateways}
    return furnish(
        Means(
            database=database,
            clock=clock,
            vault=vault,
            gateways=Gateways(gateways, wallets, settings.environment.public_url),
            directory=billers,
            secret=settings.secret_keys[-1].encode(),
            policy=_policy(settings),
        )
    )


def _policy(settings: Settings) -> Policy:
    limits = settings.file.limits
    return Policy(order_max=limits.order_maximum, refund_alone_max=limits.refund_two_names_above)


def _engine(
    settings: Settings,
    clock: Clock,
    database: Database,
    ephemeral: Ephemeral,
    vault: Vault,
    traces: Traces,
    catalogue: Catalogue,
    billers: Billers,
    payments: Payments,
    identities: Identities,
) -> Engine:
    scenes = scenes_of(settings.file.scene_packs)
    public_url = settings.environment.public_url
    router = KeywordRouter(tuple(scenes.values()), lambda: business_day(clock.now()))
    talk = Talk(router, scenes, AfterSales(database, vault, f"{public_url}/receipts"), f"{public_url}/cashier")
    return Engine(
        Parts(
            sessions=Sessions(ephemeral, vault, clock),
            talk=talk,
            say=say,
            identities=identities,
            catalogue=catalogue,
            billers=billers,
            saved=SavedAccounts(database, vault, clock),
            orders=ChatOrders(payments.orders, payments.closing, database, clock),
            lookups=LookupGuard(ephemeral, vault, traces),
            database=database,
            trail=traces,
            clock=clock,
            scenes=scenes,
            merchants={key: section.merchants for key, section in settings.file.official.items()},
        )
    )


def official_account(key: str, section: OfficialSection, settings: Settings) -> OfficialAccount:
    """Return an account as the channel knows it."""
    keys = (section.aes_key, section.previous_aes_key)
    return OfficialAccount(
        key=key,
        app_id=section.appid,
        secret=Secret(section.secret.get_secret_value()),
        token=Secret(section.token.get_secret_value()),
        aes_keys=tuple(Secret(each.get_secret_value()) for each in keys if each is not None),
        mode=Mode(section.mode),
        format=Format(section.format),
        original_id=section.original_id,
        api_base=section.api_base,
        oauth_base=section.oauth_base,
        window=settings.file.deadlines.timestamp_window,
    )


def _wallets(
    accounts: Sequence[OfficialAccount],
    clients: Mapping[str, WeChatClient],
    settings: Settings,
    gateways: Mapping[str, Gateway],
) -> WalletBook:
    """Let each official account sign in the payers of the gateway accounts that its appid is bound to."""
    found: dict[tuple[str, str], Wallet] = {}
    for name, tables in settings.file.gateways.items():
        for key in tables:
            _, app_ids = gateways[name].owner(key)
            for account in accounts:
                if account.app_id in app_ids:
                    found.setdefault((name, key), WeChatWallet(account.app_id, clients[account.key]))
    return WalletBook(found)


def _apology(event: Event, fault: Exception) -> Reply:
    return Reply((Text(render_message("trouble", "zh_hans")),))


async def enqueue_all(database: Database, vault: Vault, clock: Clock, jobs: Sequence[NewJob]) -> None:
    """Put jobs into the outbox in a transaction of their own, for callers that have none."""

    async def insert(tx: Tx) -> None:
        await enqueue(tx, jobs, clock.now(), vault)

    await database.effect(insert)


def doors(house: House) -> Doors:
    """Build the handlers of all routes."""
    payments, public_url = house.payments, house.settings.environment.public_url
    pings: Mapping[str, Callable[[], Awaitable[None]]] = {
        "database": house.database.ping,
        "ephemeral": house.ephemeral.ping,
    }
    payers = Payers(
        house.database,
        payments.gateways,
        house.wallets,
        Visitors(house.ephemeral, house.vault, secure=public_url.startswith("https://")),
        public_url,
    )

    async def apply(gateway: str, notice: Notice, trace_id: str) -> str:
        credited = await payments.notices.take(gateway, notice, trace_id)
        return str(credited.outcome)

    return Doors(
        official=Webhook(house.channel, house.clock),
        notify=NotifyDoor(payments.gateways, apply, house.clock, house.metrics),
        landing=LandingDoor(
            LandingParts(
                database=house.database,
                ephemeral=house.ephemeral,
                catalogue=house.catalogue,
                billers=house.billers,
                orders=payments.orders,
                payers=payers,
                vault=house.vault,
                clock=house.clock,
                trail=house.traces,
            )
        ),
        cashier=CashierDoor(
            CashierParts(
                database=house.database,
                catalogue=house.catalogue,
                orders=payments.orders,
                charges=payments.charges,
                payers=payers,
                peers=Peers(house.settings.file.trusted_proxies),
                watch=OrderWatch(house.database, house.clock),
                trail=house.traces,
                clock=house.clock,
            )
        ),
        receipts=ReceiptDoor(payments.receipts, payments.orders),
        health=HealthDoor(pings, house.metrics),
    )


def application(house: House) -> web.Application:
    """Return the web application over an open house."""
    secure = house.settings.environment.public_url.startswith("https://")
    return build(doors(house), house.clock, house.metrics, secure=secure)


def relay(house: House) -> Relay:
    """Return this process's share of the outbox."""
    payments = house.payments
    queue = partial(enqueue_all, house.database, house.vault, house.clock)
    return Relay(
        house.database,
        (
            FulfilDeliverer(payments.fulfilment, house.traces),
            UndoDeliverer(payments.fulfilment, house.traces),
            RefundDeliverer(payments.refunds, house.traces),
            SurplusDeliverer(payments.refunds, house.traces),
            CaseOpener(house.database, house.clock),
            ReceiptDeliverer(
                payments.receipts,
                payments.refunds,
                payments.orders,
                house.identities,
                queue,
                house.clock,
                house.settings.environment.public_url,
            ),
            CustomDeliverer(house.clients, house.windows, house.ephemeral, house.clock),
        ),
        house.clock,
        vault=house.vault,
        schedules=SCHEDULES,
        metrics=house.metrics,
        near=(HOSTED, DESK),
    )


def rounds(house: House) -> Sequence[Round]:
    """Return what a worker does again and again."""
    return (
        *sweep_rounds(house.payments.sweeper),
        *balance_rounds(house.database, house.clock),
        *seal_rounds(house.database, house.vault, house.clock),
        *token_rounds([client.refresh for client in house.clients.values()]),
    )


async def refresh_gateways(house: House) -> None:
    """Fetch the gateways' keys once, before the first notice; what fails is tried again by the worker."""
    for gateway in house.gateways.values():
        await gateway.refresh()


async def run_worker(house: House) -> None:
    """Deliver, sweep and keep up until cancelled."""
    async with asyncio.TaskGroup() as group:
        group.create_task(relay(house).run(), name="relay")
        group.create_task(run_rounds(rounds(house), house.clock), name="rounds")


@asynccontextmanager
async def background(house: House, *, worker: bool) -> AsyncIterator[None]:
    """Write traces and keep the gateways' keys fresh; work the outbox too where this process is the only one."""
    keys = key_rounds([gateway.refresh for gateway in house.gateways.values()])
    jobs: dict[str, Callable[[], Awaitable[None]]] = {
        "traces": house.traces.run,
        "keys": partial(run_rounds, keys, house.clock),
    }
    if worker:
        jobs["worker"] = partial(run_worker, house)
    tasks = [asyncio.create_task(keep_running(name, job, house.clock), name=name) for name, job in jobs.items()]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def web_app() -> web.Application:
    """Return the application for gunicorn: the house opens with the server process and closes with it.

    Raises Misconfigured on SQLite or memory://, which several processes cannot share.
    """
    settings = load()
    if settings.alone:
        raise Misconfigured("alone", "run `python -m bot serve`, or set DATABASE_URL and REDIS_URL to servers")
    logging.configure(SystemClock())
    stack = AsyncExitStack()
    house = await stack.enter_async_context(open_house(settings, SystemClock()))
    await refresh_gateways(house)
    await stack.enter_async_context(background(house, worker=False))
    app = application(house)

    async def close(_: web.Application) -> None:
        await stack.aclose()

    app.on_cleanup.append(close)
    return app
