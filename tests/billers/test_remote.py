"""A remote biller over real HTTP: whatever its side does, nothing raises, and silence is never a yes or a no."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.billers.catalogue import Catalogue
from bot.billers.connector import Connector
from bot.billers.items import AmountKind, AmountRule, BillItem
from bot.billers.port import (
    BillQuery,
    Found,
    Later,
    NotFound,
    PaidLine,
    Pending,
    Quote,
    Refused,
    Reversed,
    SceneBiller,
    Settled,
    Silent,
)
from bot.billers.remote import RemoteBiller
from bot.kernel.clock import ManualClock
from bot.kernel.masking import Secret
from bot.outside.breaker import Patience
from bot.storage.port import Database
from tests.billers.rig import CODE, CONNECTOR_SECRET, RemoteRig, look, remote_rig, seen
from tests.billers.samples import OWNER, START, Owing, definition, line_of, paid_line

MORE = definition(amount=AmountRule(kind=AmountKind.EXACT_OR_MORE, minimum=100), advance=True)
# What leaves us without a usable answer although the biller has carried the call out.
SILENCES = {
    "answer_unsigned": "biller_nonce",
    "answer_forged": "biller_signature",
    "answer_other_nonce": "biller_nonce",
    "answer_garbage": "biller_json",
    "answer_dropped": "biller_silent",
}


@pytest.fixture
async def rig(sqlite: Database, clock: ManualClock) -> AsyncIterator[RemoteRig]:
    async with remote_rig(sqlite, clock, Catalogue(sqlite, clock), within=1.0) as made:
        yield made


@pytest.fixture
async def of(rig: RemoteRig) -> BillItem:
    return await rig.offer(MORE)


async def line(rig: RemoteRig, of: BillItem) -> PaidLine:
    return await rig.pay(of, await rig.owe(of, Owing()))


# --- questions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["query_500", "answer_dropped"])
async def test_a_question_that_failed_at_once_is_asked_once_more(rig: RemoteRig, of: BillItem, fault: str) -> None:
    await rig.owe(of, Owing())
    rig.strike(fault)

    assert len(await seen(rig.biller, of)) == 1
    assert rig.remote.calls["query"] == 2


@pytest.mark.parametrize("fault", ["query_500", "answer_dropped"])
async def test_and_not_a_third_time(rig: RemoteRig, of: BillItem, fault: str) -> None:
    await rig.owe(of, Owing())
    rig.strike(fault, fault, fault)

    assert isinstance(await look(rig.biller, of), Later)
    assert rig.remote.calls["query"] == 2


@pytest.mark.parametrize("fault", ["answer_unsigned", "answer_forged", "answer_other_nonce", "answer_garbage"])
async def test_a_wrong_answer_is_not_asked_for_again(rig: RemoteRig, of: BillItem, fault: str) -> None:
    await rig.owe(of, Owing())
    rig.strike(fault)

    assert await look(rig.biller, of) == Later(5.0, SILENCES[fault])
    assert rig.remote.calls["query"] == 1


async def test_a_question_that_took_all_the_time_is_not_repeated(sqlite: Database, clock: ManualClock) -> None:
    class Ticking(ManualClock):
        """Seconds pass for our part while it waits, as they do in life."""

        def monotonic(self) -> float:
            return asyncio.get_running_loop().time()

    ticking = Ticking(START)
    async with remote_rig(sqlite, ticking, Catalogue(sqlite, clock), within=0.25, hang_seconds=0.3) as rig:
        of = await rig.offer(MORE)
        rig.strike("query_lost", "query_lost")

        assert await look(rig.biller, of) == Later(5.0, "biller_silent")
        assert rig.remote.calls["query"] == 1


async def test_a_biller_that_asks_for_patience(rig: RemoteRig, of: BillItem) -> None:
    await rig.owe(of, Owing())
    rig.strike("query_later")

    assert await look(rig.biller, of) == Later(2.0, "biller_later")


async def test_a_quote_waits_for_a_biller_that_does_not_answer(rig: RemoteRig, of: BillItem) -> None:
    bill = await rig.owe(of, Owing())
    rig.strike("query_500", "query_500")

    assert await rig.biller.quote([line_of(of, bill)], START) == Later(5.0, "biller_status")
    assert isinstance(await rig.biller.quote([line_of(of, bill)], START), Quote)


async def test_each_quote_asks_anew(rig: RemoteRig, of: BillItem) -> None:
    bill = await rig.owe(of, Owing())
    for _ in range(2):
        await rig.biller.quote([line_of(of, bill)], START)

    assert rig.remote.calls["query"] == 2


# --- advice ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [*SILENCES, "advise_lost"])
async def test_a_lost_yes_is_silence_and_the_status_tells_the_truth(rig: RemoteRig, of: BillItem, fault: str) -> None:
    told = await line(rig, of)
    rig.strike(fault)

    answer = await rig.biller.settle(told)

    assert answer == Silent(SILENCES.get(fault, "biller_silent"))
    status = await rig.biller.settle_status(told)
    assert isinstance(status, Settled)
    assert await rig.biller.settle(told) == status, "and a repeat books nothing twice"
    assert [each.amount for each in rig.remote.book.lines()] == [10_000]


@pytest.mark.parametrize(("fault", "reason"), [("advise_500", "biller_status"), ("advise_reset", "biller_silent")])
async def test_an_advice_that_never_arrived(rig: RemoteRig, of: BillItem, fault: str, reason: str) -> None:
    told = await line(rig, of)
    rig.strike(fault)

    assert await rig.biller.settle(told) == Silent(reason)
    assert await rig.biller.settle_status(told) is None
    assert isinstance(await rig.biller.settle(told), Settled)


async def test_an_advice_is_never_repeated_within_a_call(rig: RemoteRig, of: BillItem) -> None:
    told = await line(rig, of)
    rig.strike("advise_500", "advise_500")
    await rig.biller.settle(told)

    assert rig.remote.calls["advise"] == 1


@pytest.mark.parametrize(("fault", "kind"), [("advise_pending", Settled), ("advise_pending_refused", Refused)])
async def test_an_advice_that_takes_its_time(rig: RemoteRig, of: BillItem, fault: str, kind: type[Any]) -> None:
    told = await line(rig, of)
    rig.strike(fault)

    assert await rig.biller.settle(told) == Pending(5.0)
    assert await rig.biller.settle_status(told) == Pending(5.0)
    rig.clock.advance(5)
    await asyncio.sleep(0)

    assert isinstance(await rig.biller.settle_status(told), kind)


async def test_a_bill_that_was_paid_elsewhere_in_the_meantime(rig: RemoteRig, of: BillItem) -> None:
    told = await line(rig, of)
    rig.strike("paid_elsewhere")

    answer = await rig.biller.settle(told)

    assert isinstance(answer, Refused)
    assert answer.code == "paid_elsewhere"
    assert await rig.biller.settle_status(told) == answer
    assert await rig.biller.settle(told) == answer


@pytest.mark.parametrize(("changes", "code"), [({"amount": 9_999}, "amount"), ({"account": "0500000000"}, "not_found")])
async def test_what_a_biller_cannot_book(rig: RemoteRig, of: BillItem, changes: dict[str, Any], code: str) -> None:
    bill = await rig.owe(of, Owing())

    answer = await rig.biller.settle(paid_line(of, bill, **changes))

    assert isinstance(answer, Refused)
    assert answer.code == code


# --- undo ------------------------------------------------------------------------------------------------------------


async def settled(rig: RemoteRig, of: BillItem) -> PaidLine:
    told = await line(rig, of)
    assert isinstance(await rig.biller.settle(told), Settled)
    return told


@pytest.mark.parametrize("fault", [*SILENCES, "undo_lost"])
async def test_a_lost_reversal_is_silence_and_the_status_tells_the_truth(
    rig: RemoteRig, of: BillItem, fault: str
) -> None:
    told = await settled(rig, of)
    rig.strike(fault)

    assert isinstance(await rig.biller.undo(told, "refund"), Silent)
    status = await rig.biller.undo_status(told)
    assert isinstance(status, Reversed)
    assert await rig.biller.undo(told, "refund") == status


async def test_an_undo_that_never_arrived(rig: RemoteRig, of: BillItem) -> None:
    told = await settled(rig, of)
    rig.strike("undo_500")

    assert await rig.biller.undo(told, "refund") == Silent("biller_status")
    assert await rig.biller.undo_status(told) is None


async def test_an_undo_that_takes_its_time(rig: RemoteRig, of: BillItem) -> None:
    told = await settled(rig, of)
    rig.strike("undo_pending")

    assert await rig.biller.undo(told, "refund") == Pending(5.0)
    rig.clock.advance(5)
    await asyncio.sleep(0)

    assert isinstance(await rig.biller.undo_status(told), Reversed)


async def test_prepaid_money_that_is_spent(rig: RemoteRig, of: BillItem) -> None:
    await rig.owe(of, Owing())
    told = paid_line(of)
    assert isinstance(await rig.biller.settle(told), Settled)
    rig.strike("undo_used")

    answer = await rig.biller.undo(told, "refund")

    assert isinstance(answer, Refused)
    assert answer.code == "used"


# --- trust and trouble -----------------------------------------------------------------------------------------------


async def each_call(biller: SceneBiller, of: BillItem, told: PaidLine) -> list[object]:
    return [
        await biller.find(BillQuery(of.id, told.account)),
        await biller.settle(told),
        await biller.settle_status(told),
        await biller.undo(told, "refund"),
        await biller.undo_status(told),
    ]


async def test_with_another_secret_neither_side_believes_the_other(sqlite: Database, clock: ManualClock) -> None:
    async with remote_rig(sqlite, clock, Catalogue(sqlite, clock), secret="x" * 32) as rig:
        of = await rig.offer(MORE)
        told = await line(rig, of)

        answers = await each_call(rig.biller, of, told)

        assert answers == [Later(5.0, "biller_status"), *[Silent("biller_status")] * 4]
        assert list(rig.remote.book.lines()) == []


async def test_five_failures_rest_the_biller_and_it_is_not_called_meanwhile(
    sqlite: Database, clock: ManualClock
) -> None:
    patience = Patience(failures=5, rest=30)
    async with remote_rig(sqlite, clock, Catalogue(sqlite, clock), patience=patience) as rig:
        of = await rig.offer(MORE)
        told = await line(rig, of)
        rig.strike(*["advise_500"] * 5)
        for _ in range(5):
            await rig.biller.settle(told)

        answers = await each_call(rig.biller, of, told)

        assert answers == [Later(5.0, "biller_silent"), *[Silent("biller_silent")] * 4]
        assert rig.remote.calls == {"query": 0, "advise": 5, "status": 0, "undo": 0, "undo_status": 0}
        rig.clock.advance(30)
        assert isinstance(await rig.biller.settle(told), Settled)


async def test_nobody_at_home(rig: RemoteRig, of: BillItem) -> None:
    told = await line(rig, of)
    closed = Connector(CODE, "http://127.0.0.1:9", Secret(CONNECTOR_SECRET), rig.http, rig.clock, timeout=1.0)
    biller = RemoteBiller(closed, rig.catalogue)

    answers = await each_call(biller, of, told)

    assert answers == [Later(5.0, "biller_silent"), *[Silent("biller_silent")] * 4]


async def test_a_cancelled_customer_cancels_the_call(rig: RemoteRig, of: BillItem) -> None:
    rig.strike("query_lost")
    asking = asyncio.create_task(look(rig.biller, of))
    await asyncio.sleep(0.05)
    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_not_found_and_not_yours_ask_the_biller_alike(rig: RemoteRig) -> None:
    from_stranger = await rig.offer(definition(fields=(OWNER,)))
    await rig.owe(from_stranger, Owing(holder="陈晓明"))

    for account in ("0512345678", "0500000000"):
        before = dict(rig.remote.calls)
        assert await look(rig.biller, from_stranger, account, owner="林美华") == NotFound()
        assert rig.remote.calls["query"] - before["query"] == 1
    assert isinstance(await look(rig.biller, from_stranger, owner="陈晓明"), Found)
