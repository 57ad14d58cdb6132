"""The port that scenes use, over the rooms of contracts and deductions."""

from collections.abc import Sequence
from datetime import date

from bot.billers.port import Line, Refusal
from bot.payments.contracts.contracts import Contracts
from bot.payments.contracts.deductions import Deductions
from bot.payments.contracts.port import Due, Later, Plan, SignAsk, Signing, View


class Deducting:
    """See ``port.Autopay``."""

    def __init__(self, contracts: Contracts, deductions: Deductions) -> None:
        self._contracts = contracts
        self._deductions = deductions

    async def offer(self, item_id: str) -> Sequence[Plan]:
        return await self._contracts.offer(item_id)

    async def sign(self, ask: SignAsk) -> Signing | Later | Refusal:
        return await self._contracts.sign(ask)

    async def state(self, customer_id: str) -> Sequence[View]:
        return await self._contracts.state(customer_id)

    async def revoke(self, customer_id: str, contract_id: str) -> str:
        return await self._contracts.revoke(customer_id, contract_id)

    async def due(self, contract_id: str, line: Line, day: date) -> Due | Refusal:
        return await self._deductions.due(contract_id, line, day)
