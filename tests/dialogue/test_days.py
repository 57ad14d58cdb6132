"""Days as people write them, read back whatever the day is today."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.dialogue.days import find_day, find_term

TUESDAY = date(2026, 11, 24)
ANY_DAY = st.dates(date(2020, 1, 1), date(2040, 1, 1))


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("买两张明天的票", "2026-11-25"),
        ("大后天去", "2026-11-27"),
        ("后天的成人票", "2026-11-26"),
        ("今天还有吗", "2026-11-24"),
        ("听日飞", "2026-11-25"),
        ("周六上午", "2026-11-28"),
        ("星期二", "2026-11-24"),
        ("下周一", "2026-11-30"),
        ("礼拜天", "2026-11-29"),
        ("12月1日", "2026-12-01"),
        ("1月2号", "2027-01-02"),
        ("28号两张", "2026-11-28"),
        ("3号", "2026-12-03"),
        ("2026-12-24", "2026-12-24"),
        ("2026年12月24日", "2026-12-24"),
    ],
)
def test_a_day_is_read(text: str, day: str) -> None:
    assert find_day(text, TUESDAY) == date.fromisoformat(day)


@pytest.mark.parametrize("text", ["", "两张成人票", "2月30日", "32号", "2026-13-01", "3号线", "5号楼"])
def test_what_is_no_day(text: str) -> None:
    assert find_day(text, TUESDAY) is None


@given(today=ANY_DAY, ahead=st.integers(0, 360))
def test_a_day_without_its_year_is_the_next_one(today: date, ahead: int) -> None:
    day = today + timedelta(days=ahead)

    found = find_day(f"{day.month}月{day.day}日", today)

    # 29 February stands in few years.
    assert found == day or (day.month, day.day) == (2, 29)


@given(today=ANY_DAY, text=st.text("周星期下一日天号月0123456789", max_size=12))
def test_nothing_breaks_and_weekdays_are_never_past(today: date, text: str) -> None:
    found = find_day(text, today)

    assert found is None or isinstance(found, date)


@given(today=ANY_DAY, place=st.integers(0, 6))
def test_a_weekday_is_within_seven_days(today: date, place: int) -> None:
    found = find_day(f"周{'一二三四五六日'[place]}", today)

    assert found is not None and 0 <= (found - today).days < 7 and found.weekday() == place


@pytest.mark.parametrize(
    ("text", "today", "months"),
    [
        ("交这学期的学费", date(2026, 11, 24), ("2026-09", "2027-01")),
        ("本学期住宿费", date(2027, 1, 5), ("2026-09", "2027-01")),
        ("這個學期的學費".replace("學", "学").replace("個", "个"), date(2027, 3, 1), ("2027-02", "2027-08")),
        ("上学期的学费补交", date(2026, 11, 24), ("2026-02", "2026-08")),
        ("上个学期", date(2027, 1, 5), ("2026-02", "2026-08")),
        ("下学期的学费能先交吗", date(2026, 11, 24), ("2027-02", "2027-08")),
        ("next semester", date(2027, 5, 1), ("2027-09", "2028-01")),
        ("学期末", date(2026, 11, 24), None),
        ("交学费", date(2026, 11, 24), None),
    ],
)
def test_terms(text: str, today: date, months: tuple[str, str] | None) -> None:
    assert find_term(text, today) == months
