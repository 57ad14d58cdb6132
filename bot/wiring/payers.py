"""Where payers go and who tells us who they are: the rules of routing, and every wallet's sign-in."""

from collections.abc import Mapping, Sequence

from bot.channels.official.account import OfficialAccount
from bot.channels.official.client import WeChatClient
from bot.channels.official.wallet import NAME as WECHAT
from bot.channels.official.wallet import WeChatWallet
from bot.gateways import ACQUIRES, SPENT_CODES, WALLETS, SignsIn, plain_code
from bot.kernel.clock import Clock
from bot.kernel.errors import Misconfigured
from bot.payments.facts import Way
from bot.payments.ports import Gateway, SignIn
from bot.payments.registry import Gateways
from bot.payments.routing import Health, Rule
from bot.settings import RouteSection, Settings
from bot.web.payers import WalletBook


def registry(settings: Settings, clock: Clock, gateways: Mapping[str, Gateway]) -> Gateways:
    """Return the gateways with the operator's rules; raises Misconfigured for a rule that nothing can follow."""
    wallets = {wallet: name for wallet, name in WALLETS.items() if name in gateways}
    faults = [fault for at, route in enumerate(settings.file.routes, 1) if (fault := _fault(at, route, gateways))]
    if faults:
        raise Misconfigured("routes", "\n".join(faults))
    rules = [_rule(route) for route in settings.file.routes]
    return Gateways(gateways, wallets, settings.environment.public_url, rules=rules, health=Health(clock))


def wallet_book(
    accounts: Sequence[OfficialAccount],
    clients: Mapping[str, WeChatClient],
    settings: Settings,
    gateways: Mapping[str, Gateway],
) -> WalletBook:
    """Let each wallet sign in the payers of the accounts that know them.

    An official account does so for the gateway accounts that its appid is bound to, other wallets for their own
    gateway's.
    """
    found: dict[tuple[str, str, str], SignIn] = {}
    for name, tables in settings.file.gateways.items():
        gateway = gateways[name]
        for key in tables:
            if isinstance(gateway, SignsIn):
                wallet = gateway.wallet(key)
                found[wallet.name, name, key] = SignIn(wallet, SPENT_CODES.get(wallet.name, plain_code))
            _, app_ids = gateway.owner(key)
            for account in accounts:
                if account.app_id in app_ids:
                    signer = WeChatWallet(account.app_id, clients[account.key])
                    found.setdefault((WECHAT, name, key), SignIn(signer, plain_code))
    return WalletBook(found)


def _fault(at: int, route: RouteSection, gateways: Mapping[str, Gateway]) -> str:
    """Return what is wrong with a rule, and the remedy; empty for one that can be followed."""
    place = f"[[routes]] number {at}"
    gateway = gateways.get(route.gateway)
    if gateway is None:
        return f"{place}: configure [gateways.{route.gateway}], or name one of: {', '.join(gateways) or 'none'}"
    own = {wallet for wallet, name in WALLETS.items() if name == route.gateway}
    able = own | ACQUIRES.get(route.gateway, frozenset())
    if route.wallet not in able:
        return f"{place}: {route.gateway} takes {', '.join(sorted(able)) or 'no wallet'}, not {route.wallet}"
    wrong = [way for way in route.ways if way not in gateway.can]
    return f"{place}: {route.gateway} cannot go the way {', '.join(wrong)}" if wrong else ""


def _rule(route: RouteSection) -> Rule:
    return Rule(
        wallet=route.wallet,
        gateway=route.gateway,
        merchants=frozenset(route.merchants),
        ways=frozenset(Way(way) for way in route.ways),
        minimum=route.minimum,
        maximum=route.maximum,
        cost=route.cost,
        priority=route.priority,
    )
