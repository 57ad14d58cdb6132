"""Puts the payment rooms together over one database, so that wiring makes one call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.billers.port import Directory
from bot.kernel.clock import Clock
from bot.payments.charges import Charges
from bot.payments.closing import Closing
from bot.payments.contracts.autopay import Deducting
from bot.payments.contracts.charging import Charging
from bot.payments.contracts.contracts import Contracts
from bot.payments.contracts.deductions import Deductions
from bot.payments.contracts.port import Autopay, Plan
from bot.payments.contracts.sweep import ContractSweep
from bot.payments.credit import Credits
from bot.payments.due import Due
from bot.payments.fulfilment import Fulfilment
from bot.payments.gatekeeper import Gatekeeper, OrderLimit
from bot.payments.notices import Notices
from bot.payments.orders import Orders
from bot.payments.policy import Policy
from bot.payments.receipts import Receipts
from bot.payments.reconciliation.days import FeeTerms
from bot.payments.refund_sums import RefundSums
from bot.payments.refunds import Refunds
from bot.payments.registry import Gateways
from bot.payments.scanned import Scanned
from bot.payments.sharing.returning import Returns
from bot.payments.sharing.settlement import Settlements
from bot.payments.sharing.shares import Shares
from bot.payments.sharing.sweep import SharingSweep
from bot.payments.sweep import Sweeper
from bot.payments.till import Till
from bot.payments.upstream import Upstream
from bot.storage.port import Database
from bot.storage.vault import Vault


@dataclass(frozen=True, slots=True)
class Means:
    """What the payment rooms are made of. ``secret`` is the operator's SECRET_KEY, from which receipts are proved."""

    database: Database
    clock: Clock
    vault: Vault
    gateways: Gateways
    directory: Directory
    secret: bytes
    policy: Policy = field(default_factory=Policy)
    gatekeeper: Gatekeeper | None = None
    # What is agreed about fees, by (gateway, account): no share is taken from what the gateway keeps.
    fees: Mapping[tuple[str, str], FeeTerms] = field(default_factory=dict)
    # What may be deducted by contract, and where.
    autopay: Sequence[Plan] = ()


@dataclass(frozen=True, slots=True)
class Payments:
    """The rooms, ready to use."""

    orders: Orders
    charges: Charges
    credits: Credits
    notices: Notices
    closing: Closing
    refunds: Refunds
    refund_sums: RefundSums
    fulfilment: Fulfilment
    sweeper: Sweeper
    receipts: Receipts
    upstream: Upstream
    scanned: Scanned
    till: Till
    shares: Shares
    returns: Returns
    sharing_sweep: SharingSweep
    settlements: Settlements
    contracts: Contracts
    deductions: Deductions
    autopay: Autopay
    autopay_sweep: ContractSweep
    gateways: Gateways


def furnish(means: Means) -> Payments:
    """Build all rooms; without a gatekeeper the policy's limit per order is the only one."""
    database, clock, vault, policy = means.database, means.clock, means.vault, means.policy
    gatekeeper = means.gatekeeper or OrderLimit(policy.order_max)
    orders = Orders(database, clock, vault, gatekeeper)
    crediting = Credits(database, clock, means.gateways)
    upstream = Upstream(database, clock, vault, means.gateways, crediting, policy)
    scanned = Scanned(database, clock, vault, means.gateways, upstream, policy)
    refunds = Refunds(database, clock, means.gateways, policy)
    sums = RefundSums(database, clock, means.gateways, refunds)
    closing = Closing(database, clock)
    due = Due(database, clock, policy)
    contracts = Contracts(database, clock, vault, means.gateways, means.autopay)
    charging = Charging(database, clock, vault, means.gateways, upstream, policy)
    deductions = Deductions(database, clock, vault, means.gateways, means.directory, orders, charging)
    shares = Shares(database, clock, vault, means.gateways, means.fees)
    returns = Returns(database, clock, vault, means.gateways)
    return Payments(
        orders=orders,
        charges=Charges(database, clock, vault, means.gateways, upstream, policy),
        credits=crediting,
        notices=Notices(database, clock, crediting, refunds, sums, contracts),
        closing=closing,
        refunds=refunds,
        refund_sums=sums,
        fulfilment=Fulfilment(database, clock, orders, means.directory, policy),
        sweeper=Sweeper(database, upstream, closing, refunds, due, scanned, charging),
        receipts=Receipts(database, means.secret),
        upstream=upstream,
        scanned=scanned,
        till=Till(database, clock, vault, means.gateways, means.directory, orders, scanned),
        shares=shares,
        returns=returns,
        sharing_sweep=SharingSweep(due),
        contracts=contracts,
        deductions=deductions,
        autopay=Deducting(contracts, deductions),
        autopay_sweep=ContractSweep(due),
        settlements=Settlements(database, means.fees),
        gateways=means.gateways,
    )
