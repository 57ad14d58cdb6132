"""Amounts, days and numbers come out in one form each, and what is not one is an error."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.words.filters import clock_time, day, moment, phone_groups, yuan


@pytest.mark.parametrize(
    ("fen", "text"),
    [
        (12850, "128.50"),
        (0, "0.00"),
        (1, "0.01"),
        (99, "0.99"),
        (-5, "-0.05"),
        (-12345, "-123.45"),
        (10**10, "100000000.00"),
    ],
)
def test_yuan(fen: int, text: str) -> None:
    assert yuan(fen) == text


@given(st.integers(-(10**12), 10**12))
def test_yuan_shows_every_fen(fen: int) -> None:
    assert int(yuan(fen).replace(".", "")) == fen


@pytest.mark.parametrize("value", [1.5, 1.0, "128.50", None, True])
def test_an_amount_that_is_no_whole_number_is_an_error(value: object) -> None:
    with pytest.raises(TypeError):
        yuan(value)


def test_days_and_times_are_those_of_shanghai() -> None:
    late = datetime(2026, 4, 30, 16, 5, tzinfo=UTC)

    assert (day(late), moment(late), clock_time(late)) == ("2026-05-01", "2026-05-01 00:05", "00:05")
    assert moment(datetime(2026, 5, 1, 0, 0, tzinfo=timezone(timedelta(hours=9)))) == "2026-04-30 23:00"
    assert day(date(2026, 5, 1)) == "2026-05-01"


@pytest.mark.parametrize("form", [day, moment, clock_time])
def test_a_moment_without_a_zone_is_an_error(form: object) -> None:
    assert callable(form)
    with pytest.raises(ValueError, match="time zone"):
        form(datetime(2026, 5, 1))  # The naive moment is the point.


@pytest.mark.parametrize(
    ("phone", "shown"),
    [
        ("13812345678", "138 1234 5678"),
        ("138****5678", "138 **** 5678"),
        ("1381234567", "1381234567"),
        ("138123456789", "138123456789"),
        ("0755-8888888", "0755-8888888"),
        ("１３８１２３４５６７８", "１３８１２３４５６７８"),
        ("", ""),
    ],
)
def test_phone_groups(phone: str, shown: str) -> None:
    assert phone_groups(phone) == shown
