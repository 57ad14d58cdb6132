"""Names the wallet that opened a page from its User-Agent, on the server, before anything is drawn.

A User-Agent is a claim, never a proof: it decides only which wallet's own sign-in starts, and that sign-in says who
pays. The tokens and the order in which they are tried are those of payments.md §4.3.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

# Real ones stay under 600 characters; what follows is not read, so that a hostile header costs a constant time.
USER_AGENT_CHARS_MAX: Final = 1024

CLOUD_PAY: Final = "CloudPay"
# App ids seen in the field. The set bounds metric labels; an app outside it is served all the same.
KNOWN_UNIONPAY_APPS: Final = frozenset({CLOUD_PAY, "CCBLoongPay", "BoComMDB", "PSBC", "JDJR"})


class Wallet(StrEnum):
    """What a page was opened in, or whose payment code was shown."""

    WECHAT = "wechat"
    WECOM = "wecom"  # 企业微信: its openid belongs to another account, so WeChat's JSAPI way is closed to it.
    WECHAT_MINI = "wechat_mini"  # A mini-program's web-view: pays through the mini-program, not the JS bridge.
    ALIPAY = "alipay"
    UNIONPAY = "unionpay"  # 云闪付 and the bank apps that carry UnionPay's token.
    BANK = "bankapp"  # 掌银: the operator's own bank's app, known by a word that the operator names.
    DESKTOP = "desktop"
    MOBILE = "mobile"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Visitor:
    """The wallet that opened a page; ``app`` is the UnionPay app id (``CloudPay``, ``PSBC`` …), else empty.

    ``identifier`` is UnionPay's whole ``app_up_identifier``, ``UnionPay/1.0 PSBC``, for the gateway to repeat.
    """

    wallet: Wallet
    app: str = ""
    identifier: str = field(default="", compare=False)

    @property
    def label(self) -> str:
        """Return a name from a small fixed set, fit for a metric although ``app`` is the visitor's own word."""
        if self.wallet is not Wallet.UNIONPAY:
            return self.wallet.value
        return f"unionpay:{self.app if self.app in KNOWN_UNIONPAY_APPS else 'other'}"


_WECHAT: Final = re.compile(r"MicroMessenger", re.ASCII | re.IGNORECASE)
_WECOM: Final = re.compile(r"\bwxwork\b", re.ASCII | re.IGNORECASE)
# A whole word: WeChat for desktop says ``MiniProgramEnv/Windows`` in its ordinary browser too.
_MINI: Final = re.compile(r"\bminiProgram\b", re.ASCII | re.IGNORECASE)
_UNIONPAY: Final = re.compile(r"\bUnionPay/[\d.]{1,16}(?: (\w{1,32}))?", re.ASCII)
_CLOUD_PAY: Final = re.compile(r"\bcom\.unionpay\.chsp\b", re.ASCII)
# ``AliApp(`` alone is every app of that group; only ``AP`` is the wallet.
_ALIPAY: Final = re.compile(r"\bAlipayClient\b|\bAliApp\(AP/", re.ASCII)
# HarmonyOS for computers names its form first and may still say Mobile later.
_DESKTOP_FIRST: Final = re.compile(r"\(PC; OpenHarmony", re.ASCII)
_MOBILE: Final = re.compile(r"\b(?:Mobile|Android|iPhone|iPad|iPod|OpenHarmony|HarmonyOS)\b", re.ASCII)
_DESKTOP: Final = re.compile(r"\b(?:Windows NT|Macintosh|X11|CrOS)\b", re.ASCII)


def read_user_agent(user_agent: str | None, bank_apps: Sequence[str] = ()) -> Visitor:
    """Return what opened the page; UNKNOWN for a missing or unrecognised header, never an error.

    ``bank_apps`` are words of the User-Agents of apps that the operator's own bank cashier serves. They go before
    UnionPay's, for such an app often carries both, and after WeChat's, which nobody else says.
    """
    text = (user_agent or "")[:USER_AGENT_CHARS_MAX]
    if _WECHAT.search(text):
        return Visitor(_kind_of_wechat(text))
    if any(word in text for word in bank_apps):
        return Visitor(Wallet.BANK)
    # Before Alipay: PSBC's header also carries words of Alipay's web container.
    if (app := _unionpay_app(text)) is not None:
        match = _UNIONPAY.search(text)
        return Visitor(Wallet.UNIONPAY, app, match[0] if match and match[1] else "")
    if _ALIPAY.search(text):
        return Visitor(Wallet.ALIPAY)
    return Visitor(_kind_of_browser(text))


def _kind_of_wechat(text: str) -> Wallet:
    if _WECOM.search(text):
        return Wallet.WECOM
    return Wallet.WECHAT_MINI if _MINI.search(text) else Wallet.WECHAT


def _unionpay_app(text: str) -> str | None:
    if _CLOUD_PAY.search(text):
        return CLOUD_PAY
    match = _UNIONPAY.search(text)
    return None if match is None else (match[1] or "")


def _kind_of_browser(text: str) -> Wallet:
    if _DESKTOP_FIRST.search(text):
        return Wallet.DESKTOP
    if _MOBILE.search(text):
        return Wallet.MOBILE
    return Wallet.DESKTOP if _DESKTOP.search(text) else Wallet.UNKNOWN
