"""How each wallet pays at our pages: which way its gateway has to go, and whether the payer must be known first."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bot.payments.facts import Way
from qrcodes.wallet import Visitor, Wallet


@dataclass(frozen=True, slots=True)
class Manner:
    """One way to pay. ``signs_in``: the gateway asks for the payer's identity, so the wallet's sign-in goes first."""

    wallet: Wallet
    way: Way
    signs_in: bool = False


# Inside a wallet's own browser: by its bridge (WeChat, Alipay), or by a page of its own (UnionPay, a bank).
INSIDE: Final[Mapping[Wallet, Manner]] = {
    Wallet.WECHAT: Manner(Wallet.WECHAT, Way.JSAPI, signs_in=True),
    Wallet.ALIPAY: Manner(Wallet.ALIPAY, Way.JSAPI, signs_in=True),
    Wallet.UNIONPAY: Manner(Wallet.UNIONPAY, Way.JSAPI, signs_in=True),
    Wallet.BANK: Manner(Wallet.BANK, Way.REDIRECT),
}
# Where the bridge does not come, as in an old Alipay, the wallet's page for browsers does the same.
WITHOUT_BRIDGE: Final[Mapping[Wallet, Manner]] = {Wallet.ALIPAY: Manner(Wallet.ALIPAY, Way.H5)}
# What a phone's own browser is offered, in this order.
ON_A_PHONE: Final = (
    Manner(Wallet.WECHAT, Way.H5),
    Manner(Wallet.ALIPAY, Way.H5),
    Manner(Wallet.UNIONPAY, Way.H5),
    Manner(Wallet.BANK, Way.REDIRECT),
)
# The wallets' own codes that a desk can show beside ours.
AT_A_DESK: Final = (
    Manner(Wallet.WECHAT, Way.NATIVE),
    Manner(Wallet.ALIPAY, Way.NATIVE),
    Manner(Wallet.UNIONPAY, Way.NATIVE),
)
# Whoever scans our code with one of these is served by its own page.
SCANNING: Final = (Wallet.WECHAT, Wallet.ALIPAY, Wallet.UNIONPAY)
PHONES: Final = frozenset({Wallet.MOBILE, Wallet.UNKNOWN})
# The parameters by which a page of ours says what its visitor chose.
CHOSEN: Final = "with"
WAY: Final = "way"


def offered(visitor: Visitor) -> tuple[Manner, ...]:
    """Return what a visitor without a wallet's browser may choose from."""
    if visitor.wallet in PHONES:
        return ON_A_PHONE
    return AT_A_DESK if visitor.wallet is Wallet.DESKTOP else ()


def manner_of(visitor: Visitor, query: Mapping[str, str]) -> Manner | None:
    """Return how a visitor pays; None where that is not known or not possible in this browser.

    The User-Agent decides; what the page says besides only chooses among what that browser can do.
    """
    inside = INSIDE.get(visitor.wallet)
    if inside is not None:
        other = WITHOUT_BRIDGE.get(visitor.wallet)
        return other if other is not None and query.get(WAY) == other.way.value else inside
    chosen = query.get(CHOSEN)
    return next((manner for manner in offered(visitor) if manner.wallet.value == chosen), None)
