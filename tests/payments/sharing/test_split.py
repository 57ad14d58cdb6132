"""The arithmetic of shares: whole fen, never above the cap or what the gateway leaves, and the rest is exact."""

from hypothesis import given
from hypothesis import strategies as st

from bot.payments.reconciliation.days import FeeTerms
from bot.payments.sharing.split import Base, Gone, LineLeft, Rule, Term, bases_of, left_of, parts_of, split

FREE = FeeTerms()
ratios = st.integers(1, 3_000).map(lambda ratio: ("ratio", ratio))
fixed = st.integers(1, 5_000).map(lambda amount: ("fixed", amount))


@st.composite
def rules(draw: st.DrawFn, name: str = "r") -> Rule:
    drawn = draw(st.lists(ratios | fixed, min_size=1, max_size=6))
    terms = tuple(
        Term(f"{name}{number}", **{kind: value})  # type: ignore[arg-type]
        for number, (kind, value) in enumerate(drawn)
    )
    return Rule(name, draw(st.integers(1, 10_000)), terms)


def given_to(rule: Rule, amount: int, room: int | None = None) -> dict[str, int]:
    return {part.receiver: part.amount for part in split(rule, amount, amount if room is None else room)}


def test_a_ratio_rounds_half_up() -> None:
    rule = Rule("r", 3_000, (Term("a", ratio=1_000),))

    assert [given_to(rule, amount).get("a", 0) for amount in (4, 5, 14, 15, 999, 1_000)] == [0, 1, 1, 2, 100, 100]


def test_the_last_get_less_where_the_cap_is_met() -> None:
    rule = Rule("r", 3_000, (Term("a", fixed=200), Term("b", ratio=1_000), Term("c", ratio=1_000)))

    assert given_to(rule, 1_000) == {"a": 200, "b": 100}
    assert given_to(rule, 2_000) == {"a": 200, "b": 200, "c": 200}
    assert given_to(rule, 1_200) == {"a": 200, "b": 120, "c": 40}
    assert given_to(rule, 3) == {}


def test_rounding_up_twice_does_not_pass_the_cap() -> None:
    rule = Rule("r", 3_000, (Term("a", ratio=1_500), Term("b", ratio=1_500)))

    # 15 % of 10 fen are 1.5, twice rounded up to 2; the cap is 3.
    assert given_to(rule, 10) == {"a": 2, "b": 1}


def test_what_the_gateway_keeps_is_nobody_s() -> None:
    whole = Rule("r", 10_000, (Term("a", ratio=10_000),))

    [part] = parts_of([Base(whole, 1_000)], 1_000, FeeTerms(6_000))

    assert part.amount == 994


@given(rules(), st.integers(0, 10_000_000), st.integers(0, 100_000))
def test_parts_never_pass_cap_or_room(rule: Rule, amount: int, rate: int) -> None:
    fees = FeeTerms(rate)

    parts = parts_of([Base(rule, amount)], amount, fees)

    total = sum(part.amount for part in parts)
    assert total * 10_000 <= amount * rule.cap
    assert total <= max(0, amount - fees.of_payment(amount))
    assert all(part.amount > 0 for part in parts)
    assert len({part.receiver for part in parts}) == len(parts)
    # The rest is what is not given, to the fen.
    assert amount - total >= 0


@given(rules("x"), rules("y"), st.lists(st.integers(1, 100_000), min_size=2, max_size=8), st.integers(0, 10_000))
def test_two_rules_share_one_room(one: Rule, two: Rule, amounts: list[int], rate: int) -> None:
    lines = [LineLeft(f"l{number}", amount) for number, amount in enumerate(amounts)]
    by_line = {line.id: (one, two)[number % 2] for number, line in enumerate(lines)}
    whole = sum(amounts)

    parts = parts_of(bases_of(lines, left_of(lines, Gone()), by_line), whole, FeeTerms(rate))

    total = sum(part.amount for part in parts)
    assert total * 10_000 <= whole * max(one.cap, two.cap)
    assert total <= whole - FeeTerms(rate).of_payment(whole)


@given(rules(), st.lists(st.integers(1, 100_000), min_size=1, max_size=6), st.data())
def test_what_receivers_keep_after_refunds_stays_within_what_is_left(
    rule: Rule, amounts: list[int], data: st.DataObject
) -> None:
    """However many refunds of whatever kind follow each other, what is not taken back fits what is left."""
    lines = [LineLeft(f"l{number}", amount) for number, amount in enumerate(amounts)]
    by_line = {line.id: rule for line in lines}
    gone = Gone()
    kept = {p.receiver: p.amount for p in parts_of(bases_of(lines, left_of(lines, gone), by_line), sum(amounts), FREE)}
    for _ in range(data.draw(st.integers(1, 4))):
        more = data.draw(st.sets(st.sampled_from([line.id for line in lines])))
        gone = Gone(gone.lines | more, gone.all_others, gone.parts)
        left = left_of(lines, gone)
        gone = Gone(gone.lines, gone.all_others, gone.parts + data.draw(st.integers(0, sum(left.values()))))
        left = left_of(lines, gone)
        whole = sum(left.values())
        now = {part.receiver: part.amount for part in parts_of(bases_of(lines, left, by_line), whole, FREE)}
        kept = {receiver: min(amount, now.get(receiver, 0)) for receiver, amount in kept.items()}
        assert sum(kept.values()) * 10_000 <= whole * rule.cap


def test_nothing_is_left_of_what_went_back() -> None:
    lines = [LineLeft("a", 100), LineLeft("b", 200), LineLeft("c", 300)]

    assert left_of(lines, Gone()) == {"a": 100, "b": 200, "c": 300}
    assert left_of(lines, Gone(frozenset({"b"}))) == {"a": 100, "b": 0, "c": 300}
    assert left_of(lines, Gone(frozenset({"b"}), all_others=True)) == {"a": 0, "b": 0, "c": 0}
    assert left_of(lines, Gone(frozenset({"a"}), parts=250)) == {"a": 0, "b": 0, "c": 250}


def test_a_line_that_does_not_count_is_the_merchant_s() -> None:
    rule = Rule("r", 3_000, (Term("a", ratio=1_000),))
    lines = [LineLeft("a", 1_000), LineLeft("b", 1_000, counts=False), LineLeft("c", 1_000)]

    bases = bases_of(lines, left_of(lines, Gone()), {"a": rule, "b": rule})

    assert bases == [Base(rule, 1_000)]
