"""What the desk decides really happens to the money, once, and the books are clean afterwards."""

import ast
from pathlib import Path

import pytest

from bot import payments
from bot.billers.port import Refused
from bot.cases.actions import actions
from bot.cases.book import Case, show
from bot.jobs.leases import FINISH, Finished
from bot.jobs.relay import dead_letter
from bot.kernel.errors import Conflict, Forbidden
from bot.payments.facts import RefundState
from bot.payments.policy import Policy
from bot.payments.refunds import RefundAsk
from bot.payments.values import Order, Refund
from tests.cases.office import Office, a_case, open_office
from tests.jobs.rig import new, put, states, take
from tests.payments.world import DUE, PAYER, PAYERS, REFUNDING, SUSPENSE, World, build

BIG = Policy().refund_alone_max + 1


async def clean(world: World) -> bool:
    return await world.audit() == []


class TestSuspense:
    @pytest.fixture
    async def case(self, office: Office) -> Case:
        """A genuine payment of a wrong amount, which lies in suspense."""
        world = office.world
        ready = await world.open(await world.order(), payer=PAYER)
        await world.tell(world.gateway.pay(ready.out_trade_no, amount=9_999))
        return await office.only("suspense")

    async def test_the_money_goes_back_to_its_payer(self, office: Office, case: Case) -> None:
        assert await office.world.balance(SUSPENSE) == 9_999
        await office.decide(case, "refund")
        await office.world.work_off()

        assert (await office.world.balance(SUSPENSE), await office.world.balance(PAYERS)) == (0, 0)
        assert [state for _, state, _ in await office.world.suspense()] == ["refunded"]
        assert await clean(office.world)

    async def test_it_cannot_be_closed_while_the_money_lies_there(self, office: Office, case: Case) -> None:
        """DESIGN §1.1: what lies in suspense has a case on a person's desk."""
        await office.desk.propose(case.id, "close", actor="ann", note="looks fine")
        with pytest.raises(Conflict, match="suspense_held"):
            await office.desk.approve(case.id, actor="bob")

        assert (await show(office.world.database, case.id)).state == "proposed"

    async def test_what_has_moved_is_not_moved_again(self, office: Office, case: Case) -> None:
        await office.desk.propose(case.id, "refund", actor="ann")
        await office.world.payments.refunds.surplus(case.key)
        with pytest.raises(Conflict, match="suspense_moved"):
            await office.desk.approve(case.id, actor="bob")
        await office.desk.reject(case.id, actor="bob")

        await office.world.work_off()
        assert (await office.decide(case, "close")).state == "resolved"
        assert len(await office.world.rows("SELECT id FROM refunds")) == 1

    async def test_a_refund_that_its_gateway_refused_can_be_made_again(self, office: Office, case: Case) -> None:
        world = office.world
        world.gateway.refund_outcome = RefundState.FAILED
        await office.decide(case, "refund")
        await world.work_off()
        assert await world.balance(SUSPENSE) == 9_999
        world.gateway.refund_outcome = RefundState.SUCCEEDED
        await office.decide(await office.only("refund_failed"), "again")
        await world.work_off()

        assert [state for _, state, _ in await world.suspense()] == ["refunded"]
        assert await clean(world)


class TestRefusedByTheBiller:
    @pytest.fixture
    async def order(self, office: Office) -> Order:
        """Two lines paid, of which the biller refuses the first."""
        world = office.world
        order = await world.paid(world.power("E1", 12_850), world.power("E2", 7_000))
        world.biller.script("settle", Refused("account_closed"))
        await world.work_off("fulfil")
        return await world.payments.orders.get(order.id)

    async def test_the_one_line_is_given_back(self, office: Office, order: Order) -> None:
        world, case = office.world, await office.only("settle_refused")
        refused = next(line for line in order.lines if line.state == "refused")
        assert (case.key, case.subject, case.facts["code"]) == (refused.id, order.id, "account_closed")
        await office.decide(case, "refund")
        await world.work_off()

        (refund,) = await world.rows("SELECT amount, state, line_id, requested_by FROM refunds")
        assert (refund["amount"], refund["state"], refund["line_id"]) == (refused.amount, "succeeded", refused.id)
        assert refund["requested_by"] == "ann"
        assert await world.balance(DUE) == order.amount - refused.amount
        assert await clean(world)

    async def test_a_refund_that_its_gateway_refused_can_be_made_again(self, office: Office, order: Order) -> None:
        world = office.world
        world.gateway.refund_outcome = RefundState.FAILED
        await office.decide(await office.only("settle_refused"), "refund")
        await world.work_off()
        world.gateway.refund_outcome = RefundState.SUCCEEDED
        case = await office.only("refund_failed")
        await office.decide(case, "again")
        await world.work_off()

        rows = await world.rows("SELECT state, line_id FROM refunds ORDER BY created_at, id")
        assert [row["state"] for row in rows] == ["failed", "succeeded"]
        assert rows[0]["line_id"] == rows[1]["line_id"] is not None
        assert await clean(world)

    async def test_it_may_be_closed_when_it_was_booked_by_hand(self, office: Office, order: Order) -> None:
        case = await office.decide(await office.only("settle_refused"), "close", note="booked by the biller, ref 17")

        assert (case.state, await office.world.rows("SELECT id FROM refunds")) == ("resolved", [])


class TestApproval:
    """A refund above the limit waits for a second person."""

    async def ask(self, office: Office, by: str = "system:test") -> Refund:
        order = await office.world.settled(office.world.meal(BIG))
        refund = await office.world.payments.refunds.request(RefundAsk(order.id, "key", by, "r"))
        assert isinstance(refund, Refund) and refund.state == "requested"
        return refund

    async def test_it_is_released(self, office: Office) -> None:
        refund = await self.ask(office)
        await office.decide(await office.only("refund_approval"), "approve")
        await office.world.work_off()

        assert (await office.world.payments.refunds.get(refund.id)).approved_by == "bob"
        assert (await office.world.payments.refunds.get(refund.id)).state == "succeeded"
        assert await clean(office.world)

    async def test_it_is_refused(self, office: Office) -> None:
        refund = await self.ask(office)
        await office.decide(await office.only("refund_approval"), "reject")
        await office.world.work_off()

        assert (await office.world.payments.refunds.get(refund.id)).state == "rejected"
        assert (await office.world.balance(REFUNDING), office.world.gateway.count("refund")) == (0, 0)
        assert await clean(office.world)

    async def test_who_asked_does_not_approve(self, office: Office) -> None:
        """Three roles, two of them one person: the refund's own two names are checked as well."""
        await self.ask(office, by="bob")
        case = await office.only("refund_approval")
        await office.desk.propose(case.id, "approve", actor="ann")
        with pytest.raises(Forbidden, match="same_person"):
            await office.desk.approve(case.id, actor="Bob")

    async def test_it_is_not_closed_while_it_waits(self, office: Office) -> None:
        refund = await self.ask(office)
        case = await office.only("refund_approval")
        await office.desk.propose(case.id, "close", actor="ann", note="x")
        with pytest.raises(Conflict, match="refund_waits"):
            await office.desk.approve(case.id, actor="bob")
        await office.world.payments.refunds.approve(refund.id, "cid")

        assert (await office.desk.approve(case.id, actor="bob")).state == "resolved"


class TestCustomer:
    async def test_the_order_that_was_meant_is_given_back(self, office: Office) -> None:
        world = office.world
        first, second = await world.settled(), await world.settled(world.meal(1_200))
        listed = [{"id": order.id, "title": order.title, "amount": order.amount} for order in (second, first)]
        case = await office.open("customer", "cus_1:duplicate", subject=second.id, orders=listed)
        assert office.desk.choices(case) == (f"refund:{second.id}", f"refund:{first.id}", "close")
        await office.decide(case, f"refund:{first.id}")
        await world.work_off()

        states = {order.id: (await world.payments.orders.get(order.id)).refunded for order in (first, second)}
        assert states == {first.id: first.amount, second.id: 0}
        assert await clean(world)

    async def test_an_order_of_another_customer_is_no_choice(self, office: Office) -> None:
        other = await office.world.settled()
        case = await office.open("customer", orders=[])

        assert office.desk.choices(case) == ("close",)
        with pytest.raises(Exception, match="case_action_unknown"):
            await office.desk.propose(case.id, f"refund:{other.id}", actor="ann")

    async def test_what_was_given_back_is_not_given_back_again(self, office: Office) -> None:
        world = office.world
        order = await world.settled()
        listed = [{"id": order.id, "title": order.title, "amount": order.amount}]
        await office.decide(await office.open("customer", "a", orders=listed), f"refund:{order.id}")
        again = await office.open("customer", "b", orders=listed)
        await office.desk.propose(again.id, f"refund:{order.id}", actor="ann")

        with pytest.raises(Conflict, match="nothing_left"):
            await office.desk.approve(again.id, actor="bob")

    async def test_a_large_refund_needs_no_third_and_fourth_person(self, office: Office) -> None:
        """The desk's two names are the refund's two names: nobody is asked for them once more."""
        world = office.world
        order = await world.settled(world.meal(BIG))
        case = await office.open("customer", orders=[{"id": order.id, "title": "x", "amount": BIG}])
        await office.decide(case, f"refund:{order.id}")
        await world.work_off()
        assert (await world.payments.orders.get(order.id)).refunded == BIG
        await office.file()

        assert await world.rows("SELECT id FROM cases WHERE kind = 'refund_approval'") == []
        assert await clean(world)


class TestDeadLetters:
    async def bury(self, office: Office, *jobs: str, one_case: bool = False, dest: str = "ann") -> None:
        """Let jobs die as the relay does."""
        database, now = office.world.database, office.world.clock.now()
        await put(database, *(new(key, dest=dest) for key in jobs), now=now)
        for leased in await take(database, now=office.world.clock.now()):
            at = int(office.world.clock.now().timestamp() * 1_000_000)
            finished = Finished(leased.id, "me", "dead", at, "silent", at)
            await database.batch(FINISH, finished)
            await put(database, dead_letter(leased, finished, one_case=one_case), now=office.world.clock.now())

    async def test_a_dead_job_tries_again_from_the_start(self, office: Office) -> None:
        await self.bury(office, "lin_1")
        await office.decide(await office.only("dead_letter"), "retry")

        (leased,) = await take(office.world.database, now=office.world.clock.now())
        assert (leased.key, leased.attempt) == ("lin_1", 1)

    async def test_what_dies_again_is_on_the_desk_again(self, office: Office) -> None:
        """The second death must not vanish behind the resolved case of the first."""
        await self.bury(office, "lin_1")
        case = await office.only("dead_letter")
        await office.decide(case, "retry")
        await self.bury(office)

        assert (await office.only("dead_letter")).id == case.id

    async def test_what_is_not_dead_is_not_revived(self, office: Office) -> None:
        await self.bury(office, "lin_1")
        case = await office.only("dead_letter")
        await office.desk.propose(case.id, "retry", actor="ann")
        await office.world.execute("UPDATE outbox SET state = 'done' WHERE key = 'lin_1'")

        with pytest.raises(Conflict, match="job_not_dead"):
            await office.desk.approve(case.id, actor="bob")

    async def test_all_that_died_of_the_same_are_revived_together(self, office: Office) -> None:
        await self.bury(office, "a", "b", "c", one_case=True)
        await self.bury(office, "d", one_case=True, dest="bob")
        await office.file()
        row = await office.world.row("SELECT id FROM cases WHERE key = 'letter:ann:silent'")
        await office.decide(await show(office.world.database, row["id"]), "retry")

        found = await states(office.world.database)
        assert {key: found[key] for key in "abcd"} == {"a": "ready", "b": "ready", "c": "ready", "d": "dead"}


def opened_kinds() -> set[str]:
    """Every kind of case that the payment rooms open by name."""
    found: set[str] = set()
    for path in Path(payments.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("case", "_case"):
                found |= {a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)}
    return found


def test_every_kind_can_be_brought_to_an_end() -> None:
    kinds = opened_kinds() | {"dead_letter", "customer", "a_kind_of_a_later_release"}
    assert {"suspense", "settle_refused", "refund_approval", "refund_failed"} <= kinds

    for kind in kinds:
        assert "close" in actions(Policy())(a_case({}, kind))


async def test_the_policy_of_the_desk_is_that_of_the_house(office: Office) -> None:
    """The limit above which a refund needs two names is the operator's; the desk always has two."""
    strict = open_office(build(office.world.database, office.world.clock, Policy(refund_alone_max=1)))
    order = await strict.world.settled()
    case = await strict.open("customer", orders=[{"id": order.id, "title": "x", "amount": 1}])
    await strict.decide(case, f"refund:{order.id}")

    row = await strict.world.row("SELECT state, approved_by, requested_by FROM refunds")
    assert (row["state"], row["requested_by"], row["approved_by"]) == ("approved", "ann", "bob")
