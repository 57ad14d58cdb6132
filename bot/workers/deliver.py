"""The deliverers of the payment rooms' jobs, each a thin rim around one call."""

from bot.jobs.port import Again, Dead, Done, Job
from bot.kernel.errors import BotError, Conflict, NotFound
from bot.payments import work
from bot.payments.fulfilment import Fulfilment, Wait
from bot.payments.refunds import Refunds, Waiting
from bot.trail.port import Trail


class FulfilDeliverer:
    """Tells the biller of a paid line (销账)."""

    kind = work.FULFIL

    def __init__(self, fulfilment: Fulfilment, trail: Trail) -> None:
        self._fulfilment = fulfilment
        self._trail = trail

    async def deliver(self, job: Job) -> Done | Again | Dead:
        try:
            answer = await self._fulfilment.fulfil_line(job.payload["line_id"])
        except NotFound as fault:
            return Dead(fault.code)
        if isinstance(answer, Wait):
            self._trail.note(job.trace_id, "biller", f"{job.dest} asked to wait", {"line": job.key})
            return Again("waiting for the biller", answer.after)
        self._trail.note(job.trace_id, "biller", f"{job.dest} told: {answer.state}", {"line": job.key})
        return Done()


class UndoDeliverer:
    """Has the biller take a settled line back, so that its money can follow."""

    kind = work.UNDO

    def __init__(self, fulfilment: Fulfilment, trail: Trail) -> None:
        self._fulfilment = fulfilment
        self._trail = trail

    async def deliver(self, job: Job) -> Done | Again | Dead:
        try:
            answer = await self._fulfilment.undo_line(job.payload["line_id"])
        except NotFound as fault:
            return Dead(fault.code)
        if isinstance(answer, Wait):
            return Again("waiting for the biller", answer.after)
        self._trail.note(job.trace_id, "biller", f"{job.dest} undone: {answer.state}", {"line": job.key})
        return Done()


class RefundDeliverer:
    """Brings an approved refund to its gateway; what happens to it there is the sweeper's and the notices' matter."""

    kind = work.REFUND_SUBMIT

    def __init__(self, refunds: Refunds, trail: Trail) -> None:
        self._refunds = refunds
        self._trail = trail

    async def deliver(self, job: Job) -> Done | Again | Dead:
        try:
            answer = await self._refunds.submit(job.payload["refund_id"])
        except NotFound as fault:
            return Dead(fault.code)
        if isinstance(answer, Waiting):
            return Again(answer.reason, answer.after)
        self._trail.note(job.trace_id, "call", f"refund {answer.state}", {"refund": job.payload["refund_id"]})
        return Done()


class SurplusDeliverer:
    """Starts the refund of money that no order could take."""

    kind = work.REFUND_SURPLUS

    def __init__(self, refunds: Refunds) -> None:
        self._refunds = refunds

    async def deliver(self, job: Job) -> Done | Again | Dead:
        try:
            await self._refunds.surplus(job.payload["suspense_id"])
        except Conflict:
            # A person applied the money meanwhile; nothing is left to give back.
            return Done()
        except BotError as fault:
            return Again(fault.code) if fault.retryable else Dead(fault.code)
        return Done()
