"""The conversation's view of contracts for deduction: show a customer's own, and end one at a word."""

from collections.abc import Sequence

from bot.billers.catalogue import Catalogue
from bot.dialogue.scene import Agreement
from bot.kernel.errors import NotFound
from bot.payments.contracts.port import Autopay, View


class ChatDeductions:
    """Implements ``bot.dialogue.scene.Deductions``; a customer never sees another customer's contract."""

    def __init__(self, autopay: Autopay, catalogue: Catalogue) -> None:
        self._autopay = autopay
        self._catalogue = catalogue

    async def standing(self, customer_id: str) -> Sequence[Agreement]:
        return [await self._shown(view) for view in await self._autopay.state(customer_id) if view.state == "active"]

    async def stop(self, agreement_id: str, customer_id: str) -> bool:
        try:
            return await self._autopay.revoke(customer_id, agreement_id) in ("ending", "ended")
        except NotFound:
            return False

    async def _shown(self, view: View) -> Agreement:
        try:
            title = (await self._catalogue.item(view.item_id)).name
        except NotFound:
            # Its item is gone, yet its customer must be able to end it.
            title = view.item_id
        return Agreement(view.contract_id, title, view.account_mask, view.maximum)
