"""Every registered gateway keeps the promises of payments.ports.Gateway, whatever its platform does."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.gateways import GATEWAYS, WALLETS
from bot.kernel.clock import ManualClock
from bot.kernel.errors import Misconfigured
from bot.payments.facts import (
    ChargeRef,
    Closed,
    Created,
    Missing,
    NewCharge,
    Notice,
    Paid,
    PaidFact,
    RawNotice,
    RefundedSum,
    RefundFact,
    RefundState,
    Unknown,
    Unverified,
    Waiting,
    Way,
)
from bot.payments.ports import Gateway
from tests.gateways.rig import Rig, ScriptedHttp, rig_of

WAYS = (Way.JSAPI, Way.MINI, Way.NATIVE, Way.H5, Way.REDIRECT)
PAID_AT = datetime(2026, 11, 23, 19, 59, 58, tzinfo=UTC)
DAY = date(2026, 11, 22)
# More sendings than this in one call would keep a payer waiting.
SENDINGS_MAX = 3


@pytest.fixture(params=sorted(GATEWAYS))
def rig(request: pytest.FixtureRequest) -> Rig:
    return rig_of(request.param)


def first_way(rig: Rig) -> Way:
    return next(way for way in WAYS if way in rig.gateway.can)


def charge_of(rig: Rig) -> NewCharge:
    return rig.charge(first_way(rig))


CALLS: dict[str, Callable[[Rig], Any]] = {
    "create": lambda rig: rig.gateway.create(charge_of(rig)),
    "query": lambda rig: rig.gateway.query(rig.ref(charge_of(rig))),
    "close": lambda rig: rig.gateway.close(rig.ref(charge_of(rig))),
    "refund": lambda rig: rig.gateway.refund(rig.new_refund()),
    "refund_query": lambda rig: rig.gateway.refund_query(rig.refund_ref()),
}


@pytest.mark.parametrize("name", sorted(GATEWAYS))
def test_it_is_registered_under_its_own_name(name: str) -> None:
    rig = rig_of(name)

    assert rig.gateway.name == name
    assert set(WAYS) & rig.gateway.can


def test_every_wallet_is_served_by_a_registered_gateway() -> None:
    assert set(WALLETS.values()) <= set(GATEWAYS)


@pytest.mark.parametrize("name", sorted(GATEWAYS))
def test_a_useless_account_is_refused_with_a_remedy(name: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        GATEWAYS[name]({"main": {}}, ScriptedHttp(), ManualClock(PAID_AT))  # type: ignore[arg-type]

    assert refusal.value.remedy


@pytest.mark.parametrize("name", sorted(GATEWAYS))
def test_no_account_means_a_gateway_that_serves_nobody(name: str) -> None:
    """No secret configured is the feature off, never no check."""
    gateway = GATEWAYS[name]({}, ScriptedHttp(), ManualClock(PAID_AT))  # type: ignore[arg-type]
    fact = gateway.read_notice(RawNotice("main", {}, b"{}"), PAID_AT)

    assert isinstance(fact, Unverified)
    assert fact.status == 404


async def test_create_hands_over_what_the_payer_needs(rig: Rig) -> None:
    for way in WAYS:
        if way not in rig.gateway.can:
            continue
        rig.will_create(way)
        outcome = await rig.gateway.create(rig.charge(way))

        assert isinstance(outcome, Created), way
        assert outcome.handover
        assert {type(value) for value in outcome.handover.values()} == {str}
        assert all(outcome.handover.values())


async def test_a_create_without_answer_is_repeated_identically_and_stays_unknown(rig: Rig) -> None:
    rig.will_be_silent(SENDINGS_MAX)

    outcome = await rig.gateway.create(charge_of(rig))

    assert isinstance(outcome, Unknown)
    assert 1 < len(rig.http.sent) <= SENDINGS_MAX
    assert len({repr(rig.same(sent)) for sent in rig.http.sent}) == 1


async def test_a_later_create_of_the_same_charge_is_the_identical_request(rig: Rig) -> None:
    charge = charge_of(rig)
    for _ in range(2):
        rig.will_create(charge.way)
        await rig.gateway.create(charge)
        rig.clock.advance(20)

    first, second = (rig.same(sent) for sent in rig.http.sent)
    assert first == second


async def test_a_create_that_is_answered_at_the_second_sending_is_created(rig: Rig) -> None:
    charge = charge_of(rig)
    rig.will_be_silent()
    rig.will_create(charge.way)

    assert isinstance(await rig.gateway.create(charge), Created)


@pytest.mark.parametrize("call", sorted(CALLS))
async def test_no_call_raises_or_concludes_when_nobody_answers(rig: Rig, call: str) -> None:
    rig.will_be_silent(SENDINGS_MAX)

    assert isinstance(await CALLS[call](rig), Unknown)


@pytest.mark.parametrize("call", sorted(CALLS))
async def test_no_call_concludes_from_the_platforms_own_trouble(rig: Rig, call: str) -> None:
    rig.will_fail(SENDINGS_MAX)

    assert isinstance(await CALLS[call](rig), Unknown)


@pytest.mark.parametrize("call", sorted(CALLS))
async def test_no_call_believes_an_answer_that_is_not_proven(rig: Rig, call: str) -> None:
    for name, script in rig.wrong():
        rig.http.script.clear()
        script()

        assert isinstance(await CALLS[call](rig), Unknown), name


async def test_every_call_has_a_deadline(rig: Rig) -> None:
    for call in CALLS.values():
        rig.will_be_silent(SENDINGS_MAX)
        await call(rig)
        rig.http.script.clear()

    assert all(0 < sent.within <= 30 for sent in rig.http.sent)


async def test_a_query_tells_a_payment_with_all_that_credit_compares(rig: Rig) -> None:
    charge = charge_of(rig)
    rig.will_say_paid(charge, PAID_AT)

    fact = await rig.gateway.query(rig.ref(charge))

    assert isinstance(fact, Paid)
    merchant, apps = rig.gateway.owner(rig.account)
    paid = fact.fact
    assert (paid.out_trade_no, paid.amount, paid.currency) == (charge.out_trade_no, charge.amount, charge.currency)
    assert (paid.merchant_id, paid.paid_at) == (merchant, PAID_AT)
    assert paid.app_id in apps
    assert paid.transaction_id


async def test_a_query_tells_apart_waiting_missing_closed_and_unheard_of(rig: Rig) -> None:
    charge = charge_of(rig)
    rig.will_say_waiting(charge)
    rig.will_say_missing()
    rig.will_say_closed(charge)
    rig.will_say_nobody_knows_what(charge)
    facts = [await rig.gateway.query(rig.ref(charge)) for _ in range(4)]

    assert [type(fact) for fact in facts] == [Waiting, Missing, Closed, Unknown]
    assert not facts[2].was_paid  # type: ignore[union-attr]


async def test_paid_and_given_back_is_never_read_as_never_paid(rig: Rig) -> None:
    charge = charge_of(rig)
    rig.will_say_went_back(charge)

    fact = await rig.gateway.query(rig.ref(charge))

    assert isinstance(fact, Paid) or (isinstance(fact, Closed) and fact.was_paid)


async def test_an_answer_about_another_charge_says_nothing_about_this_one(rig: Rig) -> None:
    charge = charge_of(rig)
    rig.will_say_paid(rig.charge(charge.way, "T20261124000000000000000099"), PAID_AT)

    assert isinstance(await rig.gateway.query(rig.ref(charge)), Unknown)


async def test_close_ends_a_charge_or_finds_it_paid_or_missing(rig: Rig) -> None:
    charge = charge_of(rig)
    ref: ChargeRef = rig.ref(charge)
    rig.will_close()
    closed = await rig.gateway.close(ref)
    rig.will_refuse_close_as_paid()
    rig.will_say_paid(charge, PAID_AT)
    paid = await rig.gateway.close(ref)
    rig.will_say_missing()
    missing = await rig.gateway.close(ref)

    assert isinstance(closed, Closed)
    assert not closed.was_paid
    assert isinstance(paid, Paid)
    assert isinstance(missing, Missing)


async def test_a_close_that_was_refused_while_the_order_waits_is_unknown(rig: Rig) -> None:
    charge = charge_of(rig)
    rig.will_refuse_close_as_paid()
    rig.will_say_waiting(charge)

    assert isinstance(await rig.gateway.close(rig.ref(charge)), Unknown)


@pytest.mark.parametrize("state", list(RefundState))
async def test_a_refund_is_told_alike_by_request_query_and_notice(rig: Rig, state: RefundState) -> None:
    """A rig may name the states that its platform has (``refund_states``), and say that its notices tell no fact."""
    if state not in getattr(rig, "refund_states", frozenset(RefundState)):
        pytest.skip("no refund of this gateway is ever in this state")
    rig.will_refund(state)
    rig.will_refund(state)
    asked = await rig.gateway.refund(rig.new_refund())
    queried = await rig.gateway.refund_query(rig.refund_ref())

    assert isinstance(asked, RefundFact)
    assert asked == queried
    assert (asked.state, asked.amount, asked.total) == (state, rig.new_refund().amount, rig.new_refund().total)
    assert asked.merchant_id == rig.gateway.owner(rig.account)[0]
    assert (asked.succeeded_at is not None) == (state is RefundState.SUCCEEDED)
    if state is not RefundState.PENDING:
        notice = rig.gateway.read_notice(rig.refund_notice(state), rig.clock.now())
        assert isinstance(notice, Notice)
        if getattr(rig, "refund_notices_tell", True):
            assert notice.fact == asked
        else:
            # One that cannot tell a refund from the sum of several names the refund to ask about.
            summed = RefundedSum(asked.out_trade_no, asked.out_refund_no, asked.amount, asked.merchant_id)
            assert notice.fact == summed


async def test_an_unknown_refund_is_missing(rig: Rig) -> None:
    rig.will_say_refund_missing()

    assert isinstance(await rig.gateway.refund_query(rig.refund_ref()), Missing)


async def test_a_repeated_refund_is_the_identical_request_under_its_own_number(rig: Rig) -> None:
    for _ in range(2):
        rig.will_be_silent()
        await rig.gateway.refund(rig.new_refund())

    first, second = (rig.same(sent) for sent in rig.http.sent)
    assert first == second


async def test_a_notice_and_a_query_tell_the_same_payment(rig: Rig) -> None:
    charge = charge_of(rig)
    rig.will_say_paid(charge, PAID_AT)
    queried = await rig.gateway.query(rig.ref(charge))
    notice = rig.gateway.read_notice(rig.paid_notice(charge, PAID_AT), rig.clock.now())

    assert isinstance(queried, Paid)
    assert isinstance(notice, Notice)
    assert isinstance(notice.fact, PaidFact)
    assert notice.fact == queried.fact
    assert notice.account == rig.account
    assert notice.id
    assert len(notice.body_digest) == 64


def test_a_notice_that_comes_again_has_the_same_id(rig: Rig) -> None:
    raw = rig.paid_notice(charge_of(rig), PAID_AT)
    first, again = (rig.gateway.read_notice(raw, rig.clock.now()) for _ in range(2))

    assert isinstance(first, Notice)
    assert first == again


def test_forged_notices_are_unverified_with_a_4xx(rig: Rig) -> None:
    genuine = rig.paid_notice(charge_of(rig), PAID_AT)
    names = []
    for name, raw in rig.spoiled(genuine):
        outcome = rig.gateway.read_notice(raw, rig.clock.now())
        names.append(name)

        assert isinstance(outcome, Unverified), name
        assert 400 <= outcome.status < 500, name
    assert len(names) >= 5


def test_a_notice_for_another_account_is_nobodys(rig: Rig) -> None:
    raw = rig.paid_notice(charge_of(rig), PAID_AT)
    outcome = rig.gateway.read_notice(RawNotice("nobody", raw.headers, raw.body), rig.clock.now())

    assert isinstance(outcome, Unverified)
    assert outcome.status == 404


# Header values as a web server decodes them: any bytes, those that are no UTF-8 as lone surrogates.
HEADER = st.binary(max_size=60).map(lambda raw: raw.decode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("name", sorted(GATEWAYS))
@settings(max_examples=100)
@given(
    names=st.sets(st.sampled_from(range(12)), max_size=12),
    values=st.lists(HEADER, min_size=12, max_size=12),
    body=st.binary(max_size=300),
    query=HEADER,
)
def test_garbage_is_unverified_and_never_an_error(
    name: str, names: set[int], values: list[str], body: bytes, query: str
) -> None:
    rig = _shared(name)
    genuine = rig.paid_notice(charge_of(rig), PAID_AT)
    headers = dict(genuine.headers)
    for place, header in enumerate(sorted(genuine.headers)):
        if place in names:
            headers[header] = values[place]
    raw = RawNotice(rig.account, headers, body, query)
    outcome = rig.gateway.read_notice(raw, rig.clock.now())

    assert isinstance(outcome, Unverified)
    assert 400 <= outcome.status < 500


def test_reading_notices_calls_nobody(rig: Rig) -> None:
    genuine = rig.paid_notice(charge_of(rig), PAID_AT)
    for raw in (genuine, *(raw for _, raw in rig.spoiled(genuine))):
        rig.gateway.read_notice(raw, rig.clock.now())

    assert rig.http.sent == []


def test_acknowledgements_differ(rig: Rig) -> None:
    yes, no = rig.gateway.acknowledge(True), rig.gateway.acknowledge(False)

    assert yes[0] in (200, 204)
    assert no != yes
    assert all(isinstance(body, bytes) for _, _, body in (yes, no))


async def test_the_statement_streams_every_line(rig: Rig) -> None:
    if Way.STATEMENT not in rig.gateway.can:
        pytest.skip("this gateway has no statement")
    count = rig.will_give_statement(DAY)

    lines = [line async for line in rig.gateway.statement(rig.account, DAY)]

    assert len(lines) == count
    shares = {"share", "share_returned"} if Way.SHARE in rig.gateway.can else set()
    assert {line.kind for line in lines} == {"payment", "refund"} | shares
    assert all(line.amount > 0 and line.at.tzinfo is not None for line in lines)
    assert all(line.at.astimezone(UTC) - timedelta(days=2) < datetime(2026, 11, 22, tzinfo=UTC) for line in lines)


async def test_an_unknown_account_is_the_operators_to_mend(rig: Rig) -> None:
    gateway: Gateway = rig.gateway
    with pytest.raises(Misconfigured):
        gateway.owner("nobody")


@cache
def _shared(name: str) -> Rig:
    """One rig for all examples: loading keys takes longer than reading a notice."""
    return rig_of(name)
