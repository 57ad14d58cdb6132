"""What is wrong with rules of routing and of deductions, by what they name: each with its remedy, for ``doctor``."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from bot.gateways import ACQUIRES, WALLETS
from bot.payments.facts import Way
from bot.settings import AutopaySection, ConfigFile, RouteSection
from bot.storage.port import Database

_MERCHANTS: Final = "SELECT id, gateways FROM merchants WHERE state = 'active'"
_ITEMS: Final = "SELECT id, merchant_id FROM bill_items WHERE state = 'active'"


@dataclass(frozen=True, slots=True)
class Named:
    """What rules may name. ``can`` has the gateways that could be built; who is wrong in itself has its own line.

    ``merchants`` are the accounts of each merchant by gateway, ``items`` the merchant of each item; None where the
    database did not answer.
    """

    can: Mapping[str, Collection[Way]]
    accounts: Mapping[str, Collection[str]]
    merchants: Mapping[str, Mapping[str, str]] | None = None
    items: Mapping[str, str] | None = None


async def merchants_of(database: Database) -> tuple[Mapping[str, Mapping[str, str]], Mapping[str, str]]:
    """Return every merchant's accounts by gateway, and the merchant of every item."""
    merchants = {row["id"]: json.loads(row["gateways"]) for row in await database.rows(_MERCHANTS)}
    return merchants, {row["id"]: row["merchant_id"] for row in await database.rows(_ITEMS)}


def route_faults(route: RouteSection, named: Named) -> Iterator[str]:
    """Say what of a rule cannot be followed."""
    if route.wallet not in WALLETS:
        yield f"there is no wallet {route.wallet}; name one of: {', '.join(WALLETS)}"
    if route.gateway not in named.accounts:
        yield _gateway_missing(route.gateway, named)
        return
    takes = {wallet for wallet, name in WALLETS.items() if name == route.gateway}
    takes |= ACQUIRES.get(route.gateway, frozenset())
    if route.wallet in WALLETS and route.wallet not in takes:
        yield f"{route.gateway} takes {', '.join(sorted(takes)) or 'no wallet'}, not {route.wallet}"
    can = named.can.get(route.gateway)
    wrong = [way for way in route.ways if can is not None and way not in can]
    if wrong:
        yield f"{route.gateway} cannot go the way {', '.join(wrong)}; take it out of ways"
    for merchant_id in route.merchants:
        yield from _merchant_faults(merchant_id, route.gateway, named)


def plan_faults(plan: AutopaySection, named: Named) -> Iterator[str]:
    """Say why nothing could be deducted by a plan."""
    if plan.gateway not in named.accounts:
        yield _gateway_missing(plan.gateway, named)
    elif plan.account not in named.accounts[plan.gateway]:
        yield f"configure [gateways.{plan.gateway}.{plan.account}], or name one of: {_listed(named, plan.gateway)}"
    can = named.can.get(plan.gateway)
    if can is not None and Way.CONTRACT not in can:
        able = sorted(name for name, ways in named.can.items() if Way.CONTRACT in ways)
        yield f"{plan.gateway} takes no deductions; name one of: {', '.join(able) or 'none that is configured'}"
    yield from _merchant_faults(plan.merchant_id, plan.gateway, named, plan.account)
    if plan.item_id and named.items is not None and named.items.get(plan.item_id) != plan.merchant_id:
        yield f"merchant {plan.merchant_id} has no item {plan.item_id}; leave item_id out for all of its items"


def lonely_wallets(file: ConfigFile) -> Iterator[str]:
    """Name the wallets whose payers nobody takes: no gateway of theirs is configured, and no rule leads elsewhere."""
    for wallet, own in WALLETS.items():
        ruled = any(route.wallet == wallet and route.gateway in file.gateways for route in file.routes)
        if own not in file.gateways and not ruled:
            yield wallet


def _merchant_faults(merchant_id: str, gateway: str, named: Named, account: str = "") -> Iterator[str]:
    if named.merchants is None:
        return
    accounts = named.merchants.get(merchant_id)
    if accounts is None:
        yield f"there is no active merchant {merchant_id}; import it first, or correct its id"
    elif gateway not in accounts:
        yield f"merchant {merchant_id} has no account at {gateway}; give it one, or leave it out of this rule"
    elif accounts[gateway] not in named.accounts.get(gateway, ()):
        yield f"merchant {merchant_id} is paid into [gateways.{gateway}.{accounts[gateway]}]; configure that"
    elif account and accounts[gateway] != account:
        yield f"merchant {merchant_id} is paid into {gateway} {accounts[gateway]}, not into {account}; name that"


def _gateway_missing(gateway: str, named: Named) -> str:
    return f"configure [gateways.{gateway}], or name one of: {', '.join(named.accounts) or 'none'}"


def _listed(named: Named, gateway: str) -> str:
    return ", ".join(named.accounts[gateway]) or "none"
