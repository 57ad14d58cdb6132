"""The conversation's view of contracts for deduction: offer and begin them, show a customer's own, and end one."""

from collections.abc import Sequence

from bot.billers.catalogue import Catalogue
from bot.billers.port import Refusal
from bot.customers.accounts import SavedAccount
from bot.dialogue.scene import Agreement
from bot.kernel.errors import NotFound
from bot.payments.contracts.accounts import ContractAccounts
from bot.payments.contracts.port import Autopay, Later, Plan, SignAsk, View


class ChatDeductions:
    """Implements ``bot.dialogue.scene.Deductions``; a customer never sees another customer's contract."""

    def __init__(self, autopay: Autopay, catalogue: Catalogue, accounts: ContractAccounts) -> None:
        self._autopay = autopay
        self._catalogue = catalogue
        self._accounts = accounts

    async def offers(self, item_id: str) -> Sequence[Plan]:
        return await self._autopay.offer(item_id)

    async def sign(
        self, customer_id: str, account: SavedAccount, *, gateway: str, channel: str, told_at: str, trace_id: str
    ) -> str | Refusal | None:
        answer = await self._autopay.sign(
            SignAsk(
                customer_id=customer_id,
                item_id=account.item_id,
                account=account.account,
                account_mask=account.account_mask,
                origin="chat",
                trace_id=trace_id,
                gateway=gateway,
                channel=channel,
                told_at=told_at,
            )
        )
        if isinstance(answer, Refusal):
            return answer
        # Before its owner can have signed: what is signed must have an account whose bills can be asked for.
        await self._accounts.keep(answer.contract_id, account.account, account.fields)
        if isinstance(answer, Later):
            return None
        return next((link for link in answer.handover.values() if link.startswith(("https://", "http://"))), None)

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
