"""What the stock answers: holds as long as a quote, sales once, refusals with their reasons, and what is given back."""

import asyncio
from datetime import timedelta

import pytest

from bot.billers.port import BillQuery, Line, NotFound, Quote, Refusal, Refused, Reversed, Settled
from bot.billers.proofs import Voucher, read_proof
from bot.billers.stock import book
from tests.billers.stock.rig import PEOPLE, Park, offer, ticket

A, B, C = PEOPLE


def hold_of(quote: Quote) -> str:
    """The id of the hold behind a quote."""
    bill = quote.lines[0].bill
    assert bill is not None
    return bill.bill_no


async def test_a_quote_holds_what_it_prices_and_names_nobody(park: Park) -> None:
    day = offer()
    await park.open(day)

    quote = await park.held(day, A, B)

    assert (quote.amount, quote.title) == (24_000, "成人票 2026-11-27 2张")
    assert quote.lines[0].fields == {}
    assert quote.lines[0].bill is not None and quote.lines[0].bill.bill_id is None
    assert await park.taken(day) == 2
    assert [each.left for each in await park.biller.offers("itm_ticket", park.clock.now())] == []
    rows = await park.database.rows("SELECT people FROM holds")
    assert A not in rows[0]["people"]
    assert await park.biller.find(BillQuery("itm_ticket", "1")) == NotFound()


async def test_a_hold_of_the_asker_counts_as_free_for_it(park: Park) -> None:
    day = offer(capacity=1)
    await park.open(day)
    hold = hold_of(await park.held(day, A))

    offers = await park.biller.offers("itm_ticket", park.clock.now(), hold)

    assert [each.left for each in offers] == [1]


async def test_what_is_sold_out_is_refused_and_comes_back_when_its_time_is_over(park: Park) -> None:
    day = offer(capacity=1)
    await park.open(day)
    quote = await park.held(day, A)
    assert await park.hold(day, B) == Refusal("sold_out")

    # The hold outlives its quote by the grace of the item, for a notice that comes late.
    park.clock.advance((quote.expires_at - park.clock.now()).total_seconds() + 299)
    assert await park.hold(day, B) == Refusal("sold_out")
    park.clock.advance(1)

    assert isinstance(await park.hold(day, B), Quote)
    assert await park.taken(day) == 1


async def test_a_sale_is_made_once_for_a_line_and_names_a_voucher(park: Park) -> None:
    day = offer()
    await park.open(day)
    line = park.paid(await park.held(day, A))

    first = await park.biller.settle(line)
    again = await park.biller.settle(line)

    assert isinstance(first, Settled) and first == again == await park.biller.settle_status(line)
    proof = read_proof(first.ref)
    assert isinstance(proof, Voucher) and Voucher.of(proof.shown) == proof
    assert await park.taken(day) == 1


async def test_a_line_is_sold_what_it_was_quoted_and_nothing_else(park: Park) -> None:
    day = offer()
    await park.open(day)
    quote = await park.held(day, A)

    assert await park.biller.settle(park.paid(quote, amount=1)) == Refused("amount")
    sold = park.paid(quote, "oln_1")
    await park.biller.settle(sold)
    assert await park.biller.settle(park.paid(quote, "oln_2")) == Refused("conflict")
    assert await park.biller.settle(park.paid(quote, "oln_3", 1)) == Refused("conflict")


async def test_a_hold_that_nobody_knows_is_not_sold(park: Park) -> None:
    day = offer()
    await park.open(day)
    line = park.paid(await park.held(day, A))
    gone = type(line)(**{name: getattr(line, name) for name in line.__slots__} | {"bill_no": "hld_none"})

    assert await park.biller.settle(gone) == Refused("not_found")
    assert await park.biller.settle_status(gone) is None
    assert await park.biller.settle_status(line) is None
    assert await park.biller.undo(gone, "refund") == Refused("not_found")


async def test_a_late_payment_takes_again_what_is_still_there(park: Park) -> None:
    day = offer(capacity=1)
    await park.open(day)
    quote = await park.held(day, A)
    park.clock.advance(3_600)
    await park.database.effect(lambda tx: book.release(tx, hold_of(quote), park.clock.now()))
    assert await park.taken(day) == 0

    assert isinstance(await park.biller.settle(park.paid(quote)), Settled)
    assert await park.taken(day) == 1
    assert await park.faults() == []


async def test_a_late_payment_for_what_is_gone_is_refused_for_good(park: Park) -> None:
    day = offer(capacity=1)
    await park.open(day)
    late = await park.held(day, A)
    park.clock.advance(3_600)
    other = await park.held(day, B)
    line = park.paid(late)

    assert await park.biller.settle(line) == Refused("sold_out")
    await park.biller.settle(park.paid(other))
    # Even should a piece come back, the answer stands: its money is on its way already.
    await park.biller.undo(park.paid(other), "refund")
    assert await park.biller.settle(line) == Refused("sold_out") == await park.biller.settle_status(line)


async def test_a_late_payment_does_not_break_a_quota(park: Park) -> None:
    day = offer(capacity=5)
    await park.open(day)
    late = await park.held(day, A)
    park.clock.advance(3_600)
    await park.held(day, A)

    assert await park.biller.settle(park.paid(late)) == Refused("sold_out")
    assert await park.taken(day) == 1
    assert await park.faults() == []


async def test_one_identity_has_its_quota_of_a_day_whatever_the_kind(park: Park) -> None:
    adult, student, next_day = offer(5), offer(5, kind="学生票"), offer(5, days=5)
    await park.open(adult, student, next_day)
    await park.held(adult, A)

    assert await park.hold(student, A) == Refusal("over_quota")
    assert await park.hold(adult, B, A) == Refusal("over_quota")
    # Nothing of the refused wish is left behind: neither the piece nor the name of the other person.
    assert await park.taken(adult) == 1
    assert isinstance(await park.hold(student, B), Quote)
    assert isinstance(await park.hold(next_day, A), Quote)


async def test_a_changed_wish_exchanges_its_hold(park: Park) -> None:
    day, other = offer(2), offer(2, kind="学生票")
    await park.open(day, other)
    first = await park.held(day, A)

    second = await park.hold(day, A, B, instead_of=hold_of(first))
    assert isinstance(second, Quote)
    assert await park.taken(day) == 2
    third = await park.hold(other, A, instead_of=hold_of(second))

    assert isinstance(third, Quote)
    assert (await park.taken(day), await park.taken(other)) == (0, 1)


async def test_what_was_sold_is_never_exchanged(park: Park) -> None:
    day = offer(2)
    await park.open(day)
    first = await park.held(day, A)
    await park.biller.settle(park.paid(first))

    await park.hold(day, B, instead_of=hold_of(first))

    assert await park.taken(day) == 2


@pytest.mark.parametrize(
    ("people", "quantity", "code"),
    [((), 0, "too_many"), ((A,), 4, "too_many"), ((A,), 2, "nothing_chosen"), ((A, A), 2, "nothing_chosen")],
)
async def test_a_wish_that_is_none_is_refused(park: Park, people: tuple[str, ...], quantity: int, code: str) -> None:
    day = offer(9)
    await park.open(day)

    answer = await park.hold(day, *people, quantity=quantity)

    assert isinstance(answer, Refusal) and answer.code == code
    assert await park.taken(day) == 0


async def test_nothing_is_sold_that_is_over_stopped_or_of_another_item(park: Park) -> None:
    day = offer(9)
    await park.open(day)
    stray = Line("itm_ticket", 0, "", fields={"offer": "off_none", "quantity": "1", "people": A})
    assert await park.biller.quote([stray], park.clock.now()) == Refusal("sale_over")
    assert await park.biller.quote([], park.clock.now()) == Refusal("nothing_chosen")
    assert await park.biller.quote([stray, stray], park.clock.now()) == Refusal("one_at_a_time")
    park.clock.advance(timedelta(days=4, hours=6).total_seconds())

    assert await park.hold(day, A) == Refusal("sale_over")
    assert await park.biller.offers("itm_ticket", park.clock.now()) == []


async def test_it_is_given_back_whole_while_the_terms_allow_it(park: Park) -> None:
    day = offer(1)
    await park.open(day)
    line = park.paid(await park.held(day, A))
    await park.biller.settle(line)
    assert await park.biller.undo_status(line) is None

    first, again = await park.biller.undo(line, "refund"), await park.biller.undo(line, "refund")

    assert first == again == Reversed(line.id) == await park.biller.undo_status(line)
    assert await park.taken(day) == 0
    assert isinstance(await park.hold(day, A), Quote)
    assert await park.faults() == []


async def test_what_is_worth_a_part_only_is_for_a_person_to_decide(park: Park) -> None:
    day = offer(1)
    await park.open(day)
    line = park.paid(await park.held(day, A))
    await park.biller.settle(line)
    park.clock.advance(timedelta(days=2, seconds=1).total_seconds())

    assert await park.biller.undo(line, "refund") == Refused("closed", "6000")
    assert await park.taken(day) == 1


async def test_a_used_voucher_is_used_once_and_never_given_back(park: Park) -> None:
    day = offer(1)
    await park.open(day)
    line = park.paid(await park.held(day, A))
    settled = await park.biller.settle(line)
    assert isinstance(settled, Settled)
    voucher = read_proof(settled.ref)
    assert isinstance(voucher, Voucher)

    async def used(merchant: str) -> bool:
        return await park.database.effect(lambda tx: book.use(tx, voucher, merchant, park.clock.now()))

    assert not await used("mer_rain"), "another merchant's gate"
    assert await used("mer_sun")
    assert not await used("mer_sun")
    assert await park.biller.undo(line, "refund") == Refused("used")


async def test_a_voucher_that_was_given_back_opens_no_gate(park: Park) -> None:
    day = offer(1)
    await park.open(day)
    line = park.paid(await park.held(day, A))
    settled = await park.biller.settle(line)
    assert isinstance(settled, Settled)
    voucher = read_proof(settled.ref)
    assert isinstance(voucher, Voucher)
    await park.biller.undo(line, "refund")

    assert not await park.database.effect(lambda tx: book.use(tx, voucher, "mer_sun", park.clock.now()))


async def test_a_sale_without_names_asks_for_none(park: Park) -> None:
    park.item = ticket(real_name=False)
    day = offer(2)
    await park.open(day)

    assert isinstance(await park.hold(day, quantity=2), Quote)
    assert await park.database.rows("SELECT * FROM passes") == []


async def test_many_at_once_never_take_more_than_there_is(park: Park) -> None:
    day = offer(capacity=5, per_person=0)
    await park.open(day)
    people = [f"11010119900307{number:04d}" for number in range(30)]

    answers = await asyncio.gather(*(park.hold(day, person) for person in people))

    assert sum(isinstance(answer, Quote) for answer in answers) == 5
    assert {answer.code for answer in answers if isinstance(answer, Refusal)} == {"sold_out"}
    assert await park.taken(day) == 5
    assert await park.faults() == []


async def test_one_identity_asked_for_many_times_at_once_gets_its_quota(park: Park) -> None:
    """Two kinds of one day lie behind two locks; the quota holds all the same."""
    adult, student = offer(9, per_person=2), offer(9, per_person=2, kind="学生票")
    await park.open(adult, student)

    answers = await asyncio.gather(*(park.hold(adult if turn % 2 else student, A) for turn in range(12)))

    assert sum(isinstance(answer, Quote) for answer in answers) == 2
    assert await park.taken(adult) + await park.taken(student) == 2
    assert await park.faults() == []


async def test_the_last_piece_goes_to_one_of_those_who_pay_late(park: Park) -> None:
    day = offer(capacity=2, per_person=0)
    await park.open(day)
    late = [await park.held(day, person) for person in (A, B)]
    park.clock.advance(3_600)
    await park.held(day, C)

    answers = await asyncio.gather(*(park.biller.settle(park.paid(quote)) for quote in late))

    assert sorted(type(answer).__name__ for answer in answers) == ["Refused", "Settled"]
    assert await park.taken(day) == 2
    assert await park.faults() == []


async def test_bringing_an_offer_up_to_date_keeps_what_is_taken(park: Park) -> None:
    day = offer(2)
    await park.open(day)
    await park.held(day, A, B)

    more = await park.database.effect(lambda tx: book.put(tx, offer(3), park.clock.now()))
    fewer = await park.database.effect(lambda tx: book.put(tx, offer(1), park.clock.now()))

    assert (more, fewer) == (True, False)
    assert await park.taken(day) == 2
    assert [each.left for each in await park.biller.offers("itm_ticket", park.clock.now())] == [1]
