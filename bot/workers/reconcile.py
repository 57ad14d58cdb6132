"""Fetches bills and compares days when their time has come, and asks gateways what two names decided to ask."""

from collections.abc import Sequence
from typing import Final

from bot.jobs.port import Again, Done, Job
from bot.payments.reconciliation.dispositions import ASK
from bot.payments.reconciliation.room import Reconciliation
from bot.workers.rounds import Round

_EVERY: Final = 60.0
# One day at a time: a large one takes minutes, and other processes take the others.
_TAKEN: Final = 1


def reconcile_rounds(
    reconciliation: Reconciliation, accounts: Sequence[tuple[str, str]], every: float = _EVERY
) -> Sequence[Round]:
    """Return the rounds of the reconciliation for these (gateway, account); ``every`` is in seconds."""

    async def days() -> int:
        await reconciliation.plan(accounts)
        return await reconciliation.work(_TAKEN)

    return (Round("reconciliation", every, days, full=_TAKEN),)


class AskDeliverer:
    """Carries out a decision about a difference for which the gateway has to be asked."""

    kind = ASK

    def __init__(self, reconciliation: Reconciliation) -> None:
        self._reconciliation = reconciliation

    async def deliver(self, job: Job) -> Done | Again:
        answered = await self._reconciliation.ask(job.payload["difference_id"])
        return Done() if answered else Again("no_answer")
