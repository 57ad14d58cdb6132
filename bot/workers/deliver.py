"""The deliverers of the payment rooms' jobs, each a thin rim around one call."""

from bot.jobs.port import Again, Dead, Done, Job
from bot.kernel.errors import BotError, Conflict, NotFound
from bot.payments import work
from bot.payments.facts import RefundedSum
from bot.payments.fulfilment import Fulfilment, Wait
from bot.payments.refund_sums import RefundSums
from bot.payments.refunds import Refunds, Waiting
from bot.trail.port import Trail


class FulfilDeliverer:
    """Tells the biller of a paid line (销账)."""

    kind = work.FULFIL

    def __init__(self, fulfilment: Fulfilment, trail: Trail) -> None:
        self._fulfilment = fulfilment
        self._trail = trail

    async def deliver(self, job: Job) -> Done | Again | Dead:
        """Answer Again until the line is at its end; Dead for a line or item that is gone."""
        line_id = job.payload["line_id"]
        try:
            answer = await self._fulfilment.fulfil_line(line_id)
        except NotFound as fault:
            return Dead(fault.code)
        if isinstance(answer, Wait):
            self._trail.note(job.trace_id, "biller", f"{job.dest} told, waiting: {answer.reason}", {"line": line_id})
            return Again(answer.reason, answer.after)
        self._trail.note(job.trace_id, "biller", f"{job.dest} told: {answer.state}", {"line": line_id})
        return Done()


class UndoDeliverer:
    """Has the biller take a settled line back, so that its money can follow."""

    kind = work.UNDO

    def __init__(self, fulfilment: Fulfilment, trail: Trail) -> None:
        self._fulfilment = fulfilment
        self._trail = trail

    async def deliver(self, job: Job) -> Done | Again | Dead:
        """Answer Again until the biller has said yes or no; Dead for a line or item that is gone."""
        line_id = job.payload["line_id"]
        try:
            answer = await self._fulfilment.undo_line(line_id)
        except NotFound as fault:
            return Dead(fault.code)
        if isinstance(answer, Wait):
            self._trail.note(job.trace_id, "biller", f"{job.dest} to undo: {answer.reason}", {"line": line_id})
            return Again(answer.reason, answer.after)
        self._trail.note(job.trace_id, "biller", f"{job.dest} undone: {answer.state}", {"line": line_id})
        return Done()


class RefundDeliverer:
    """Brings an approved refund to its gateway; what happens to it there is the sweeper's and the notices' matter."""

    kind = work.REFUND_SUBMIT

    def __init__(self, refunds: Refunds, trail: Trail) -> None:
        self._refunds = refunds
        self._trail = trail

    async def deliver(self, job: Job) -> Done | Again | Dead:
        """Answer Again while something stands against the refund: a second name, or a biller."""
        refund_id = job.payload["refund_id"]
        try:
            answer = await self._refunds.submit(refund_id)
        except NotFound as fault:
            return Dead(fault.code)
        if isinstance(answer, Waiting):
            return Again(answer.reason, answer.after)
        self._trail.note(job.trace_id, "call", f"{job.dest} refund: {answer.state}", {"refund": refund_id})
        return Done()


class RefundSumDeliverer:
    """Finds out what a notice was about that told only the sum of a charge's refunds."""

    kind = work.REFUND_SUM

    def __init__(self, sums: RefundSums, trail: Trail) -> None:
        self._sums = sums
        self._trail = trail

    async def deliver(self, job: Job) -> Done | Again | Dead:
        """Answer Again while the gateway says nothing, or while the charge itself is under way."""
        told = RefundedSum(**job.payload["told"])
        answer = await self._sums.settle(job.payload["gateway"], job.payload["account"], told, job.trace_id)
        if isinstance(answer, Waiting):
            return Again(answer.reason, answer.after)
        self._trail.note(job.trace_id, "call", f"{job.dest} sum of refunds: {answer.state}", {})
        return Done()


class SurplusDeliverer:
    """Starts the refund of money that no order could take."""

    kind = work.REFUND_SURPLUS

    def __init__(self, refunds: Refunds, trail: Trail) -> None:
        self._refunds = refunds
        self._trail = trail

    async def deliver(self, job: Job) -> Done | Again | Dead:
        """Answer Done, too, when a person has applied the money meanwhile and nothing is left to give back."""
        try:
            refund = await self._refunds.surplus(job.payload["suspense_id"])
        except Conflict as moved:
            if moved.code != "suspense_state":
                return Again(moved.code)
            return Done()
        except BotError as fault:
            return Again(fault.code) if fault.retryable else Dead(fault.code)
        self._trail.note(job.trace_id, "call", f"{job.dest} surplus to be refunded", {"refund": refund.id})
        return Done()
