"""The arithmetic of discount, pools and financing, held against fractions and its own promises."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cases.trade.rates import (
    allocate,
    discount,
    financing_limit,
    interest,
    months_after,
    pool_limit,
    share_down,
)

FEN = st.integers(0, 10_000_000_000)
RATES = st.decimals("0", "0.24", places=6)
SHARES = st.decimals("0", "1", places=4)
DAYS = st.integers(0, 400)
ON = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("face", "rate", "days", "fen"),
    [
        # 200,000 yuan, 111 days at 2.25 %: 200000 × 0.0225 × 111 / 360 = 1387.50 yuan.
        (20_000_000, "0.0225", 111, 138_750),
        (100_000_000, "0.036", 180, 1_800_000),
        # Half a fen goes up.
        (18_000, "0.01", 1, 1),
        (1, "0.24", 1, 0),
        (50_000_000, "0.0225", 0, 0),
    ],
)
def test_interest_that_can_be_done_by_hand(face: int, rate: str, days: int, fen: int) -> None:
    assert interest(face, Decimal(rate), days) == fen


@given(FEN, RATES, DAYS)
def test_interest_is_the_exact_fraction_to_half_a_fen(face: int, rate: Decimal, days: int) -> None:
    exact = Fraction(face) * Fraction(rate) * days / 360

    assert abs(interest(face, rate, days) - exact) <= Fraction(1, 2)


@given(FEN, RATES, DAYS, DAYS)
def test_interest_grows_with_the_days(face: int, rate: Decimal, some: int, more: int) -> None:
    assert interest(face, rate, some) <= interest(face, rate, some + more)


@given(st.integers(1, 10_000_000_000), RATES, st.integers(1, 400))
def test_a_discount_pays_out_the_face_less_its_interest(face: int, rate: Decimal, days: int) -> None:
    found = discount(face, rate, ON, ON + timedelta(days=days))

    assert found.days == days
    assert found.net + found.interest == face
    assert 0 <= found.net <= face


@pytest.mark.parametrize("days", [0, -1, -400])
def test_what_is_due_is_not_discounted(days: int) -> None:
    with pytest.raises(ValueError, match="due"):
        discount(100, Decimal("0.02"), ON, ON + timedelta(days=days))
    with pytest.raises(ValueError, match="forwards"):
        interest(100, Decimal("0.02"), min(days, -1))


@given(FEN, SHARES)
def test_a_share_never_exceeds_itself(fen: int, share: Decimal) -> None:
    exact = Fraction(fen) * Fraction(share)

    assert share_down(fen, share) <= exact < share_down(fen, share) + 1


@given(st.lists(st.tuples(FEN, SHARES), max_size=8), FEN)
def test_a_pool_allows_no_more_than_its_notes_are_good_for(pledged: list[tuple[int, Decimal]], used: int) -> None:
    limit = pool_limit(pledged, used)

    assert limit == 0 or limit + used <= sum(Fraction(face) * Fraction(share) for face, share in pledged)
    assert limit >= 0
    assert pool_limit([*pledged, (100, Decimal(1))], used) >= limit, "another note never takes room away"
    assert pool_limit(pledged, used + limit) == 0


@given(FEN, FEN, SHARES, FEN)
def test_a_receivable_is_financed_to_its_share(face: int, collected: int, share: Decimal, used: int) -> None:
    collected = min(face, collected)
    limit = financing_limit(face, collected, share, used)

    assert limit == 0 or limit + used <= (face - collected) * Fraction(share)
    assert financing_limit(face, collected, share, used + limit) == 0


@given(FEN, FEN, FEN)
def test_a_collection_is_divided_without_a_rest(amount: int, owed: int, left: int) -> None:
    part = allocate(amount, owed, left)

    assert part.to_interest + part.to_principal + part.to_creditor == amount
    assert 0 <= part.to_interest <= owed
    assert 0 <= part.to_principal <= left
    # Nothing goes further down before what stands above it is served.
    assert part.to_principal == 0 or part.to_interest == owed
    assert part.to_creditor == 0 or (part.to_interest, part.to_principal) == (owed, left)


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        ("2026-10-10", 6, "2027-04-10"),
        ("2026-08-31", 6, "2027-02-28"),
        ("2027-08-31", 6, "2028-02-29"),
        ("2026-12-31", 1, "2027-01-31"),
        ("2026-11-30", 12, "2027-11-30"),
    ],
)
def test_months_end_with_the_month(day: str, months: int, later: str) -> None:
    assert months_after(date.fromisoformat(day), months) == date.fromisoformat(later)
