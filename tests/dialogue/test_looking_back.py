"""Which past payments a message means: spans of days in Shanghai, sums, and words that ask for no past at all."""

from datetime import date, datetime, timedelta

import pytest

from bot.dialogue.looking_back import MORE, PAST, read_search
from bot.kernel.clock import SHANGHAI, from_micros
from tests.dialogue.town import Town

TODAY = date(2026, 11, 23)  # A Monday.


def span(text: str, period: str = "") -> tuple[str, str]:
    page = read_search(text, {"period": period} if period else {}, "", TODAY, "history")
    first, after = (from_micros(moment).astimezone(SHANGHAI) for moment in (page.since, page.until))
    assert first == datetime.combine(first.date(), datetime.min.time(), SHANGHAI)
    return f"{first:%Y-%m-%d}", f"{after - timedelta(days=1):%Y-%m-%d}"


@pytest.mark.parametrize(
    ("text", "period", "first", "last"),
    [
        ("上个月交了什么", "2026-10", "2026-10-01", "2026-10-31"),
        ("去年12月", "2025-12", "2025-12-01", "2025-12-31"),
        ("去年的电费", "", "2025-01-01", "2025-12-31"),
        ("前年的", "", "2024-01-01", "2024-12-31"),
        ("2023年的缴费", "", "2023-01-01", "2023-12-31"),
        ("今天交了什么", "", "2026-11-23", "2026-11-23"),
        ("昨天那笔", "", "2026-11-22", "2026-11-22"),
        ("上周交的", "", "2026-11-16", "2026-11-22"),
        ("这周交的", "", "2026-11-23", "2026-11-29"),
        ("最近三个月", "", "2026-08-22", "2026-11-23"),
        ("近半年", "", "2026-05-25", "2026-11-23"),
        ("最近10天", "", "2026-11-13", "2026-11-23"),
    ],
)
def test_a_span_is_read(text: str, period: str, first: str, last: str) -> None:
    assert span(text, period) == (first, last)


def test_without_a_span_everything_is_meant() -> None:
    page = read_search("缴费记录", {}, "", TODAY, "history")

    assert (page.since, page.until, page.amount, page.last) == (0, 2**62, 0, "")


@pytest.mark.parametrize(("text", "fen"), [("找一下200块那笔", 20_000), ("一百二那笔", 12_000), ("那笔", 0)])
def test_a_sum_is_read(text: str, fen: int) -> None:
    assert read_search(text, {}, "", TODAY, "history").amount == fen


@pytest.mark.parametrize(
    "text",
    [
        "找一下200块那笔",
        "上个月交了什么",
        "查一下昨天那笔",
        "去年的电费",
        "我交过哪些",
        "查今年的水费记录",
        "这个月充了几次",
    ],
)
def test_the_past_is_asked_for(text: str) -> None:
    assert PAST.search(text)


@pytest.mark.parametrize("text", ["交去年的电费", "查电费", "去年12月的电费", "找人工", "交电费", "查欠费", "还欠多少"])
def test_other_questions_are_not_about_the_past(text: str) -> None:
    assert not PAST.search(text)


def test_the_page_is_turned_by_its_own_words_only() -> None:
    assert all(MORE.match(word) for word in ("更多", "下一页", "还有吗", "more"))
    assert not any(MORE.match(word) for word in ("更多优惠", "还有水费", "再看看电费", "1"))


async def test_nothing_is_turned_where_no_page_was_shown(quick: Town) -> None:
    assert "更早的缴费" not in await quick.say("更多")


async def test_ones_own_receipts_only(quick: Town) -> None:
    await quick.chat("交电费0522222222，50块", "1")
    await quick.pay_last()
    order = await quick.last_order()
    row = await quick.database.row("SELECT customer_id FROM orders")
    orders = quick.engine._p.orders

    assert row is not None
    assert await orders.own(row["customer_id"], order.id) is not None
    assert await orders.own("cus_other", order.id) is None
