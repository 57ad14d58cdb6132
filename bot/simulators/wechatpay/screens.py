"""The payment codes on payers' screens, and what their owners will do when one is scanned."""

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from bot.simulators.wechatpay.wire import ApiError

Behaviour = Literal["pay", "password", "never", "cancel", "not_enough"]
BEHAVIOURS: tuple[Behaviour, ...] = ("pay", "password", "never", "cancel", "not_enough")
CODE_LIFE = timedelta(minutes=1)
KEPT_CODES = 10_000


@dataclass(slots=True)
class Shown:
    """A code on a payer's screen, good for one payment within a minute."""

    openid: str
    behaviour: Behaviour
    until: datetime
    used: bool = False


class Screens:
    """The codes that were shown. A well-formed code that nobody registered is the default payer's, who just pays."""

    def __init__(self) -> None:
        self._shown: OrderedDict[str, Shown] = OrderedDict()

    def show(self, openid: str, behaviour: Behaviour, now: datetime) -> str:
        """Make a fresh code."""
        code = "13" + str(secrets.randbelow(10**16)).zfill(16)
        self._keep(code, Shown(openid, behaviour, now + CODE_LIFE))
        return code

    def take(self, code: str, otherwise: str, now: datetime) -> Shown:
        """Use up a code; raises ApiError for one that is over or was used."""
        shown = self._shown.get(code)
        if shown is None:
            shown = Shown(otherwise, "pay", now + CODE_LIFE)
            self._keep(code, shown)
        if shown.used:
            raise ApiError(400, "AUTH_CODE_INVALID", "每个二维码仅限使用一次，请刷新再试")
        if now >= shown.until:
            raise ApiError(400, "AUTH_CODE_EXPIRED", "付款码已过期，请刷新再试")
        shown.used = True
        return shown

    def _keep(self, code: str, shown: Shown) -> None:
        self._shown[code] = shown
        if len(self._shown) > KEPT_CODES:
            self._shown.popitem(last=False)
