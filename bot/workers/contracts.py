"""Asks about contracts, carries deductions on when their time has come, and writes to who will be debited."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from bot.channels.official import outbound
from bot.channels.official.inbound import CHANNEL
from bot.customers.identities import Identities
from bot.dialogue.reply import Part, Text
from bot.jobs.port import Done, Job, NewJob
from bot.payments import work
from bot.payments.contracts import rows
from bot.payments.contracts.contracts import Contracts
from bot.payments.contracts.deductions import Deductions
from bot.payments.contracts.sweep import ContractSweep
from bot.storage.port import Database
from bot.words.render import render_message
from bot.workers.rounds import Round, each_of

Enqueue = Callable[[Sequence[NewJob]], Awaitable[None]]

_TAKEN: Final = 50
_AT_ONCE: Final = 4
_EVERY: Final = 2.0


def contract_rounds(
    sweep: ContractSweep, contracts: Contracts, deductions: Deductions, every: float = _EVERY
) -> Sequence[Round]:
    """Return the rounds of contracts and deductions; ``every`` is in seconds."""

    async def signed() -> int:
        ids = await sweep.due_contracts(_TAKEN)
        await each_of(ids, contracts.ask, _AT_ONCE)
        return len(ids)

    async def deducted() -> int:
        ids = await sweep.due_deductions(_TAKEN)
        await each_of(ids, deductions.carry, _AT_ONCE)
        return len(ids)

    return (Round("contracts", every, signed, full=_TAKEN), Round("deductions", every, deducted, full=_TAKEN))


class DeductionNotice:
    """Tells a customer beforehand how much will be deducted, on which day, and how to stop it."""

    kind = work.DEDUCTION_NOTICE

    def __init__(self, database: Database, identities: Identities, enqueue: Enqueue) -> None:
        self._database = database
        self._identities = identities
        self._enqueue = enqueue

    async def deliver(self, job: Job) -> Done:
        """Queue the message; one that was called off meanwhile, or that nobody can be told, needs none."""
        deduction = await rows.deduction(self._database, job.payload["deduction_id"])
        contract = await rows.contract(self._database, deduction.contract_id) if deduction is not None else None
        if deduction is None or contract is None or deduction.state != "announced":
            return Done()
        if contract.channel != CHANNEL or contract.told_at is None:
            return Done()
        address = await self._identities.address(contract.customer_id, contract.channel, contract.told_at)
        if address is None:
            return Done()
        text = render_message(
            "deduction_notice",
            address.script,
            amount=deduction.amount,
            account=contract.account_mask,
            day=deduction.day.isoformat(),
        )
        parts: list[Part] = [Text(text)]
        key = f"{self.kind}:{job.key}"
        message = outbound.custom_job(address.account, address.subject, parts, key=key, trace_id=job.trace_id)
        await self._enqueue([message])
        return Done()
