"""Which gateway takes a payment: by rule, by health, and always the same one in the same circumstances."""

from collections.abc import Mapping
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.kernel.clock import ManualClock
from bot.outside.breaker import Patience
from bot.payments.facts import Closed, Created, Declined, Missing, Unknown, Waiting, Way
from bot.payments.routing import (
    SWITCHING,
    Candidate,
    Health,
    Need,
    Place,
    Rule,
    Tried,
    candidates,
    choose,
    effective,
)
from tests.payments.world import START

NEED = Need("wechat", "mer", Way.JSAPI, 5_000)
ACCOUNTS = {"direct": "d1", "acquirer": "a1", "other": "o1"}
DIRECT, ACQUIRER, OTHER = Place("direct", "d1"), Place("acquirer", "a1"), Place("other", "o1")
CAN: Mapping[str, frozenset[Way]] = dict.fromkeys(ACCOUNTS, frozenset({Way.JSAPI, Way.H5}))


def places(*rules: Rule, need: Need = NEED, accounts: Mapping[str, str] = ACCOUNTS) -> list[str]:
    return [each.place.gateway for each in candidates(rules, need, accounts, CAN.__getitem__)]


# --- rules ----------------------------------------------------------------------------------------------------------


def test_priority_goes_before_cost_and_cost_before_the_name() -> None:
    dear = Rule("wechat", "direct", cost=60, priority=1)
    cheap, cheaper = Rule("wechat", "other", cost=38), Rule("wechat", "acquirer", cost=20)

    assert places(cheap, dear, cheaper) == ["direct", "acquirer", "other"]
    assert places(replace(cheap, cost=20), cheaper) == ["acquirer", "other"]


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        (Rule("wechat", "direct"), True),
        (Rule("alipay", "direct"), False),
        (Rule("wechat", "direct", merchants=frozenset({"mer", "x"})), True),
        (Rule("wechat", "direct", merchants=frozenset({"x"})), False),
        (Rule("wechat", "direct", ways=frozenset({Way.JSAPI})), True),
        (Rule("wechat", "direct", ways=frozenset({Way.H5})), False),
        (Rule("wechat", "direct", minimum=5_000, maximum=5_000), True),
        (Rule("wechat", "direct", minimum=5_001), False),
        (Rule("wechat", "direct", maximum=4_999), False),
    ],
)
def test_what_a_rule_speaks_of(rule: Rule, fits: bool) -> None:
    assert rule.fits(NEED) is fits
    assert bool(places(rule)) is fits


def test_an_amount_that_is_not_known_yet_excludes_nothing() -> None:
    assert Rule("wechat", "direct", minimum=5_001).fits(replace(NEED, amount=None))


def test_a_rule_takes_the_place_of_the_wallets_own_line_and_of_no_other() -> None:
    small = Rule("wechat", "direct", maximum=1_000, cost=30)
    rules = effective([small, Rule("wechat", "acquirer", cost=50)], {"wechat": "direct", "alipay": "other"})

    assert places(*rules) == ["acquirer"], "above its maximum the direct gateway is not asked"
    assert places(*rules, need=replace(NEED, amount=900)) == ["direct", "acquirer"]
    assert places(*rules, need=replace(NEED, wallet="alipay")) == ["other"]
    assert effective([], {"wechat": "direct"}) == (Rule("wechat", "direct"),)


def test_the_account_is_the_merchants_own() -> None:
    rules = (Rule("wechat", "direct"), Rule("wechat", "acquirer"))

    assert places(*rules, accounts={"acquirer": "a1"}) == ["acquirer"]
    assert places(*rules, accounts={"acquirer": ""}) == []
    assert places(*rules, accounts={}) == []


def test_the_kindest_of_several_rules_counts() -> None:
    rules = (Rule("wechat", "direct", cost=60), Rule("wechat", "direct", cost=20), Rule("wechat", "acquirer", cost=38))

    assert places(*rules) == ["direct", "acquirer"]


def test_a_way_that_the_gateway_cannot_go_is_no_way() -> None:
    assert places(Rule("wechat", "direct"), need=replace(NEED, way=Way.REDIRECT)) == []


# --- the choice -----------------------------------------------------------------------------------------------------

FOUND = [Candidate(DIRECT, 1, 60), Candidate(ACQUIRER, 2, 20), Candidate(OTHER, 2, 38)]


def chosen(healthy: frozenset[Place], tried: Tried | None = None) -> list[Place]:
    return [each.place for each in choose(FOUND, healthy.__contains__, tried)]


ALL = frozenset({DIRECT, ACQUIRER, OTHER})


def test_the_sick_are_left_out() -> None:
    assert chosen(ALL) == [DIRECT, ACQUIRER, OTHER]
    assert chosen(ALL - {DIRECT}) == [ACQUIRER, OTHER]
    assert chosen(frozenset()) == []


def test_who_refused_this_order_is_asked_last() -> None:
    assert chosen(ALL, Tried({DIRECT: 1})) == [ACQUIRER, OTHER, DIRECT]
    assert chosen(ALL, Tried({DIRECT: 1, ACQUIRER: 1, OTHER: 1})) == [DIRECT, ACQUIRER, OTHER], "and then all anew"
    assert chosen(ALL, Tried({DIRECT: 2, ACQUIRER: 1, OTHER: 1})) == [ACQUIRER, OTHER, DIRECT]


def test_a_charge_that_can_be_paid_stays_where_it_is() -> None:
    assert chosen(ALL, Tried(live=OTHER, handed=True)) == [OTHER, DIRECT, ACQUIRER]
    assert chosen(ALL - {OTHER}, Tried(live=OTHER, handed=True)) == [OTHER, DIRECT, ACQUIRER]
    assert chosen(ALL, Tried(live=OTHER)) == [OTHER, DIRECT, ACQUIRER]
    assert chosen(ALL - {OTHER}, Tried(live=OTHER)) == [DIRECT, ACQUIRER], "nobody can pay it, and it is sick"


PLACES = st.sampled_from(sorted(ALL))
RULES = st.lists(
    st.builds(
        Rule,
        wallet=st.sampled_from(["wechat", "alipay"]),
        gateway=st.sampled_from(sorted(ACCOUNTS)),
        merchants=st.sampled_from([frozenset[str](), frozenset({"mer"}), frozenset({"x"})]),
        ways=st.sampled_from([frozenset[Way](), frozenset({Way.JSAPI}), frozenset({Way.H5})]),
        minimum=st.integers(0, 9_000),
        maximum=st.none() | st.integers(0, 9_000),
        cost=st.integers(0, 100),
        priority=st.integers(0, 3),
    ),
    max_size=8,
)


@given(
    RULES,
    st.frozensets(PLACES),
    st.builds(Tried, st.dictionaries(PLACES, st.integers(1, 3)), st.none() | PLACES, st.booleans()),
    st.randoms(use_true_random=False),
)
def test_the_chosen_place_is_able_healthy_and_the_cheapest_by_rule(
    rules: list[Rule], healthy: frozenset[Place], tried: Tried, shuffler: Random
) -> None:
    found = candidates(rules, NEED, ACCOUNTS, CAN.__getitem__)
    order = choose(found, healthy.__contains__, tried)
    fitting = {Place(rule.gateway, ACCOUNTS[rule.gateway]) for rule in rules if rule.fits(NEED)}

    assert {each.place for each in found} == fitting
    assert all(each.place in healthy or (each.place == tried.live and tried.handed) for each in order)
    fresh = [each for each in order if each.place != tried.live and not tried.refusals.get(each.place)]
    assert fresh == sorted(fresh, key=lambda each: (each.priority, each.cost, each.place))
    for each in fresh:
        lines = [rule for rule in rules if rule.fits(NEED) and rule.gateway == each.place.gateway]
        assert (each.priority, each.cost) == min((line.priority, line.cost) for line in lines)
    shuffled = list(rules)
    shuffler.shuffle(shuffled)
    assert choose(candidates(shuffled, NEED, ACCOUNTS, CAN.__getitem__), healthy.__contains__, tried) == order


# --- health ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def health(clock: ManualClock) -> Health:
    return Health(clock, Patience(failures=3, rest=30))


@pytest.mark.parametrize("trouble", [Unknown("timeout"), Declined("credentials"), Declined("merchant")])
def test_trouble_in_a_row_takes_a_place_out(health: Health, clock: ManualClock, trouble: object) -> None:
    for _ in range(2):
        health.saw(DIRECT, "create", trouble)
    assert health.good(DIRECT)
    health.saw(DIRECT, "create", trouble)

    assert not health.good(DIRECT) and health.good(Place("direct", "d2")), "one account, not the gateway"
    clock.advance(30)
    assert health.good(DIRECT), "the next payers try it"
    health.saw(DIRECT, "create", trouble)
    assert not health.good(DIRECT), "and one failure is enough now"
    clock.advance(30)
    health.saw(DIRECT, "create", Created({}))
    health.saw(DIRECT, "create", trouble)
    assert health.good(DIRECT), "all is forgiven"


@pytest.mark.parametrize("answer", [Declined("funds_short"), Declined("not_allowed"), Created({}), Waiting("NOTPAY")])
def test_business_answers_are_no_trouble(health: Health, answer: object) -> None:
    for _ in range(9):
        health.saw(DIRECT, "create", answer)
    for told in (Missing(), Closed("CLOSED"), Declined("declined")):
        health.saw(DIRECT, "query", told)

    assert health.good(DIRECT)


def test_queries_that_work_do_not_make_up_for_creates_that_do_not(health: Health, clock: ManualClock) -> None:
    for _ in range(3):
        health.saw(DIRECT, "create", Unknown("timeout"))
        health.saw(DIRECT, "query", Waiting("NOTPAY"))

    assert not health.good(DIRECT)
    health.saw(DIRECT, "query", Waiting("NOTPAY"))
    assert not health.good(DIRECT)


def test_what_is_the_payers_own_is_nobody_elses_to_try() -> None:
    """A limit or a risk verdict is not escaped by asking another gateway."""
    assert SWITCHING.isdisjoint({"rule", "payer_account", "payer_mismatch", "funds_short", "closed", "declined"})
