"""What the books are given by an application: its facts in clear, the bank's terms and the present moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from bot.cases.trade.rates import Terms
from bot.kernel.clock import business_day
from bot.kernel.errors import Conflict
from bot.storage.vault import Vault


class Unfit(Conflict):
    """The books do not allow it now; ``code`` names the message that says why and ``facts`` are its values."""


@dataclass(frozen=True, slots=True)
class Matter:
    """One application as its kind's functions see it, inside the transaction that moves it.

    ``facts`` are what the customer gave, in canonical form; amounts are fen as digits. ``reference`` is the answer of
    the bank's own system once there is one.
    """

    application_id: str
    customer_id: str
    kind: str
    facts: Mapping[str, str] = field(repr=False)
    trace_id: str
    vault: Vault
    terms: Terms
    now: datetime
    reference: str = ""

    @property
    def today(self) -> date:
        return business_day(self.now)

    def blind(self, what: str, value: str) -> str:
        """Return the blinded form by which the books find a number again."""
        return self.vault.blind(value, f"trade.{what}")
