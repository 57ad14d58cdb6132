"""Each deliverer says of its one call what the relay has to know: done, not yet, or never."""

from typing import Any

import pytest

from bot.billers.port import Pending, Refused, Silent
from bot.jobs.port import Again, Dead, Done, Job
from bot.kernel.errors import Busy, Conflict, NotFound
from bot.payments.refunds import RefundAsk
from bot.payments.values import Refund
from bot.workers.deliver import FulfilDeliverer, RefundDeliverer, SurplusDeliverer, UndoDeliverer
from tests.payments.world import PAYER, START, World


class Notes:
    """A trail that keeps its notes."""

    def __init__(self) -> None:
        self.titles: list[str] = []

    def note(self, trace_id: str, kind: str, title: str, detail: Any = None) -> None:
        assert trace_id == "trc_1"
        self.titles.append(f"{kind}: {title}")


@pytest.fixture
def notes() -> Notes:
    return Notes()


def job(kind: str, dest: str = "hosted", **payload: str) -> Job:
    return Job("job_1", kind, "key:because", dest, payload, "trc_1", 1, START)


class TestFulfil:
    async def test_a_line_that_is_booked_is_done(self, world: World, notes: Notes) -> None:
        order = await world.paid(world.power())
        deliverer = FulfilDeliverer(world.payments.fulfilment, notes)

        assert await deliverer.deliver(job(deliverer.kind, "grid", line_id=order.lines[0].id)) == Done()
        assert await deliverer.deliver(job(deliverer.kind, "grid", line_id=order.lines[0].id)) == Done()
        assert notes.titles == ["biller: grid told: settled"] * 2
        assert world.biller.count("settle") == 1

    async def test_a_refusal_is_done_too_since_it_has_its_own_case(self, world: World, notes: Notes) -> None:
        order = await world.paid(world.power())
        world.biller.script("settle", Refused("no"))
        deliverer = FulfilDeliverer(world.payments.fulfilment, notes)

        assert await deliverer.deliver(job(deliverer.kind, line_id=order.lines[0].id)) == Done()
        assert await world.cases() == ["settle_refused"]

    @pytest.mark.parametrize(
        ("answer", "wanted"), [(Pending(retry_after=7.0), Again("pending", 7.0)), (Silent("timeout"), Again("timeout"))]
    )
    async def test_what_is_not_at_its_end_comes_again(
        self, world: World, notes: Notes, answer: Any, wanted: Again
    ) -> None:
        order = await world.paid(world.power())
        world.biller.script("settle", answer)
        deliverer = FulfilDeliverer(world.payments.fulfilment, notes)

        assert await deliverer.deliver(job(deliverer.kind, line_id=order.lines[0].id)) == wanted

    async def test_a_line_that_is_gone_is_dead(self, world: World, notes: Notes) -> None:
        deliverer = FulfilDeliverer(world.payments.fulfilment, notes)

        assert await deliverer.deliver(job(deliverer.kind, line_id="lin_x")) == Dead("line_unknown")


class TestUndo:
    async def test_a_line_is_taken_back(self, world: World, notes: Notes) -> None:
        line_id = await self.reversing(world)
        deliverer = UndoDeliverer(world.payments.fulfilment, notes)

        assert await deliverer.deliver(job(deliverer.kind, "grid", line_id=line_id)) == Done()
        assert notes.titles == ["biller: grid undone: reversed"]

    async def test_a_silent_biller_is_asked_again(self, world: World, notes: Notes) -> None:
        line_id = await self.reversing(world)
        world.biller.script("undo", Silent("timeout"))
        deliverer = UndoDeliverer(world.payments.fulfilment, notes)

        assert await deliverer.deliver(job(deliverer.kind, line_id=line_id)) == Again("timeout")
        assert await deliverer.deliver(job(deliverer.kind, line_id="lin_x")) == Dead("line_unknown")

    async def reversing(self, world: World) -> str:
        order = await world.settled(world.power())
        refund = await world.payments.refunds.request(RefundAsk(order.id, "k", "ann", "r"))
        assert isinstance(refund, Refund)
        await world.payments.refunds.submit(refund.id)
        return order.lines[0].id


class TestRefund:
    async def test_it_waits_for_the_biller_and_then_is_sent(self, world: World, notes: Notes) -> None:
        order = await world.settled(world.power())
        refund = await world.payments.refunds.request(RefundAsk(order.id, "k", "ann", "r"))
        assert isinstance(refund, Refund)
        deliverer = RefundDeliverer(world.payments.refunds, notes)
        sent = job(deliverer.kind, "scripted:main", refund_id=refund.id)

        first = await deliverer.deliver(sent)
        assert isinstance(first, Again) and first.reason == "biller_first" and first.after is not None
        await world.work_off("undo")
        assert await deliverer.deliver(sent) == Done()
        assert notes.titles == ["call: scripted:main refund: succeeded"]
        assert await deliverer.deliver(job(deliverer.kind, refund_id="rfd_x")) == Dead("refund_unknown")


class TestSurplus:
    async def test_it_is_begun_once(self, world: World, notes: Notes) -> None:
        ready = await world.open(await world.order(), payer=PAYER)
        await world.tell(world.gateway.pay(ready.out_trade_no, amount=9_999))
        row = await world.row("SELECT id FROM suspense")
        deliverer = SurplusDeliverer(world.payments.refunds, notes)
        given = job(deliverer.kind, "scripted:main", suspense_id=row["id"])

        assert [await deliverer.deliver(given) for _ in range(2)] == [Done(), Done()]
        assert len(await world.rows("SELECT id FROM refunds")) == 1

    @pytest.mark.parametrize(
        ("fault", "wanted"),
        [
            (Conflict("suspense_state"), Done()),
            # Any other conflict is none of those that say that nothing is left to do.
            (Conflict("constraint_violated"), Again("constraint_violated")),
            (Busy("store_away"), Again("store_away")),
            (NotFound("suspense_unknown"), Dead("suspense_unknown")),
        ],
    )
    async def test_only_money_that_moved_needs_nothing(self, notes: Notes, fault: Exception, wanted: Any) -> None:
        class Failing:
            async def surplus(self, suspense_id: str) -> Refund:
                raise fault

        deliverer = SurplusDeliverer(Failing(), notes)  # type: ignore[arg-type]

        assert await deliverer.deliver(job(deliverer.kind, suspense_id="sus_1")) == wanted
