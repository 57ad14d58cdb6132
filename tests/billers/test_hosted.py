"""Hosted bills on both engines: found by those who can prove that they are theirs, and readable to nobody else."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.billers.asking import SHOWN_MAX
from bot.billers.catalogue import Catalogue
from bot.billers.hosted import PAYABLE, HostedBiller
from bot.billers.items import AmountKind, AmountRule, BillItem, Flow
from bot.billers.port import Found, NotFound, Quote, Reversed, Settled
from bot.kernel.clock import ManualClock
from bot.kernel.errors import BotError
from bot.storage.port import Database, Row, Value
from tests.billers import samples
from tests.billers.rig import HostedRig, look, seen
from tests.billers.samples import OTHER_SECRET, OWNER, SECRET, START, Owing, bill_row, definition, line_of, paid_line
from tests.billers.test_bookings import STATES

NAMED = definition(fields=(OWNER,))


@pytest.fixture
def rig(hosted: HostedRig) -> HostedRig:
    return hosted


# --- finding ---------------------------------------------------------------------------------------------------------


class Listening:
    """A database that notes what is read and how much of it comes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.read: list[tuple[str, int]] = []
        self.got: list[int] = []

    async def rows(self, sql: Any, *values: Value) -> Sequence[Row]:
        rows = await self._database.rows(sql, *values)
        self.read.append((sql, len(values)))
        self.got.append(len(rows))
        return rows

    async def ask(self, question: Any, item: Any) -> Any:
        return await question.one(self, item)


async def test_an_unknown_account_costs_what_somebody_elses_does(rig: HostedRig) -> None:
    of = await rig.offer(NAMED)
    for month in range(1, 10):
        await rig.owe(of, Owing(holder="陈晓明", period=f"2026-{month:02d}"))
    listening = Listening(rig.database)
    biller = HostedBiller(listening, rig.catalogue, rig.keys, rig.clock)  # type: ignore[arg-type]  # It only reads.
    work = []
    for account, owner in (("0500000000", "陈晓明"), ("0512345678", "林美华"), ("0512345678", "陈晓明")):
        listening.read.clear()
        answer = await look(biller, of, account, owner=owner)
        work.append((list(listening.read), isinstance(answer, NotFound)))

    (unknown, was_none), (foreign, was_not_theirs), (own, was_denied) = work
    assert unknown == foreign == own
    assert len(unknown) == 1
    assert (was_none, was_not_theirs, was_denied) == (True, True, False)


async def test_somebody_elses_rows_do_not_even_leave_the_database(rig: HostedRig) -> None:
    """So neither their number nor their size can be told from the time that an answer takes."""
    of = await rig.offer(NAMED)
    await rig.owe(of, Owing(holder="陈晓明"))
    listening = Listening(rig.database)
    biller = HostedBiller(listening, rig.catalogue, rig.keys, rig.clock)  # type: ignore[arg-type]  # It only reads.
    await look(biller, of, owner="林美华")
    await look(biller, of, "0500000000", owner="林美华")

    assert listening.got == [0, 0]


async def test_many_who_ask_at_once_each_get_their_own(rig: HostedRig) -> None:
    """On PostgreSQL their questions share round trips."""
    of, other = await rig.offer(NAMED), await rig.offer(definition(), id_="itm_other")
    for number in range(12):
        owner = "陈晓明" if number % 2 else "林美华"
        for month in range(number % 3 + 1):
            await rig.owe(of, Owing(f"05000000{number:02d}", number + 1, owner, f"2026-{11 - month:02d}"))
    await rig.owe(other, Owing("0500000001", 77))
    asked = [(of, f"05000000{number:02d}", "陈晓明") for number in range(14)] + [(other, "0500000001", "")]
    alone = [await look(rig.biller, each, account, owner=owner) for each, account, owner in asked]

    together = await asyncio.gather(
        *(look(rig.biller, each, account, owner=owner) for each, account, owner in asked * 4)
    )

    assert together == alone * 4
    found = [len(each.bills) for each in alone if isinstance(each, Found)]
    assert found == [2, 1, 3, 2, 1, 3, 1]


async def test_each_owner_of_one_room_sees_their_own_bills(rig: HostedRig) -> None:
    of = await rig.offer(NAMED)
    old = await rig.owe(of, Owing(holder="陈晓明", period="2025-11"))
    new = await rig.owe(of, Owing(holder="林美华", period="2026-11"))

    assert [bill.bill_no for bill in await seen(rig.biller, of, owner="陈晓明")] == [old.bill_no]
    assert [bill.bill_no for bill in await seen(rig.biller, of, owner="林美华")] == [new.bill_no]


async def test_an_older_bill_of_another_owner_does_not_stand_in_the_way(rig: HostedRig) -> None:
    of = await rig.offer(definition(fields=(OWNER,), oldest_first=True))
    await rig.owe(of, Owing(holder="陈晓明", period="2025-11"))
    new = await rig.owe(of, Owing(holder="林美华", period="2026-11"))

    assert isinstance(await rig.biller.quote([line_of(of, new, owner="林美华")], START), Quote)


async def test_a_bill_without_holder_is_shown_to_nobody_who_must_prove(rig: HostedRig) -> None:
    of = await rig.offer(NAMED)
    await rig.owe(of, Owing(holder=""))

    assert await look(rig.biller, of) == NotFound()
    assert await look(rig.biller, of, owner="") == NotFound()


async def test_which_bills_are_shown(rig: HostedRig) -> None:
    of = await rig.offer(definition())
    for number, each in enumerate(STATES):
        account, holder = f"05000000{number:02d}", "ord_1" if each == "held" else None
        await rig.owe(of, Owing(account, state=each, held_by=holder))

        shown = [bill.held_by for bill in await seen(rig.biller, of, account)]

        assert shown == ([holder] if each in PAYABLE else []), each


async def test_bills_come_by_period_and_what_is_long_paid_hides_nothing(rig: HostedRig) -> None:
    of = await rig.offer(definition())
    for number in range(SHOWN_MAX + 20):
        await rig.owe(of, Owing(state="settled", paid=10_000, period=f"{1990 + number // 12}-{number % 12 + 1:02d}"))
    for period in ("2026-11", "2026-09", "2026-10"):
        await rig.owe(of, Owing(period=period))

    assert [bill.period for bill in await seen(rig.biller, of)] == ["2026-09", "2026-10", "2026-11"]


async def test_the_rest_of_a_bill(rig: HostedRig) -> None:
    of = await rig.offer(samples.property_definition(fields=()))
    await rig.owe(of, Owing("3-2-501", amount=10_000, paid=4_000, state="partly_paid", due_on=date(2026, 10, 15)))

    (bill,) = await seen(rig.biller, of, "3-2-501")

    assert (bill.amount, bill.late_fee) == (6_000, 72), "lateness counts on what is still owed"


async def test_lateness_is_of_the_moment_of_the_question(rig: HostedRig) -> None:
    of = await rig.offer(samples.property_definition(fields=()))
    await rig.owe(of, Owing("3-2-501", due_on=date(2026, 10, 15)))
    before = (await seen(rig.biller, of, "3-2-501"))[0]

    rig.clock.advance(timedelta(hours=14).total_seconds())
    after = (await seen(rig.biller, of, "3-2-501"))[0]

    assert (before.late_fee, after.late_fee) == (120, 125), "midnight has passed in Shanghai"
    old = await rig.biller.quote([line_of(of, before, account="3-2-501")], rig.clock.now())
    assert not isinstance(old, Quote)


# --- at rest ---------------------------------------------------------------------------------------------------------


async def test_no_account_and_no_name_lies_in_the_file(sqlite: Database, sqlite_url: str, clock: ManualClock) -> None:
    rig = HostedRig.over(sqlite, clock, samples.vault(), Catalogue(sqlite, clock))
    of = await rig.offer(NAMED)
    bill = await rig.owe(of, Owing("0512345678", holder="陈晓明"))
    await rig.biller.settle(await rig.pay(of, bill))
    await sqlite.close()

    path = Path(sqlite_url.removeprefix("sqlite:///"))
    stored = b"".join(part.read_bytes() for part in path.parent.glob(f"{path.name}*"))
    assert bill.bill_no.encode() in stored
    for secret in ("0512345678", "陈晓明"):
        assert secret.encode() not in stored
        assert secret.encode("utf-16-le") not in stored


async def test_equal_names_do_not_show(rig: HostedRig) -> None:
    """Else whoever reads the table would see which rooms have one owner."""
    of = await rig.offer(NAMED)
    one = await rig.owe(of, Owing("0512345678", holder="陈晓明"))
    other = await rig.owe(of, Owing("0512345679", holder="陈晓明"))
    again = await rig.owe(of, Owing("0512345678", holder="陈晓明"))

    hashes = [(await bill_row(rig.database, bill))["holder_hash"] for bill in (one, other, again)]

    assert hashes[0] == hashes[2] != hashes[1]


async def test_an_account_is_not_the_same_in_two_items(rig: HostedRig) -> None:
    water, power = await rig.offer(definition(), id_="itm_water"), await rig.offer(definition(), id_="itm_power")
    one, other = await rig.owe(water, Owing()), await rig.owe(power, Owing())

    assert (await bill_row(rig.database, one))["account_hash"] != (await bill_row(rig.database, other))["account_hash"]


async def test_a_new_key_still_finds_and_opens_what_the_old_one_kept(rig: HostedRig) -> None:
    of = await rig.offer(NAMED)
    bill = await rig.owe(of, Owing(holder="陈晓明"))
    rotated = samples.vault(OTHER_SECRET, SECRET)
    biller = HostedBiller(rig.database, rig.catalogue, rotated, rig.clock)

    assert isinstance(await look(biller, of, owner="陈晓明"), Found)
    row = await bill_row(rig.database, bill)
    assert rotated.open(row["account_sealed"], "bills.account") == "0512345678"
    assert rotated.needs_rotation(row["account_sealed"])

    forgetful = samples.vault(OTHER_SECRET)
    stranger = HostedBiller(rig.database, rig.catalogue, forgetful, rig.clock)
    assert await look(stranger, of, owner="陈晓明") == NotFound()
    with pytest.raises(BotError, match="undecipherable"):
        forgetful.open(row["account_sealed"], "bills.account")


# --- what has no bills -----------------------------------------------------------------------------------------------


async def test_a_meal_is_settled_by_being_paid(rig: HostedRig) -> None:
    meal = await rig.offer(samples.meal_definition(), id_="itm_meal", scene="dining")
    told = paid_line(meal, None, 3_500, account="")

    assert await rig.biller.settle(told) == Settled(told.id)
    assert await rig.biller.undo(told, "refund") == Reversed(told.id)
    assert await rig.biller.settle_status(told) is None, "nothing is kept of it: telling once more does no harm"
    assert await look(rig.biller, meal, "") == NotFound()


async def test_an_advance_payment_needs_an_account_of_ours(rig: HostedRig) -> None:
    of: BillItem = await rig.offer(definition(flow=Flow.VALIDATE, amount=AmountRule(kind=AmountKind.ANY), partial=True))
    bill = await rig.owe(of, Owing())
    line = replace(line_of(of, bill), bill=None, amount=5_000)

    assert isinstance(await rig.biller.quote([line], START), Quote)
    assert not isinstance(await rig.biller.quote([replace(line, account="0500000000")], START), Quote)
