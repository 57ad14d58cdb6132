"""One contract for every biller: what is asked, promised, booked and taken back means the same wherever it is kept."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, time, timedelta

import pytest

from bot.billers.catalogue import KEEP_SECONDS, Catalogue
from bot.billers.items import AmountKind, AmountRule, BillItem, Flow, Hours, Outage
from bot.billers.port import BillQuery, Found, Line, NotFound, PaidLine, Quote, Refusal, Refused, Reversed, Settled
from bot.kernel.clock import ManualClock
from bot.kernel.errors import NotFound as NoSuchItem
from bot.storage.database import connect
from tests import engines
from tests.billers import samples
from tests.billers.rig import HostedRig, Rig, look, remote_rig, seen
from tests.billers.samples import OWNER, RIVAL_STORE, START, STORE, Owing, definition, line_of, property_definition

KINDS = [f"hosted-{engine}" for engine in ("sqlite", "postgresql") if engine in engines.chosen()] + ["remote"]
PARTS = definition(amount=AmountRule(kind=AmountKind.EXACT_OR_LESS), partial=True)
NAMED = definition(fields=(OWNER,))


@pytest.fixture(params=KINDS)
async def rig(request: pytest.FixtureRequest, clock: ManualClock) -> AsyncIterator[Rig]:
    """The hosted biller on each engine, and a remote one behind real HTTP."""
    url = request.getfixturevalue("pg_url" if request.param == "hosted-postgresql" else "sqlite_url")
    database = await connect(url, clock)
    catalogue = Catalogue(database, clock)
    try:
        if request.param == "remote":
            async with remote_rig(database, clock, catalogue) as remote:
                yield remote
        else:
            yield HostedRig.over(database, clock, samples.vault(), catalogue)
    finally:
        await database.close()


async def paid_and_settled(rig: Rig, of: BillItem, owing: Owing) -> PaidLine:
    told = await rig.pay(of, await rig.owe(of, owing))
    assert isinstance(await rig.biller.settle(told), Settled)
    return told


class TestFind:
    async def test_what_is_owed(self, rig: Rig) -> None:
        of = await rig.offer(definition())
        later = await rig.owe(of, Owing(amount=20_000, period="2026-11"))
        earlier = await rig.owe(of, Owing(amount=10_000, period="2026-10"))

        found = await look(rig.biller, of)

        assert isinstance(found, Found)
        assert {bill.bill_no: bill.total for bill in found.bills} == {earlier.bill_no: 10_000, later.bill_no: 20_000}
        assert (found.account, found.account_mask) == ("0512345678", "****5678")

    async def test_an_account_in_any_writing(self, rig: Rig) -> None:
        of = await rig.offer(definition())
        await rig.owe(of, Owing())

        assert len(await seen(rig.biller, of, "O512 345-678")) == 1

    async def test_what_is_paid_is_not_shown_and_the_account_still_is(self, rig: Rig) -> None:
        of = await rig.offer(definition())
        bill = await rig.owe(of, Owing())
        await rig.withdraw(of, bill)

        assert await seen(rig.biller, of) == ()

    async def test_a_period(self, rig: Rig) -> None:
        of = await rig.offer(definition())
        await rig.owe(of, Owing(period="2026-10"))
        november = await rig.owe(of, Owing(period="2026-11"))

        found = await rig.biller.find(BillQuery(of.id, "0512345678", period="2026-11"))

        assert isinstance(found, Found)
        assert [bill.bill_no for bill in found.bills] == [november.bill_no]

    async def test_not_found_and_not_yours_are_one_answer(self, rig: Rig) -> None:
        of = await rig.offer(NAMED)
        await rig.owe(of, Owing(holder="陈晓明"))

        assert await look(rig.biller, of, "0500000000", owner="陈晓明") == NotFound()
        assert await look(rig.biller, of, owner="林美华") == NotFound()
        assert await look(rig.biller, of, owner="") == NotFound()
        assert await look(rig.biller, of) == NotFound()

    async def test_a_proof_in_any_writing(self, rig: Rig) -> None:
        of = await rig.offer(NAMED)
        await rig.owe(of, Owing(holder="陈晓明"))

        assert len(await seen(rig.biller, of, owner="陈 晓明 ")) == 1

    async def test_an_account_of_another_item(self, rig: Rig) -> None:
        of = await rig.offer(definition())
        other = await rig.offer(definition(), id_="itm_other", scene="water")
        await rig.owe(of, Owing())

        assert await look(rig.biller, other) == NotFound()

    async def test_an_unknown_item(self, rig: Rig) -> None:
        with pytest.raises(NoSuchItem, match="item_unknown"):
            await rig.biller.find(BillQuery("itm_none", "0512345678"))

    async def test_no_answer_tells_a_name_or_number_when_it_is_printed(self, rig: Rig) -> None:
        of = await rig.offer(NAMED)
        await rig.owe(of, Owing(holder="陈晓明"))
        query = BillQuery(of.id, "0512345678", {"owner": "陈晓明"})

        printed = f"{query!r} {await rig.biller.find(query)!r}"

        assert "0512345678" not in printed
        assert "陈晓明" not in printed


class TestQuote:
    async def test_a_bill(self, rig: Rig) -> None:
        of = await rig.offer(definition())
        bill = await rig.owe(of, Owing())

        quote = await rig.biller.quote([line_of(of, bill)], rig.clock.now())

        assert isinstance(quote, Quote)
        assert (quote.amount, quote.merchant_id, quote.scene) == (10_000, samples.MERCHANT.id, of.scene)
        assert quote.expires_at == START + timedelta(seconds=900)
        assert [line.bill and line.bill.bill_no for line in quote.lines] == [bill.bill_no]

    async def test_what_the_customer_saw_is_no_longer_true(self, rig: Rig) -> None:
        of = await rig.offer(definition())
        bill = await rig.owe(of, Owing())
        cheap = replace(bill, amount=5_000)

        answer = await rig.biller.quote([line_of(of, cheap)], rig.clock.now())
        assert answer == Refusal("bill_changed", {"was": 5_000, "now": 10_000})

        await rig.withdraw(of, bill)
        assert await rig.biller.quote([line_of(of, bill)], rig.clock.now()) == Refusal("bill_gone")

    async def test_a_late_bill(self, rig: Rig) -> None:
        of = await rig.offer(property_definition(fields=()))
        bill = await rig.owe(of, Owing("3-2-501", due_on=date(2026, 10, 15)))
        assert bill.late_fee == 120, "24 days past the grace at 0.05 %"

        quote = await rig.biller.quote([line_of(of, bill, account="3栋2单元501")], rig.clock.now())

        assert isinstance(quote, Quote)
        assert quote.amount == 10_120

    async def test_a_bill_behind_a_proof(self, rig: Rig) -> None:
        of = await rig.offer(NAMED)
        bill = await rig.owe(of, Owing(holder="陈晓明"))

        assert isinstance(await rig.biller.quote([line_of(of, bill, owner="陈晓明")], START), Quote)
        assert await rig.biller.quote([line_of(of, bill, owner="林美华")], START) == Refusal("bill_gone")

    async def test_the_oldest_first(self, rig: Rig) -> None:
        of = await rig.offer(definition(oldest_first=True))
        september = await rig.owe(of, Owing(period="2026-09"))
        october = await rig.owe(of, Owing(period="2026-10"))

        assert await rig.biller.quote([line_of(of, october)], START) == Refusal("oldest_first")
        both = await rig.biller.quote([line_of(of, october), line_of(of, september)], START)
        assert isinstance(both, Quote)
        assert both.title == "物业费（2笔）"

    async def test_a_part(self, rig: Rig) -> None:
        of = await rig.offer(PARTS)
        bill = await rig.owe(of, Owing())

        part = await rig.biller.quote([line_of(of, bill, 4_000)], START)

        assert isinstance(part, Quote)
        assert part.amount == 4_000

    async def test_a_top_up(self, rig: Rig) -> None:
        of = await rig.offer(definition(flow=Flow.VALIDATE, amount=AmountRule(kind=AmountKind.ANY), partial=True))
        await rig.owe(of, Owing())

        answer = await rig.biller.quote([Line(of.id, 5_000, "预存", "0512345678")], START)
        assert isinstance(answer, Quote)
        unknown = await rig.biller.quote([Line(of.id, 5_000, "预存", "0500000000")], START)
        assert unknown == Refusal("bill_gone")

    async def test_closed(self, rig: Rig) -> None:
        night = Hours(opens=time(22), closes=time(2))
        of = await rig.offer(definition(hours=night))
        bill = await rig.owe(of, Owing())

        closed = Refusal("closed_hours", {"opens": "22:00", "closes": "02:00"})
        assert await rig.biller.quote([line_of(of, bill)], START) == closed
        assert isinstance(await rig.biller.quote([line_of(of, bill)], START + timedelta(hours=15)), Quote)

    async def test_out_of_service(self, rig: Rig) -> None:
        outage = Outage(starts=START, ends=START + timedelta(hours=1))
        of = await rig.offer(definition(outages=(outage,)))
        bill = await rig.owe(of, Owing())

        answer = await rig.biller.quote([line_of(of, bill)], START)

        assert isinstance(answer, Refusal)
        assert answer.code == "outage"

    @pytest.mark.parametrize("what", ["item", "merchant"])
    async def test_a_pause_holds_within_seconds(self, rig: Rig, what: str) -> None:
        of = await rig.offer(definition())
        bill = await rig.owe(of, Owing())
        assert isinstance(await rig.biller.quote([line_of(of, bill)], START), Quote)

        # By another process: nobody tells this one's catalogue.
        if what == "item":
            await samples.put(rig.database, rig.clock, of.model_copy(update={"state": "paused"}))
        else:
            await samples.put(rig.database, rig.clock, merchants=[replace(samples.MERCHANT, state="paused")])
        rig.clock.advance(KEEP_SECONDS)

        assert await rig.biller.quote([line_of(of, bill)], START) == Refusal("item_paused", {"item": of.name})

    async def test_a_store(self, rig: Rig) -> None:
        of = await rig.offer(definition())
        bill = await rig.owe(of, Owing())

        here = await rig.biller.quote([line_of(of, bill)], START, STORE.id)
        assert isinstance(here, Quote)
        assert here.store_id == STORE.id
        assert isinstance(await rig.biller.quote([line_of(of, bill)], START, RIVAL_STORE.id), Refusal)


class TestSettle:
    async def test_once_and_again(self, rig: Rig) -> None:
        of = await rig.offer(definition())
        told = await rig.pay(of, await rig.owe(of, Owing()))

        first = await rig.biller.settle(told)

        assert isinstance(first, Settled)
        assert first.ref
        assert await rig.biller.settle(told) == first
        assert await rig.biller.settle_status(told) == first
        assert await seen(rig.biller, of) == ()

    async def test_a_line_that_the_biller_never_heard_of(self, rig: Rig) -> None:
        of = await rig.offer(definition())
        told = await rig.pay(of, await rig.owe(of, Owing()))

        assert await rig.biller.settle_status(told) is None
        assert await rig.biller.undo_status(told) is None

    async def test_a_line_with_its_late_fee(self, rig: Rig) -> None:
        of = await rig.offer(property_definition(fields=()))
        bill = await rig.owe(of, Owing("3-2-501", due_on=date(2026, 10, 15)))
        told = await rig.pay(of, bill)
        told = replace(told, account="3-2-501")

        assert told.amount == 10_120
        assert isinstance(await rig.biller.settle(told), Settled)
        assert await seen(rig.biller, of, "3-2-501") == ()

    async def test_the_same_line_with_another_amount_is_a_conflict_and_the_first_stands(self, rig: Rig) -> None:
        of = await rig.offer(definition())
        told = await paid_and_settled(rig, of, Owing())

        answer = await rig.biller.settle(replace(told, amount=told.amount + 1))

        assert isinstance(answer, Refused)
        assert answer.code == "conflict"
        assert isinstance(await rig.biller.settle(told), Settled)

    async def test_two_workers_tell_of_one_line(self, rig: Rig) -> None:
        of = await rig.offer(definition())
        told = await rig.pay(of, await rig.owe(of, Owing()))

        answers = await asyncio.gather(*(rig.biller.settle(told) for _ in range(5)))

        assert len(set(answers)) == 1
        assert isinstance(answers[0], Settled)

    async def test_a_line_on_no_bill(self, rig: Rig) -> None:
        of = await rig.offer(definition(flow=Flow.VALIDATE, amount=AmountRule(kind=AmountKind.ANY), partial=True))
        await rig.owe(of, Owing())
        told = samples.paid_line(of)

        first = await rig.biller.settle(told)

        assert isinstance(first, Settled)
        assert await rig.biller.settle(told) == first
        assert isinstance(await rig.biller.undo(told, "refund"), Reversed)
        assert isinstance(await rig.biller.undo(told, "refund"), Reversed)

    async def test_a_bill_that_is_not_there(self, rig: Rig) -> None:
        of = await rig.offer(definition())
        bill = await rig.owe(of, Owing())
        told = samples.paid_line(of, replace(bill, bill_no="none", bill_id=bill.bill_id and "bil_none"))

        assert await rig.biller.settle(told) == Refused("not_found", _words(await rig.biller.settle(told)))


class TestUndo:
    async def test_the_bill_is_open_again(self, rig: Rig) -> None:
        of = await rig.offer(definition())
        told = await paid_and_settled(rig, of, Owing())

        first = await rig.biller.undo(told, "refund")

        assert isinstance(first, Reversed)
        assert await rig.biller.undo_status(told) == first
        (again,) = await seen(rig.biller, of)
        assert (again.bill_no, again.total) == (told.bill_no, 10_000)
        assert isinstance(await rig.biller.quote([line_of(of, again)], START), Quote)

    async def test_a_repeat_finds_it_done(self, rig: Rig) -> None:
        """The answer was lost on its way, so the worker asks again."""
        of = await rig.offer(definition())
        told = await paid_and_settled(rig, of, Owing())
        first = await rig.biller.undo(told, "refund")

        assert await rig.biller.undo(told, "refund") == first

    async def test_a_late_repeat_takes_nothing_from_whoever_paid_the_bill_anew(self, rig: Rig) -> None:
        of = await rig.offer(definition())
        told = await paid_and_settled(rig, of, Owing())
        await rig.biller.undo(told, "refund")
        (again,) = await seen(rig.biller, of)
        anew = await rig.pay(of, again)
        assert isinstance(await rig.biller.settle(anew), Settled)

        assert isinstance(await rig.biller.undo(told, "refund"), Reversed)

        assert await seen(rig.biller, of) == (), "the second payment stands"
        assert isinstance(await rig.biller.settle_status(anew), Settled)

    async def test_two_workers_undo_one_line(self, rig: Rig) -> None:
        of = await rig.offer(definition())
        told = await paid_and_settled(rig, of, Owing())

        answers = await asyncio.gather(*(rig.biller.undo(told, "refund") for _ in range(5)))

        assert len(set(answers)) == 1
        assert isinstance(answers[0], Reversed)
        assert [bill.total for bill in await seen(rig.biller, of)] == [10_000]

    async def test_what_was_answered_to_the_advice_does_not_change_by_an_undo(self, rig: Rig) -> None:
        of = await rig.offer(definition())
        told = await paid_and_settled(rig, of, Owing())
        before = await rig.biller.settle_status(told)
        await rig.biller.undo(told, "refund")

        assert await rig.biller.settle_status(told) == before
        assert await rig.biller.settle(told) == before
        assert len(await seen(rig.biller, of)) == 1, "and nothing was booked again"

    async def test_what_was_never_settled(self, rig: Rig) -> None:
        of = await rig.offer(definition())
        told = await rig.pay(of, await rig.owe(of, Owing()))

        answer = await rig.biller.undo(told, "refund")

        assert isinstance(answer, Refused)
        assert answer.code == "not_found"

    async def test_another_amount(self, rig: Rig) -> None:
        of = await rig.offer(definition())
        told = await paid_and_settled(rig, of, Owing())

        answer = await rig.biller.undo(replace(told, amount=told.amount - 1), "refund")

        assert isinstance(answer, Refused)
        assert answer.code == "conflict"
        assert await seen(rig.biller, of) == ()


def _words(answer: object) -> str:
    """A biller's own words for a refusal; ours has none."""
    assert isinstance(answer, Refused)
    return answer.message
