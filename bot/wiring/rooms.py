"""What each room of the house is built from: settings in, ready rooms out."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bot.billers.catalogue import Catalogue
from bot.billers.connector import Connector
from bot.billers.directory import Billers
from bot.billers.hosted import HostedBiller
from bot.billers.items import STOCK
from bot.billers.port import SceneBiller
from bot.billers.remote import RemoteBiller
from bot.billers.stock.biller import StockBiller
from bot.cases.applications.book import Applications
from bot.cases.trade.rates import Terms as TradeTerms
from bot.channels.miniprogram.account import MiniProgram
from bot.channels.official.account import OfficialAccount
from bot.channels.wire.push import Format, Mode
from bot.customers.accounts import SavedAccounts
from bot.customers.identities import Identities
from bot.customers.reminders import Reminders
from bot.dialogue.deductions import ChatDeductions
from bot.dialogue.engine import Engine, Parts
from bot.dialogue.event import Event
from bot.dialogue.fallback import Doubts, Fallback
from bot.dialogue.learned import LearnedRouter
from bot.dialogue.lookups import LookupGuard
from bot.dialogue.orders import ChatOrders
from bot.dialogue.pictures import Media, Pictures, Reader
from bot.dialogue.reply import Reply, Text
from bot.dialogue.scene import Scene
from bot.dialogue.session import Sessions
from bot.dialogue.talk import Talk
from bot.gateways import GATEWAYS, Factory
from bot.jobs.outbox import enqueue
from bot.jobs.port import NewJob
from bot.kernel.clock import Clock, business_day
from bot.kernel.errors import Misconfigured
from bot.kernel.masking import Secret
from bot.outside.http import HttpClient
from bot.payments.contracts.accounts import ContractAccounts
from bot.payments.contracts.port import Plan
from bot.payments.policy import Policy
from bot.payments.ports import Gateway
from bot.payments.reconciliation.days import FeeTerms, Terms
from bot.payments.room import Means, Payments, furnish
from bot.settings import FallbackSection, MiniSection, OfficialSection, Settings
from bot.storage.ephemeral_port import Ephemeral
from bot.storage.port import Database, Tx
from bot.storage.vault import Vault
from bot.trail.traces import Traces
from bot.wiring.payers import registry
from bot.wiring.service import after_sales
from bot.words.render import render_message, say

App = TypeVar("App", OfficialAccount, MiniProgram)


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


def policy(settings: Settings) -> Policy:
    limits = settings.file.limits
    return Policy(
        order_max=limits.order_maximum,
        refund_alone_max=limits.refund_two_names_above,
        share_cap_max=limits.share_cap,
    )


def reconciliation_terms(settings: Settings) -> Terms:
    """Return what is agreed about fees; a rate is kept in millionths, so that no float comes near money."""
    fees = {
        (gateway, account): FeeTerms(
            rate=None if section.fee_rate is None else int(section.fee_rate * 1_000_000), returned=section.fee_returned
        )
        for gateway, sections in settings.file.reconciliation.items()
        for account, section in sections.items()
    }
    return Terms(fees=fees)


def autopay_plans(settings: Settings) -> Sequence[Plan]:
    """Return what customers may have deducted; raises Misconfigured for a gateway account that is not configured."""
    plans = [Plan(**section.model_dump()) for section in settings.file.autopay]
    for plan in plans:
        if plan.account not in settings.file.gateways.get(plan.gateway, {}):
            raise Misconfigured("autopay", f"[[autopay]]: there is no [gateways.{plan.gateway}.{plan.account}]")
    return plans


def billers_room(
    settings: Settings, database: Database, catalogue: Catalogue, vault: Vault, http: HttpClient, clock: Clock
) -> Billers:
    remote: dict[str, SceneBiller] = {
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
    own = {STOCK: StockBiller(database, catalogue, vault, clock)}
    return Billers(catalogue, HostedBiller(database, catalogue, vault, clock), remote | own)


def applications_room(settings: Settings, database: Database, vault: Vault, clock: Clock) -> Applications:
    """Return the room of applications, with all that the scenes of this operator let apply for."""
    kinds = [kind for scene in scenes_of(settings.file.scene_packs).values() for kind in scene.kinds]
    return Applications(database, vault, clock, kinds, TradeTerms(**settings.file.trade.model_dump()))


def payments_room(
    settings: Settings,
    clock: Clock,
    database: Database,
    vault: Vault,
    gateways: Mapping[str, Gateway],
    billers: Billers,
) -> Payments:
    return furnish(
        Means(
            database=database,
            clock=clock,
            vault=vault,
            gateways=registry(settings, clock, gateways),
            directory=billers,
            secret=settings.secret_keys[-1].encode(),
            policy=policy(settings),
            fees=reconciliation_terms(settings).fees,
            autopay=autopay_plans(settings),
        )
    )


@dataclass(frozen=True, slots=True)
class Looking:
    """How pictures are fetched and read."""

    media: Media
    reader: Reader


def conversation(
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
    applications: Applications,
    looking: Looking,
    http: HttpClient,
) -> Engine:
    file = settings.file
    scenes = scenes_of(file.scene_packs)
    public_url = settings.environment.public_url
    router = LearnedRouter(tuple(scenes.values()), lambda: business_day(clock.now()))
    after = after_sales(settings, clock, database, vault, payments)
    saved = SavedAccounts(database, vault, clock)
    days = settings.file.reminders.days_before
    talk = Talk(router, scenes, after, f"{public_url}/cashier", f"{public_url}/receipts", days)
    return Engine(
        Parts(
            sessions=Sessions(ephemeral, vault, clock),
            talk=talk,
            say=say,
            identities=identities,
            catalogue=catalogue,
            billers=billers,
            saved=saved,
            reminders=Reminders(database, vault, clock, saved),
            orders=ChatOrders(payments.orders, payments.closing, database, clock),
            deductions=ChatDeductions(payments.autopay, catalogue, ContractAccounts(database, vault, clock)),
            lookups=LookupGuard(ephemeral, vault, traces),
            applications=applications,
            database=database,
            trail=traces,
            clock=clock,
            scenes=scenes,
            merchants={key: section.merchants for key, section in {**file.official, **file.mini}.items()},
            pictures=Pictures(looking.media, looking.reader, database, catalogue, scenes, public_url),
            doubts=_doubts(file.router_fallback, http, router.threshold),
        )
    )


def _doubts(section: FallbackSection | None, http: HttpClient, threshold: float) -> Doubts | None:
    """Return who is asked where the router is not sure; None where the operator names nobody."""
    if section is None:
        return None
    key = section.api_key
    secret = None if key is None else Secret(key.get_secret_value())
    return Doubts(Fallback(http, section.base_url, section.model, secret), threshold)


def official_account(key: str, section: OfficialSection, settings: Settings) -> OfficialAccount:
    """Return an account as the channel knows it."""
    return _wechat_app(OfficialAccount, key, section, settings, oauth_base=section.oauth_base)


def mini_program(key: str, section: MiniSection, settings: Settings) -> MiniProgram:
    """Return a mini-program as its channel knows it."""
    return _wechat_app(MiniProgram, key, section, settings)


def _wechat_app(
    make: Callable[..., App], key: str, section: OfficialSection | MiniSection, settings: Settings, **more: str
) -> App:
    keys = (section.aes_key, section.previous_aes_key)
    return make(
        key=key,
        app_id=section.appid,
        secret=Secret(section.secret.get_secret_value()),
        token=Secret(section.token.get_secret_value()),
        aes_keys=tuple(Secret(each.get_secret_value()) for each in keys if each is not None),
        mode=Mode(section.mode),
        format=Format(section.format) if section.format else None,
        original_id=section.original_id,
        api_base=section.api_base,
        window=settings.file.deadlines.timestamp_window,
        **more,
    )


def apology(event: Event, fault: Exception) -> Reply:
    return Reply((Text(render_message("trouble", "zh_hans")),))


async def enqueue_all(database: Database, vault: Vault, clock: Clock, jobs: Sequence[NewJob]) -> None:
    """Put jobs into the outbox in a transaction of their own, for callers that have none."""

    async def insert(tx: Tx) -> None:
        await enqueue(tx, jobs, clock.now(), vault)

    await database.effect(insert)
