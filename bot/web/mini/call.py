"""One call of the mini API as its handler sees it, and how a business no becomes an answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from jinja2 import UndefinedError

from bot.billers.port import Refusal
from bot.channels.miniprogram.client import MiniClient
from bot.kernel.clock import SHANGHAI
from bot.kernel.errors import Conflict, Unauthorized
from bot.web.mini.models import Ask
from bot.web.mini.sessions import Session
from bot.words.render import has_message, render_message
from bot.words.scripts import Script

Asked = TypeVar("Asked", bound=Ask)


@dataclass(frozen=True, slots=True)
class Program:
    """A mini-program as the API knows it. Empty ``merchants`` are all; ``cities`` name those of one city only."""

    key: str
    app_id: str
    client: MiniClient
    merchants: Sequence[str]
    cities: Mapping[str, Sequence[str]]

    def shows(self, merchant_id: str, city: str = "") -> bool:
        """Tell whether a merchant is shown here, and in this city where one is named."""
        if self.merchants and merchant_id not in self.merchants:
            return False
        local = any(merchant_id in merchants for merchants in self.cities.values())
        return not city or not local or merchant_id in self.cities.get(city, ())


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler is given; ``id`` is the one in the path."""

    asked: Ask
    id: str
    trace_id: str
    address: str
    caller: Session | None = None

    @property
    def session(self) -> Session:
        """Who calls; the door lets nobody else in, so its absence is Unauthorized."""
        if self.caller is None:
            raise Unauthorized("signed_out")
        return self.caller

    def ask(self, shape: type[Asked]) -> Asked:
        """Return the request, which the door has checked against the table."""
        if not isinstance(self.asked, shape):
            raise TypeError(f"the table promises another model than {shape.__name__}")
        return self.asked


class Declined(Conflict):
    """An explicit no of the business; ``message`` is for the customer."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.message = message


def declined(refusal: Refusal) -> Declined:
    """Return a refusal in the words of the conversation; its facts stay here, for they may name another's order."""
    return Declined(refusal.code, words(refusal.code, refusal.facts))


def words(code: str, facts: Mapping[str, str | int]) -> str:
    """Return the conversation's words for a code, or the code where it has none for these facts."""
    for name in (f"refused_{code}", code):
        try:
            if has_message(name):
                return render_message(name, Script.ZH_HANS, **facts)
        except UndefinedError:
            continue
    return code


def moment(at: datetime) -> str:
    return at.astimezone(SHANGHAI).isoformat(timespec="seconds")
