"""What two names decide about a difference is done by the doors that notices use, audited, and never twice."""

from dataclasses import replace
from typing import Any

import pytest

from bot.cases.actions import actions
from bot.cases.book import Case, waiting
from bot.cases.desk import Desk
from bot.jobs.port import Again, Done, Job
from bot.kernel.errors import BadRequest, Conflict, Forbidden
from bot.payments.facts import PaidFact, RefundFact, RefundState, Unknown
from bot.payments.policy import Policy
from bot.payments.reconciliation.dispositions import ASK, choices, dispose_in
from bot.payments.reconciliation.kinds import DIFFERENCE, DISPOSITIONS, KINDS
from bot.workers.reconcile import AskDeliverer, reconcile_rounds
from tests.cases.office import Office
from tests.payments.reconciliation.bills import AGREED, MAIN, Bench, at, line, refund_line


@pytest.fixture
def desk(bench: Bench) -> Desk:
    return Desk(bench.database, actions(Policy(), AGREED), bench.world.clock)


class Decider:
    """The desk over a bench: two people, the job that follows, and the day compared anew."""

    def __init__(self, bench: Bench, desk: Desk) -> None:
        self.bench, self.desk = bench, desk
        self._office = Office(bench.world, desk)

    async def only(self) -> Case:
        await self._office.file()
        (case,) = [case for case in await waiting(self.bench.database) if case.kind == "reconciliation"]
        return case

    async def decide(self, name: str, note: str = "seen") -> Case:
        case = await self.only()
        await self.desk.propose(case.id, name, actor="Ann", note=note)
        return await self.desk.approve(case.id, actor="Bob")

    async def deliver(self) -> list[Done | Again]:
        """Carry out the jobs that decisions made, as the relay will."""
        answers = []
        for row in await self.bench.world.rows("SELECT * FROM outbox WHERE kind = $1 AND state = 'ready'", ASK):
            payload = {"difference_id": row["key"].rpartition(":")[0]}
            job = Job(row["id"], row["kind"], row["key"], row["dest"], payload, "trc", 1, self.bench.world.clock.now())
            answer = await AskDeliverer(self.bench.room).deliver(job)
            if isinstance(answer, Done):
                await self.bench.world.execute("UPDATE outbox SET state = 'done' WHERE id = $1", job.id)
            answers.append(answer)
        return answers


@pytest.fixture
def decider(bench: Bench, desk: Desk) -> Decider:
    return Decider(bench, desk)


async def lost(bench: Bench) -> PaidFact:
    """A payment whose notice never came, on an order that has been closed since; the bill has it."""
    world = bench.world
    world.clock.advance(-86_400)
    order = await world.order()
    ready = await world.open(order)
    fact = bench.gateway.pay(ready.out_trade_no)
    await world.execute("UPDATE charges SET state = 'closed', next_query_at = NULL")
    await world.execute("UPDATE orders SET state = 'closed', closed_at = 1")
    world.clock.advance(86_400)
    bench.bill(
        line(
            fact.out_trade_no, fact.amount, transaction_id=fact.transaction_id, at=fact.paid_at, settlement_amount=None
        )
    )
    return fact


class TestCreditLate:
    async def test_the_gateway_is_asked_and_the_answer_credited(self, bench: Bench, decider: Decider) -> None:
        await lost(bench)
        assert (await bench.run()).state == "open"
        asked = bench.gateway.count("query")
        await decider.decide("credit_late")
        assert (await bench.kinds(), bench.gateway.count("query")) == ([("missing_here", "working")], asked)
        assert await decider.deliver() == [Done()]

        assert bench.gateway.count("query") == asked + 1
        assert (await bench.world.rows("SELECT state FROM orders"))[0]["state"] == "paid"
        assert (await bench.run()).balanced
        assert await bench.world.audit() == []

    async def test_the_bill_alone_credits_nothing(self, bench: Bench, decider: Decider) -> None:
        """The gateway itself does not stand by its bill: nothing is credited, and two names decide anew."""
        fact = await lost(bench)
        upstream = bench.gateway.charges[fact.out_trade_no]
        upstream.fact, upstream.state = None, "closed"
        await bench.run()
        await decider.decide("credit_late")
        await decider.deliver()
        assert await bench.world.balance("payers:scripted") == 0
        await bench.run()

        assert await bench.kinds() == [("missing_here", "open")]
        assert (await decider.only()).state == "open"

    async def test_silence_is_asked_again(self, bench: Bench, decider: Decider) -> None:
        await lost(bench)
        await bench.run()
        await decider.decide("credit_late")
        bench.gateway.script("query", Unknown("timeout"))
        assert await decider.deliver() == [Again("no_answer")]
        await bench.run()
        assert await bench.kinds() == [("missing_here", "working")]

        assert await decider.deliver() == [Done()]
        assert (await bench.run()).balanced

    async def test_an_unknown_number_goes_to_suspense(self, bench: Bench, decider: Decider) -> None:
        fact = await lost(bench)
        strange = replace(fact, out_trade_no="ELSEWHERE", transaction_id="tx-else")
        bench.gateway.charges["ELSEWHERE"] = replace(bench.gateway.charges[fact.out_trade_no], fact=strange)
        bench.bill(line("ELSEWHERE", fact.amount, transaction_id="tx-else", at=at()))
        await bench.run()
        with pytest.raises(Conflict, match="charge_unknown"):
            await decider.decide("credit_late")
        await decider.desk.reject((await decider.only()).id, actor="Bob")
        await decider.decide("to_suspense")
        await decider.deliver()

        assert await bench.world.suspense() == [("unknown_order", "held", fact.amount)]
        await bench.run()
        assert {kind for kind, state in await bench.kinds() if state == "open"} == set()
        assert await bench.world.audit() == []


class TestRefunds:
    async def test_a_console_refund_is_adopted(self, bench: Bench, decider: Decider) -> None:
        world = bench.world
        world.clock.advance(-86_400)
        order = await world.settled()
        (charge,) = await world.charges(order)
        told = bench.gateway.console_refund(charge.out_trade_no, "CONSOLE1", 500)
        assert isinstance(told, RefundFact)
        world.clock.advance(86_400)
        bench.bill(
            line(charge.out_trade_no, charge.amount, transaction_id=charge.transaction_id, at=charge.paid_at),
            refund_line("CONSOLE1", 500, of=charge.out_trade_no, at=told.succeeded_at),
        )
        await bench.run()
        assert await bench.kinds() == [("refund_missing_here", "open")]
        await decider.decide("adopt_refund")
        await decider.deliver()

        (refund,) = await world.rows("SELECT source, state, amount FROM refunds")
        assert (refund["source"], refund["state"], refund["amount"]) == ("console", "succeeded", 500)
        assert (await bench.run()).balanced
        assert await world.audit() == []

    async def test_a_refund_that_the_gateway_does_not_know_is_not_adopted(self, bench: Bench, decider: Decider) -> None:
        bench.bill(refund_line("NOWHERE"))
        await bench.run()
        await decider.decide("adopt_refund")
        await decider.deliver()
        await bench.run()

        assert await bench.count("refunds") == 0
        assert await bench.kinds() == [("refund_missing_here", "open")]

    async def test_a_refund_of_ours_is_asked_about(self, bench: Bench, decider: Decider) -> None:
        world = bench.world
        world.clock.advance(-86_400)
        order = await world.paid()
        refund = await world.refund(order)
        bench.gateway.refund_outcome = RefundState.PENDING
        await world.payments.refunds.submit(refund.id)
        done = bench.gateway.settle_refund(refund.out_refund_no, RefundState.SUCCEEDED)
        (charge,) = await world.charges(order)
        world.clock.advance(86_400)
        bench.bill(
            line(charge.out_trade_no, charge.amount, transaction_id=charge.transaction_id, at=charge.paid_at),
            refund_line(refund.out_refund_no, refund.amount, of=charge.out_trade_no, at=done.succeeded_at),
        )
        await bench.run()
        assert await bench.kinds() == [("state", "open")]
        await decider.decide("ask_refund")
        await decider.deliver()

        assert (await bench.run()).balanced
        assert await world.audit() == []


class TestAtOnce:
    @pytest.mark.parametrize(("told", "kept"), [(9, 3), (2, -4)])
    async def test_a_fee_is_written_off_by_a_posting(
        self, bench: Bench, decider: Decider, told: int, kept: int
    ) -> None:
        bench.books.charge("T1")
        bench.bill(line("T1", fee=told))
        await bench.run()
        await decider.decide("write_off_fee")
        assert await bench.world.balance("fees:scripted:main") == kept
        assert await bench.world.balance("merchant:mer:due") == -kept

        report = await bench.run()
        assert report.balanced and await bench.kinds() == [("fee", "explained")]
        assert (await bench.world.rows("SELECT COUNT(*) AS n FROM postings"))[0]["n"] == 1

    async def test_a_fee_of_no_merchant_cannot_be_written_off(self, bench: Bench, decider: Decider) -> None:
        bench.books.hold("T1")
        bench.bill(line("T1", fee=9))
        await bench.run()

        with pytest.raises(Conflict, match="fee_without_merchant"):
            await decider.decide("write_off_fee")
        assert await bench.kinds() == [("fee", "open")]

    async def test_an_explanation_needs_its_words_and_is_audited(self, bench: Bench, decider: Decider) -> None:
        bench.books.charge("T1")
        bench.bill(line("T1", 900))
        await bench.run()
        with pytest.raises(BadRequest, match="note_missing"):
            await decider.decide("explained_by_gateway", note="")
        case = await decider.only()
        await decider.desk.reject(case.id, actor="Bob")
        await decider.decide("explained_by_gateway", note="ticket 17")

        report = await bench.run()
        assert (report.state, report.unexplained) == ("balanced", 0) and report.proved
        (row,) = await bench.world.rows("SELECT * FROM audit WHERE action = 'reconciliation.disposed'")
        assert (row["actor"], row["subject"]) == ("bob", case.key)
        assert '"proposed_by":"ann"' in row["detail"] and '"theirs":900' in row["detail"]

    async def test_waiting_ends(self, bench: Bench, decider: Decider) -> None:
        bench.bill(line("T1"))
        await bench.run()
        await decider.decide("wait")
        assert (await bench.run()).state == "waiting"
        bench.travel(4)

        assert (await bench.run()).state == "open"
        assert (await decider.only()).state == "open"

    async def test_other_facts_undo_a_decision_that_is_under_way(self, bench: Bench, decider: Decider) -> None:
        """Near midnight too, where a new difference would wait: this one is on the desk already."""
        bench.bill(line("T1", at=at("23:59:59")))
        bench.travel(5)
        await bench.run()
        await decider.decide("to_suspense")
        bench.travel(-5)
        bench.bill(line("T1", 900, at=at("23:59:59")))
        await bench.room.fetch(MAIN, "ann")
        report = await bench.run()

        assert await bench.kinds() == [("missing_here", "open")] and report.proved


class TestTwoNames:
    async def test_one_name_is_not_enough_even_past_the_desk(self, bench: Bench) -> None:
        bench.bill(line("T1"))
        await bench.run()
        (row,) = await bench.world.rows("SELECT id FROM recon_differences")

        for proposed, approved in (("ann", "ann"), ("", "ann")):
            with pytest.raises(Forbidden, match="same_person"):
                await self.dispose(bench, row["id"], "wait", proposed_by=proposed, approved_by=approved)
        assert await bench.kinds() == [("missing_here", "open")]

    async def test_a_decision_that_the_kind_does_not_have(self, bench: Bench) -> None:
        bench.bill(line("T1"))
        await bench.run()
        (row,) = await bench.world.rows("SELECT id FROM recon_differences")

        with pytest.raises(BadRequest, match="disposition_unknown"):
            await self.dispose(bench, row["id"], "adopt_refund")

    async def test_what_is_not_open_is_not_decided_twice(self, bench: Bench) -> None:
        bench.bill(line("T1"))
        await bench.run()
        (row,) = await bench.world.rows("SELECT id FROM recon_differences")
        await self.dispose(bench, row["id"], "to_suspense")

        with pytest.raises(Conflict, match="difference_not_open"):
            await self.dispose(bench, row["id"], "to_suspense")
        assert len(await bench.world.jobs(ASK)) == 1

    async def dispose(self, bench: Bench, key: str, name: str, **names: str) -> None:
        given: dict[str, Any] = {"proposed_by": "ann", "approved_by": "bob", **names}
        now = bench.world.clock.now()
        await bench.database.effect(lambda tx: dispose_in(tx, key, name, note="n", now=now, terms=AGREED, **given))

    async def test_the_desk_offers_what_the_kind_has_and_closes_only_what_is_over(
        self, bench: Bench, decider: Decider
    ) -> None:
        bench.bill(line("T1"))
        await bench.run()
        case = await decider.only()
        assert decider.desk.choices(case) == ("credit_late", "to_suspense", "explained_by_gateway", "wait", "close")
        with pytest.raises(Conflict, match="difference_open"):
            await decider.decide("close")
        bench.books.charge("T1")
        await bench.run()

        assert (await decider.desk.approve(case.id, actor="Bob")).state == "resolved"


def test_every_kind_has_what_may_be_done_and_every_decision_a_meaning() -> None:
    for kind in KINDS.values():
        assert set(kind.dispositions) <= set(DISPOSITIONS) and kind.meaning
        assert set(choices(kind.name, "refund")) >= {"explained_by_gateway", "wait"}
    assert "ask_refund" not in choices("state", "payment")


def test_the_states_of_a_difference_lead_to_one_another_only() -> None:
    assert {target for targets in DIFFERENCE.transitions.values() for target in targets} <= DIFFERENCE.states
    assert not DIFFERENCE.final


async def test_the_round_plans_and_works(bench: Bench) -> None:
    bench.bill(line("T1"))
    (round_,) = reconcile_rounds(bench.room, [("scripted", "main")])

    assert (await round_.work(), await round_.work()) == (1, 0)
    assert (await bench.room.report(MAIN)).state == "open"
