"""Asks for the bills of accounts under contract, and plans an announced deduction for each that becomes due."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from bot.billers.catalogue import Catalogue
from bot.billers.items import BillItem
from bot.billers.port import Bill, BillQuery, Directory, Found, Later, Line
from bot.kernel.clock import Clock, business_day
from bot.kernel.errors import NotFound
from bot.outside.logging import get_logger
from bot.payments.contracts.accounts import ContractAccount, ContractAccounts
from bot.payments.contracts.port import Autopay, Due
from bot.workers.rounds import Round

log = get_logger(__name__)

_TAKEN: Final = 50
_EVERY: Final = 60.0
_LEASE: Final = timedelta(minutes=10)
_DAILY: Final = timedelta(days=1)
_SOON: Final = timedelta(hours=1)
_OVER: Final = frozenset({"ended", "failed"})
# A bill is planned for when it is due within so many days, and taken so many days before.
_AHEAD: Final = timedelta(days=10)
_BEFORE: Final = timedelta(days=2)
# One a period is all that a contract allows; the next in line is tried where the first cannot be taken.
_TRIED: Final = 3


class DeductionPlanner:
    """Looks at accounts under contract, a bounded page at a time; the contract's own rules say what is planned."""

    def __init__(
        self, accounts: ContractAccounts, autopay: Autopay, catalogue: Catalogue, directory: Directory, clock: Clock
    ) -> None:
        self._accounts = accounts
        self._autopay = autopay
        self._catalogue = catalogue
        self._directory = directory
        self._clock = clock

    async def round(self) -> int:
        """Look at one page of accounts; return how many there were."""
        found = await self._accounts.due(_TAKEN)
        for account in found:
            if await self._accounts.take(account, self._clock.now() + _LEASE):
                await self._look(account)
        return len(found)

    async def _look(self, account: ContractAccount) -> None:
        if account.state in _OVER:
            await self._accounts.forget(account.contract_id)
            return
        pause = await self._planned(account) if account.state == "active" else _SOON
        await self._accounts.look_again(account.contract_id, self._clock.now() + pause)

    async def _planned(self, account: ContractAccount) -> timedelta:
        """Plan what is due of one account; return how long it may rest."""
        try:
            item = await self._catalogue.item(account.item_id)
            biller = await self._directory.biller(account.item_id)
        except NotFound:
            return _DAILY
        query = BillQuery(account.item_id, account.account, account.fields, trace_id=account.trace_id)
        answer = await biller.find(query)
        if isinstance(answer, Later):
            return _SOON
        bills = answer.bills if isinstance(answer, Found) else ()
        today = business_day(self._clock.now())
        for bill in sorted(filter(lambda bill: _near(bill, today), bills), key=_order)[:_TRIED]:
            day = max(today, bill.due_on - _BEFORE) if bill.due_on is not None else today
            told = await self._autopay.due(account.contract_id, _line(item, account, bill), day)
            if isinstance(told, Due):
                log.info("deductions.planned", deduction=told.deduction_id, trace_id=account.trace_id)
                break
            if told.code != "over_contract":
                break
            log.info("deductions.over_cap", contract=account.contract_id, trace_id=account.trace_id)
        return _DAILY


def _near(bill: Bill, today: date) -> bool:
    """Tell whether a bill is to be planned: owed, in nobody's payment, and due before long."""
    return bill.total > 0 and bill.held_by is None and (bill.due_on is None or bill.due_on - today <= _AHEAD)


def _order(bill: Bill) -> tuple[str, str]:
    return (bill.due_on.isoformat() if bill.due_on is not None else "", bill.period or "")


def _line(item: BillItem, account: ContractAccount, bill: Bill) -> Line:
    title = f"{item.name} {bill.period or bill.title}".strip()
    return Line(
        item.id, bill.total, title, account.account, account.account_mask, bill, bill.period, dict(account.fields)
    )


def planning_rounds(planner: DeductionPlanner, every: float = _EVERY) -> Sequence[Round]:
    """Return the round that plans deductions; ``every`` is in seconds."""
    return (Round("deduction planning", every, planner.round, full=_TAKEN),)
