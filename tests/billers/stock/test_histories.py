"""Random histories of holds, payments, refunds and waiting, each compared with what a plain count would say."""

import asyncio
import itertools
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.billers.port import Quote, Refused, Reversed, Settled
from bot.billers.stock import book
from bot.kernel.clock import ManualClock
from bot.storage.database import connect
from tests.billers import samples
from tests.billers.stock.rig import PEOPLE, Park, offer

KINDS: Final = ("成人票", "学生票")
GRACE: Final = 300
_runs = itertools.count(1)

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("hold"), st.sampled_from(KINDS), st.sets(st.sampled_from(PEOPLE), min_size=1)),
        st.tuples(st.sampled_from(("pay", "refund", "use", "exchange")), st.integers(0, 9), st.just(None)),
        st.tuples(st.just("wait"), st.sampled_from((60, 1_300)), st.just(None)),
        st.tuples(st.just("sweep"), st.just(None), st.just(None)),
    ),
    max_size=25,
)


@dataclass
class Entry:
    """One hold as the count knows it."""

    kind: str
    people: frozenset[str]
    quote: Quote
    until: datetime
    state: str = "held"
    used: bool = False


@dataclass
class Count:
    """What the shelf must look like: pieces by kind, tickets by person."""

    capacity: int
    quota: int
    entries: list[Entry] = field(default_factory=list)

    def standing(self, now: datetime) -> list[Entry]:
        """Holds that still take something from others; one that ran out does so for nobody."""
        return [each for each in self.entries if each.state == "sold" or (each.state == "held" and each.until > now)]

    def fits(self, kind: str, people: frozenset[str], now: datetime) -> bool:
        standing = self.standing(now)
        taken = sum(len(each.people) for each in standing if each.kind == kind)
        mine = max(sum(person in each.people for each in standing) for person in people)
        return taken + len(people) <= self.capacity and mine < self.quota


async def play(park: Park, count: Count, steps: list[tuple[str, object, object]]) -> None:
    """Play a history on the stock and on the count."""
    run = next(_runs)
    # A day of its own for each history, so that one database serves them all.
    offers = {
        kind: replace(offer(count.capacity, count.quota, kind), id=f"off_{run}_{kind}", slot=f"{run}") for kind in KINDS
    }
    offers = {kind: replace(each, day=f"day {run}") for kind, each in offers.items()}
    await park.open(*offers.values())
    for name, first, second in steps:
        now = park.clock.now()
        if name == "hold":
            people = frozenset(second) if isinstance(second, set | frozenset) else frozenset()
            await _sweep(park, count)
            answer = await park.hold(offers[str(first)], *sorted(people))
            assert isinstance(answer, Quote) == count.fits(str(first), people, now), (first, people, answer)
            if isinstance(answer, Quote):
                until = answer.expires_at + timedelta(seconds=GRACE)
                count.entries.append(Entry(str(first), people, answer, until))
        elif name == "wait":
            park.clock.advance(float(str(first)))
        elif name == "sweep":
            await _sweep(park, count)
        elif count.entries:
            await _act(park, count, name, count.entries[int(str(first)) % len(count.entries)])
        for kind, each in offers.items():
            pieces = sum(
                len(entry.people) for entry in count.entries if entry.kind == kind and entry.state in ("held", "sold")
            )
            assert await park.taken(each) == pieces
    assert await park.faults() == []


async def _sweep(park: Park, count: Count) -> None:
    now = park.clock.now()
    for hold_id in await book.expired(park.database, now, 100):
        await park.database.effect(lambda tx, id_=hold_id: book.release(tx, id_, now))  # type: ignore[misc]
    for each in count.entries:
        if each.state == "held" and each.until <= now:
            each.state = "released"


async def _act(park: Park, count: Count, name: str, entry: Entry) -> None:
    line = park.paid(entry.quote, f"oln_{entry.quote.id}")
    now = park.clock.now()
    if name == "pay":
        await _sweep(park, count)
        answer = await park.biller.settle(line)
        if entry.state == "held" or (entry.state == "released" and count.fits(entry.kind, entry.people, now)):
            assert isinstance(answer, Settled)
            entry.state = "sold"
        elif entry.state in ("released", "refused"):
            assert answer == Refused("sold_out")
            entry.state = "refused"
        else:
            assert isinstance(answer, Settled), "asked again, it says the same"
    elif name == "refund" and entry.state in ("sold", "refunded"):
        undone = await park.biller.undo(line, "refund")
        assert isinstance(undone, Reversed) == (not entry.used)
        entry.state = "sold" if entry.used else "refunded"
    elif name == "use" and entry.state == "sold":
        entry.used = True
        await park.database.effect(
            lambda tx: tx.execute("UPDATE holds SET used_at = 1 WHERE line_id = $1 AND state = 'sold'", line.id)
        )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, capacity=st.integers(1, 4), quota=st.integers(1, 2))
def test_a_history_leaves_what_a_plain_count_leaves(
    database_url: str, steps: list[tuple[str, object, object]], capacity: int, quota: int
) -> None:
    async def whole() -> None:
        clock = ManualClock(samples.START)
        database = await connect(database_url, clock)
        try:
            await play(Park(database, clock, samples.vault()), Count(capacity, quota), steps)
        finally:
            await database.close()

    with asyncio.Runner() as runner:
        runner.run(whole())
