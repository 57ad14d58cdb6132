"""The faculty of scanned codes for the scripted gateway: payers who type passwords, answers that get lost."""

from collections.abc import Mapping
from typing import Any, Final

from bot.kernel.masking import Secret
from bot.payments.facts import ChargeFact, ChargeRef, Closed, Declined, Missing, NewCharge, Paid, Unknown, Waiting
from bot.payments.faculties import CodePace
from tests.payments.scripted_gateway import ScriptedGateway, UpstreamCharge

PACE: Final = CodePace(ask_every=5, ask_for=30, reverse_after=15, reverse_within=7 * 86_400)
PAYS: Final = "134567890123456789"  # Pays at once.
TYPES: Final = "134567890123456780"  # The payer must type a password.
BROKE: Final = "134567890123456781"  # Declined.
EXPIRED: Final = "134567890123456782"


class ScriptedCodes:
    """Implements ``Codes`` over the books of a ``ScriptedGateway``; its script is keyed ``pay`` and ``reverse``."""

    pace = PACE

    def __init__(self, gateway: ScriptedGateway) -> None:
        self._gateway = gateway
        self.seen: list[str] = []

    async def pay(self, charge: NewCharge, auth_code: Secret) -> Paid | Waiting | Declined | Unknown:
        self.seen.append(auth_code.reveal())
        self._gateway.requests.append(charge)
        number = charge.out_trade_no
        answer: Any = await self._gateway._call("pay", number, lambda: self._pay(charge, auth_code.reveal()))
        return answer

    def _pay(self, charge: NewCharge, code: str) -> Paid | Waiting | Declined:
        refusals: Mapping[str, str] = {BROKE: "balance_too_low", EXPIRED: "code_expired"}
        if code in refusals:
            return Declined(refusals[code])
        self._gateway.charges.setdefault(charge.out_trade_no, UpstreamCharge(charge))
        return Waiting("USERPAYING") if code == TYPES else Paid(self._gateway.pay(charge.out_trade_no))

    async def reverse(self, charge: ChargeRef) -> ChargeFact:
        number = charge.out_trade_no
        answer: Any = await self._gateway._call("reverse", number, lambda: self._reverse(number))
        return answer

    def _reverse(self, number: str) -> ChargeFact:
        known = self._gateway.charges.get(number)
        if known is None:
            return Missing()
        was_paid, known.state, known.fact = known.fact is not None, "closed", None
        return Closed("REVOKED", was_paid=was_paid)
