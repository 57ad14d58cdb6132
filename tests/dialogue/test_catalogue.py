"""The catalogue's steps over a real stock: what was said is taken, what is wrong asked again, nothing held twice."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import pytest

from bot.billers.catalogue import Catalogue
from bot.billers.directory import Billers
from bot.billers.items import STOCK
from bot.billers.port import Quote
from bot.dialogue.acts import Act
from bot.dialogue.scene import Context, Scene
from bot.dialogue.session import FRAME_LIFE, Frame, Slot
from bot.dialogue.shapes.catalogue import CATALOGUE_STEPS, read_people
from bot.dialogue.steps import Again, Ask, Done, Menu, Outcome, Pay
from bot.kernel.clock import ManualClock
from bot.storage.database import connect
from handlers.consumer.tourism import SCENE
from tests.billers import samples
from tests.billers.stock.rig import PEOPLE, Park, offer

TODAY = samples.START.date()
A, B, C = PEOPLE


@dataclass
class Visit:
    """A customer's frame over a park."""

    park: Park
    frame: Frame

    async def walk(self, words: str = "", **slots: str) -> Outcome:
        """Say words, then fill slots, and walk until something is said."""
        if words:
            self.frame.heard["again"] = words
            outcome = await self._go_on()
        if words and not slots:
            return outcome
        for name, value in slots.items():
            self.frame.slots[name] = Slot(value)
            self.frame.quote = None
        return await self._go_on()

    async def _go_on(self) -> Outcome:
        scene: Scene = SCENE
        for _ in range(3):
            for step in CATALOGUE_STEPS:
                outcome = await step(scene, self._context(), self.frame)
                if outcome is not None:
                    break
            assert outcome is not None
            if not isinstance(outcome, Again):
                return outcome
            self.again = outcome.code
        raise AssertionError("endless")

    def _context(self) -> Context:
        catalogue = Catalogue(self.park.database, self.park.clock)
        nothing = cast("Any", None)
        facts = dict.fromkeys(Context.__dataclass_fields__, nothing)
        facts |= {"customer_id": "cus_1", "at": self.park.clock.now(), "merchants": (), "catalogue": catalogue}
        return Context(**facts | {"billers": Billers(catalogue, nothing, {STOCK: self.park.biller})})


@pytest.fixture
async def visit(sqlite_url: str) -> AsyncIterator[Visit]:
    clock = ManualClock(samples.START)
    database = await connect(sqlite_url, clock)
    park = Park(database, clock, samples.vault())
    yield Visit(park, Frame("tourism", Act.PAY, clock.now() + FRAME_LIFE))
    await database.close()


def quote_of(outcome: Outcome) -> Quote:
    assert isinstance(outcome, Pay), outcome
    return outcome.quote


async def test_a_whole_wish_needs_only_the_names(visit: Visit) -> None:
    await visit.park.open(offer(9), offer(9, kind="学生票"), offer(9, days=5))

    asked = await visit.walk("买两张11月27日的成人票")
    assert isinstance(asked, Ask) and (asked.code, asked.facts["count"]) == ("ask_people", 2)
    quote = quote_of(await visit.walk(said=f"{A}，{B}"))

    assert (quote.amount, quote.title) == (24_000, "成人票 2026-11-27 2张")


async def test_what_was_not_said_is_asked_for_one_by_one(visit: Visit) -> None:
    await visit.park.open(offer(9), offer(2, kind="学生票"), offer(9, days=5, kind="学生票"))

    kinds = await visit.walk("买门票")
    assert isinstance(kinds, Menu) and [option.value for option in kinds.options] == ["学生票", "成人票"]
    days = await visit.walk(kind="学生票")
    assert isinstance(days, Menu) and (days.code, days.facts["left"]) == ("choose_offer", [2, 9])
    counts = await visit.walk(offer="off_学生票_4")
    assert isinstance(counts, Menu) and [option.value for option in counts.options] == ["1", "2"]
    assert isinstance(await visit.walk(quantity="1"), Ask)
    assert quote_of(await visit.walk(said=A)).amount == 12_000


async def test_a_wrong_name_is_asked_for_again_with_the_reason(visit: Visit) -> None:
    await visit.park.open(offer(9))
    await visit.walk("买两张成人票", offer="off_成人票_4", quantity="2")

    for said, reason in ((f"{A[:-1]}9 {B}", "check"), (A, "count"), (f"{A} {A}", "count"), (f"{A} ABCDEFGH", "other")):
        asked = await visit.walk(said=said)
        assert isinstance(asked, Ask) and (asked.code, asked.facts["reason"]) == ("people_wrong", reason)
    assert await visit.park.taken(offer(9)) == 0


async def test_a_changed_mind_exchanges_the_hold(visit: Visit) -> None:
    day, other = offer(1), offer(1, kind="学生票")
    await visit.park.open(day, other)
    first = quote_of(await visit.walk("一张成人票", offer=day.id, said=A))
    # The price stands as long as it holds, though nothing else is left on the shelf.
    assert quote_of(await visit.walk()).id == first.id

    second = quote_of(await visit.walk("还是学生票吧", offer=other.id))

    assert second.id != first.id
    assert (await visit.park.taken(day), await visit.park.taken(other)) == (0, 1)


async def test_an_expired_price_is_made_anew_for_the_same_piece(visit: Visit) -> None:
    day = offer(1)
    await visit.park.open(day)
    first = quote_of(await visit.walk("一张成人票", offer=day.id, said=A))
    visit.park.clock.advance((first.expires_at - samples.START) / timedelta(seconds=1))

    assert quote_of(await visit.walk()).id != first.id
    assert await visit.park.taken(day) == 1


async def test_what_is_gone_is_said_and_chosen_anew(visit: Visit) -> None:
    day, later = offer(1), offer(1, days=5)
    await visit.park.open(day, later)
    await visit.walk("一张成人票", offer=day.id)
    await visit.park.held(day, B)

    outcome = await visit.walk(said=A)

    assert isinstance(outcome, Menu) and [option.value for option in outcome.options] == [later.id]


async def test_a_full_quota_asks_for_another_name(visit: Visit) -> None:
    day = offer(5)
    await visit.park.open(day)
    await visit.park.held(day, A)

    outcome = await visit.walk("一张成人票", offer=day.id, quantity="1", said=A)

    assert isinstance(outcome, Ask) and (visit.again, outcome.code) == ("refused_over_quota", "ask_people")
    assert quote_of(await visit.walk(said=B)).amount == 12_000


async def test_an_empty_shelf_says_so(visit: Visit) -> None:
    await visit.park.open()

    outcome = await visit.walk("买门票")

    assert isinstance(outcome, Done) and outcome.code == "nothing_on_sale"


@pytest.mark.parametrize(
    ("text", "people"),
    [
        (A, (A,)),
        (f"{A}、{B}", (A, B)),
        (f"我和我妈：{A} {B.lower()}", (A, B)),
        (f"{A} {A}", (A,)),
        ("E12345678", ("E12345678",)),
        ("没有", ()),
        (A[:-1] + "9", "check"),
        ("110101199013070011", "other"),
    ],
)
def test_names_are_read_and_checked(text: str, people: tuple[str, ...] | str) -> None:
    assert read_people(text, TODAY) == people
