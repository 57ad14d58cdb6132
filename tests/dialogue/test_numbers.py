"""Amounts, choices and periods are read as people write them, and nothing else is taken for one."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.dialogue.numbers import find_amount, find_period, number_of, parse_amount, parse_choice, said_digits
from bot.kernel.money import MAX_FEN, format_yuan

TODAY = date(2026, 11, 23)
HAN = "零一二三四五六七八九"
FORMAL = str.maketrans("一二三四五六七八九十百千万", "壹贰叁肆伍陆柒捌玖拾佰仟萬")


def section(number: int) -> str:
    """Write 1 to 9,999 as people do: 1203 is 一千二百零三."""
    written = gap = ""
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // unit % 10
        if digit:
            written += gap + HAN[digit] + name
            gap = ""
        elif written:
            gap = "零"
    return written.removeprefix("一") if 10 <= number < 20 else written


def han(number: int) -> str:
    """Write 1 to 99,999,999 in Chinese numerals."""
    high, low = divmod(number, 10_000)
    if not high:
        return section(low)
    joint = "零" if low and low < 1000 else ""
    lower = section(low).replace("十", "一十", 1) if 10 <= low < 20 else section(low) if low else ""
    return f"{section(high)}万{joint}{lower}"


NUMBERS = st.one_of(st.integers(1, 9_999), st.integers(1, 99_999_999))
YUAN = st.integers(1, 10_000_000)


@given(NUMBERS)
def test_a_number_in_chinese_numerals_is_read_back(number: int) -> None:
    assert number_of(han(number)) == number
    assert number_of(han(number).translate(FORMAL)) == number


@given(st.integers(0, 10**12))
def test_digits_said_one_by_one_are_read_back(number: int) -> None:
    said = "".join(HAN[int(digit)] for digit in str(number))

    assert number_of(said) == number
    assert said_digits(said) == str(number)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("一百二", 120),
        ("三千五", 3500),
        ("一万五", 15_000),
        ("一百零二", 102),
        ("一百一十", 110),
        ("一百十五", 115),
        ("十", 10),
        ("两百", 200),
        ("兩萬三", 23_000),
        ("幺三八", 138),
        ("3千5", 3500),
        ("5百", 500),
        ("1万2", 12_000),
        ("12万3千", 123_000),
        ("一万零五", 10_005),
        ("廿", None),
        ("五六十", None),
        ("三四百", None),
        ("百", None),
        ("十百", None),
        ("一百万万", None),
        ("", None),
        ("abc", None),
    ],
)
def test_numbers(text: str, number: int | None) -> None:
    assert number_of(text) == number


@given(YUAN, st.integers(0, 99))
def test_an_amount_is_read_back_however_it_is_written(yuan: int, cents: int) -> None:
    fen = yuan * 100 + cents
    plain = format_yuan(fen)
    grouped = f"{yuan:,}.{cents:02d}"

    for text in (plain, f"{plain}元", f"¥{plain}", f"￥ {plain} 元", f"{plain}块钱", f"人民币{plain}元整", grouped):
        assert parse_amount(text) == fen, text
    assert find_amount(f"请帮我交{plain}元的费用") == fen


@given(st.integers(1, 99_999_999))
def test_an_amount_in_chinese_numerals_is_read_back(yuan: int) -> None:
    for text in (f"{han(yuan)}元", f"{han(yuan)}块", f"{han(yuan)}元整"):
        assert parse_amount(text) == yuan * 100
    assert find_amount(f"我要付{han(yuan)}块钱") == yuan * 100


@given(st.integers(1, 9999), st.integers(1, 9), st.integers(0, 9))
def test_yuan_jiao_and_fen(yuan: int, jiao: int, fen: int) -> None:
    whole = yuan * 100 + jiao * 10

    assert parse_amount(f"{yuan}块{jiao}") == whole
    assert parse_amount(f"{han(yuan)}块{HAN[jiao]}毛") == whole
    assert parse_amount(f"{yuan}元{jiao}角{fen}分") == whole + fen
    assert parse_amount(f"{han(yuan)}点{HAN[jiao]}{HAN[fen]}") == whole + fen


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("五毛", 50),
        ("5角", 50),
        ("八分", 8),
        ("三毛五", 35),
        ("1.2万", 1_200_000),
        ("0.01", 1),
        ("100000000", MAX_FEN),
        ("一百二", 12_000),
        ("50 元。", 5_000),
        ("100rmb", 10_000),
        ("50 yuan", 5_000),
        ("五", 500),
    ],
)
def test_amounts(text: str, fen: int) -> None:
    assert parse_amount(text) == fen


NO_AMOUNTS = "0|0.00|-5|1e5|100.005|1,2|12,34|1 2|五六|五六十块|一二三|100000001||元|万|块钱|3-2-501|2026-11|10月|9天"


@pytest.mark.parametrize("text", [*NO_AMOUNTS.split("|"), "9" * 30])
def test_what_is_no_amount(text: str) -> None:
    """Among them digits said one by one, which may be an account, and what says two numbers."""
    assert parse_amount(text) is None


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("户号0512345678 交两百", 20_000),
        ("帮我充50话费", 5_000),
        ("给13800138000充一百", 10_000),
        ("交50块3笔", 5_000),
        ("想交￥30", 3_000),
        ("充值100", 10_000),
        ("交一百二", 12_000),
        ("交两个月的", None),
        ("交3笔", None),
        ("交1到3", None),
        ("交1,2", None),
        ("交5-2-602的", None),
        ("交10月的", None),
        ("交5栋的", None),
        ("户号0512345678", None),
        ("我家3栋2单元501", None),
        ("买一送一", None),
    ],
)
def test_amounts_in_sentences(text: str, fen: int | None) -> None:
    assert find_amount(text) == fen


@given(st.integers(1, 20), st.data())
def test_a_choice_is_read_back_however_it_is_written(count: int, data: st.DataObject) -> None:
    place = data.draw(st.integers(1, count))

    for text in (
        str(place),
        f"第{place}个",
        f"选{place}",
        f"{han(place)}",
        f"第{han(place)}笔",
        f"{place}。",
        f"#{place}",
    ):
        assert parse_choice(text, count) == (place - 1,), text
    assert parse_choice(str(count + 1), count) is None


@given(st.integers(2, 20), st.data())
def test_several_are_read_in_the_order_said(count: int, data: st.DataObject) -> None:
    places = data.draw(st.lists(st.integers(1, count), min_size=2, max_size=count, unique=True))
    chosen = tuple(place - 1 for place in places)

    for joint in (",", "，", "、", " ", "和", "；"):
        assert parse_choice(joint.join(map(str, places)), count, several=True) == chosen
    assert parse_choice(",".join(map(str, places)), count) is None


@pytest.mark.parametrize(
    "text", ["全部", "所有", "都交", "都交了", "全都交了吧", "一起交", "全部都缴清", "all", "全选"]
)
def test_all(text: str) -> None:
    assert parse_choice(text, 3, several=True) == (0, 1, 2)
    assert parse_choice(text, 3) is None


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("前两个", (0, 1)),
        ("前2笔", (0, 1)),
        ("1到3", (0, 1, 2)),
        ("1-2", (0, 1)),
        ("12", (0, 1)),
        ("13", (0, 2)),
        ("最后一个", (3,)),
        ("1和2和2", (0, 1)),
        ("21", None),
        ("11", None),
        ("15", None),
        ("3到1", None),
        ("前五个", None),
        ("都", None),
        ("0", None),
        ("", None),
        ("1-1-301", None),
        ("1.5", None),
        ("一百", None),
    ],
)
def test_choices_among_four(text: str, places: tuple[int, ...] | None) -> None:
    assert parse_choice(text, 4, several=True) == places


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("上个月", "2026-10"),
        ("上月", "2026-10"),
        ("上個月", "2026-10"),
        ("上上个月", "2026-09"),
        ("这个月", "2026-11"),
        ("本月", "2026-11"),
        ("去年12月", "2025-12"),
        ("今年3月", "2026-03"),
        ("前年一月", "2024-01"),
        ("2025年9月", "2025-09"),
        ("25年9月", "2025-09"),
        ("2026-09", "2026-09"),
        ("202609的", "2026-09"),
        ("9月的", "2026-09"),
        ("十月份", "2026-10"),
        ("12月", "2025-12"),
        ("一个月", None),
        ("2026-10-05", None),
        ("0512345678", None),
        ("", None),
    ],
)
def test_periods(text: str, period: str | None) -> None:
    assert find_period(text, TODAY) == period


@given(st.dates(date(2020, 1, 1), date(2039, 12, 31)))
def test_last_month_is_the_month_before(today: date) -> None:
    before = find_period("上个月", today)
    assert before is not None
    year, month = map(int, before.split("-"))

    assert (today.year - year) * 12 + today.month - month == 1
    assert 1 <= month <= 12


@given(st.text(max_size=60))
def test_any_text_is_read_without_a_fault(text: str) -> None:
    for amount in (parse_amount(text), find_amount(text)):
        assert amount is None or 0 < amount <= MAX_FEN
    chosen = parse_choice(text, 5, several=True)
    assert chosen is None or (set(chosen) <= set(range(5)) and len(chosen) == len(set(chosen)) > 0)
    find_period(text, TODAY)
    said_digits(text)
