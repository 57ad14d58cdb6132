"""EMVCo codes: the published vectors, a round trip of any value, and refusal of whatever the specification forbids."""

import dataclasses
import string
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from qrcodes.emvco import (
    AMOUNT_FEN_MAX,
    TEXT_CHARS_MAX,
    AdditionalData,
    LocalName,
    MerchantCode,
    Template,
    Tip,
    TipKind,
    build_merchant_code,
    parse_merchant_code,
)
from qrcodes.image import qr_png
from qrcodes.tlv import VALUE_CHARS_MAX, EmvcoError, crc16, decode_fields, encode_fields
from tests.qrcodes.reading import decode, open_png

# The sample of the specification itself: yuan, a tip to ask for, a name in Chinese.
SAMPLE = (
    "00020101021229300012D156000000000510A93FO3230Q31280012D15600000001030812345678520441115802CN5914BEST TRANSPORT"
    "6007BEIJING64200002ZH0104最佳运输0202北京540523.7253031565502016233030412340603***0708A60086670902ME"
    "91320016A0112233449988770708123456786304A13A"
)
# From the description of another implementation (Phnom Penh, dollars): proves the check sum and the fields below.
FOREIGN = (
    "00020101021252044131153137210116372101160123456789ABCDE6010Phnom Penh5913Merchant Shop5802KH540510.0053038406"
    "22501081234567802090124444446304A0BA"
)
PLAIN = string.ascii_letters + string.digits + " .,-/()*"


def words(most: int, least: int = 1) -> st.SearchStrategy[str]:
    return st.text(PLAIN, min_size=least, max_size=most)


def ids(first: int, last: int, value: st.SearchStrategy[str], most: int) -> st.SearchStrategy[Any]:
    numbers = st.lists(st.integers(first, last), max_size=most, unique=True).map(sorted)
    return numbers.flatmap(lambda found: st.tuples(*(st.tuples(st.just(f"{one:02d}"), value) for one in found)))


def templates(first: int, last: int, most: int) -> st.SearchStrategy[tuple[Template, ...]]:
    guids = ids(first, last, words(12), most)
    return st.tuples(guids, ids(1, 99, words(6), 2)).map(
        lambda case: tuple(Template(field_id, guid, case[1]) for field_id, guid in case[0])
    )


tips = st.one_of(
    st.none(),
    st.just(Tip(TipKind.ASK)),
    st.integers(1, AMOUNT_FEN_MAX).map(lambda fen: Tip(TipKind.FIXED, fen)),
    st.integers(1, 9999).map(lambda share: Tip(TipKind.SHARE, share)),
)
additional = st.one_of(
    st.none(),
    st.builds(
        AdditionalData,
        bill_number=words(10),
        terminal_label=words(8, 0),
        ask_for=st.sampled_from(["", "A", "ME", "EMA"]),
        tax_id=words(8, 0),
        reserved=ids(12, 49, words(3), 1),
        templates=templates(50, 99, 1),
    ),
)
local_text = st.text("最佳运输北京市物业费A1", min_size=1, max_size=12)
locals_ = st.one_of(st.none(), st.builds(LocalName, st.sampled_from(["zh", "EN"]), local_text, local_text))


@st.composite
def codes(draw: st.DrawFn) -> MerchantCode:
    try:
        return MerchantCode(
            merchant_name=draw(words(25)),
            merchant_city=draw(words(15)),
            category=draw(st.integers(0, 9999).map("{:04d}".format)),
            accounts=(Template("26", "cn.example.bank"), *draw(templates(27, 51, 2))),
            card_accounts=draw(ids(2, 25, words(16), 1)),
            amount=draw(st.one_of(st.none(), st.integers(1, AMOUNT_FEN_MAX))),
            one_time=draw(st.sampled_from([None, True, False])),
            tip=draw(tips),
            postal_code=draw(words(10, 0)),
            additional=draw(additional),
            local=draw(locals_),
            reserved=draw(ids(65, 79, words(8), 1)),
            unreserved=draw(templates(80, 99, 1)),
        )
    except EmvcoError:  # Sizes that only the whole breaks are another test's.
        assume(False)
        raise


@pytest.mark.parametrize(
    ("text", "check"),
    [("123456789", "29B1"), ("", "FFFF"), (SAMPLE[:-4], "A13A"), (FOREIGN[:-4], "A0BA")],
)
def test_check_sums_of_known_texts(text: str, check: str) -> None:
    assert crc16(text) == check


def test_the_specifications_sample_is_read() -> None:
    code = parse_merchant_code(SAMPLE)

    assert code == MerchantCode(
        merchant_name="BEST TRANSPORT",
        merchant_city="BEIJING",
        category="4111",
        accounts=(
            Template("29", "D15600000000", (("05", "A93FO3230Q"),)),
            Template("31", "D15600000001", (("03", "12345678"),)),
        ),
        amount=2372,
        one_time=True,
        tip=Tip(TipKind.ASK),
        additional=AdditionalData(store_label="1234", customer_label="***", terminal_label="A6008667", ask_for="ME"),
        local=LocalName("ZH", "最佳运输", "北京"),
        unreserved=(Template("91", "A011223344998877", (("07", "12345678"),)),),
    )


def test_the_sample_written_again_is_the_same_code_in_ascending_order() -> None:
    text = build_merchant_code(parse_merchant_code(SAMPLE))

    assert parse_merchant_code(text) == parse_merchant_code(SAMPLE)
    assert list(decode_fields(text)) == [*sorted(decode_fields(text).keys() - {"63"}), "63"]


def test_fields_of_a_template_may_come_in_any_order() -> None:
    late_guid = SAMPLE.replace("29300012D156000000000510A93FO3230Q", "29300510A93FO3230Q0012D15600000000")
    descending = SAMPLE.replace("31280012D15600000001030812345678", "31280012D1560000000104021203021x")

    assert late_guid != SAMPLE != descending
    assert parse_merchant_code(sealed(late_guid[:-8])) == parse_merchant_code(SAMPLE)
    second = parse_merchant_code(sealed(descending[:-8])).accounts[1]
    assert second.fields == (("03", "1x"), ("04", "12"))


def test_a_code_in_another_currency_is_refused_not_converted() -> None:
    assert decode_fields(FOREIGN)["54"] == "10.00"
    with pytest.raises(EmvcoError, match="yuan only"):
        parse_merchant_code(FOREIGN)


@given(codes())
def test_any_value_survives_the_round_trip(code: MerchantCode) -> None:
    try:
        text = build_merchant_code(code)
    except EmvcoError as error:
        assert "longer than 512" in str(error)
        return

    assert len(text) <= TEXT_CHARS_MAX
    assert parse_merchant_code(text) == code
    assert build_merchant_code(parse_merchant_code(text)) == text


def test_a_code_is_drawn_and_scanned_as_it_was_written() -> None:
    assert decode(open_png(qr_png(SAMPLE, module_px=4).body)) == [SAMPLE]


@given(st.integers(0, len(SAMPLE) - 1), st.characters(min_codepoint=32, max_codepoint=126))
def test_every_single_wrong_character_is_found(at: int, wrong: str) -> None:
    assume(SAMPLE[at] != wrong)
    with pytest.raises(EmvcoError):
        parse_merchant_code(SAMPLE[:at] + wrong + SAMPLE[at + 1 :])


@given(st.text(max_size=600))
def test_any_text_is_read_or_refused(text: str) -> None:
    for candidate in (text, sealed(text), sealed("000201" + text)):
        try:
            code = parse_merchant_code(candidate)
        except EmvcoError:
            continue
        assert parse_merchant_code(build_merchant_code(code)) == code


@given(st.text("0123456789", max_size=120))
def test_any_sealed_digits_are_read_or_refused(text: str) -> None:
    """Digits alone reach deepest, because most of them form fields."""
    try:
        parse_merchant_code(sealed("000201" + text))
    except EmvcoError as error:
        assert text not in str(error) or len(text) < 4


@given(st.dictionaries(st.from_regex(r"\d{2}", fullmatch=True).filter(str.isascii), words(VALUE_CHARS_MAX)))
def test_fields_survive_the_round_trip(fields: dict[str, str]) -> None:
    assert decode_fields(encode_fields(fields.items())) == fields


@pytest.mark.parametrize(
    "text",
    ["0", "00", "000", "0001", "0002A", "0000", "00-1A", "0A01A", "00１０A", "01 1A", "0001A0001B", "0001A0"],
)
def test_broken_fields_are_refused(text: str) -> None:
    with pytest.raises(EmvcoError):
        decode_fields(text)


def test_a_value_that_its_length_cannot_say_is_refused() -> None:
    assert encode_fields([("01", "x" * 99), ("02", "")]) == "0199" + "x" * 99
    with pytest.raises(EmvcoError, match="longer than 99"):
        encode_fields([("01", "x" * 100)])


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("000201", "000202", "version 01"),
        ("010212", "010213", "11 or 12"),
        ("010212", "010212010212", "twice"),
        ("5303156", "5303840", "yuan only"),
        ("5303156", "", "yuan only"),
        ("52044111", "520441A1", "52"),
        ("52044111", "", "52"),
        ("5802CN", "5802cn", "58"),
        ("5802CN", "", "58"),
        ("5914BEST TRANSPORT", "", "59"),
        ("5914BEST TRANSPORT", "5927BEST TRANSPORT AND PARTNERS", "59"),
        ("5914BEST TRANSPORT", "5904最佳运输", "plain ASCII"),
        ("6007BEIJING", "", "60"),
        ("540523.72", "540523,72", "two decimals"),
        ("540523.72", "540623.725", "two decimals"),
        ("540523.72", "5405-3.72", "two decimals"),
        ("540523.72", "54040.00", "out of range"),
        ("540523.72", "540512e34", "two decimals"),
        ("540523.72", "541412345678901.23", "two decimals"),
        ("550201", "550204", "55"),
        ("550201", "550202", "56"),
        ("550201", "5502025603ABC", "56"),
        ("550201", "550203", "57"),
        ("550201", "5502035705100.1", "57"),
        ("550201", "550203570500.00", "55"),
        ("550201", "55020156011", "56"),
        ("550201", "570550.00", "57"),
        ("0902ME", "0902MM", "62.09"),
        ("0603***", "0003***", "62.00"),
        ("0002ZH", "0002Z1", "64.00"),
        ("64200002ZH0104最佳运输0202北京", "64120002ZH0202北京", "64.01"),
        ("0012D15600000000", "0112D15600000000", "GUID"),
        ("6304A13A", "6304a13a", "does not agree"),
        ("6304A13A", "", "check sum comes last"),
    ],
)
def test_each_rule_of_the_root_is_kept(old: str, new: str, rule: str) -> None:
    assert SAMPLE.count(old) == 1
    changed = SAMPLE.replace(old, new)
    if not old.startswith("6304"):
        changed = sealed(changed[:-8])
    with pytest.raises(EmvcoError, match=rule):
        parse_merchant_code(changed)


def test_a_code_without_any_account_is_refused() -> None:
    with pytest.raises(EmvcoError, match="at least one merchant account"):
        dataclasses.replace(parse_merchant_code(SAMPLE), accounts=())


@pytest.mark.parametrize(
    ("amount", "fen"),
    [("1", 100), ("1.", 100), ("1.5", 150), ("0.01", 1), ("007.10", 710), ("9999999999.99", AMOUNT_FEN_MAX)],
)
def test_amounts_are_read_to_the_fen(amount: str, fen: int) -> None:
    changed = SAMPLE.replace("540523.72", f"54{len(amount):02d}{amount}")

    assert parse_merchant_code(sealed(changed[:-8])).amount == fen


@pytest.mark.parametrize(
    "make",
    [
        lambda: Tip(TipKind.ASK, 1),
        lambda: Tip(TipKind.FIXED, 0),
        lambda: Tip(TipKind.SHARE, 10_000),
        lambda: Template("26", ""),
        lambda: Template("26", "x" * 33),
        lambda: Template("26", "guid", (("00", "x"),)),
        lambda: Template("26", "guid", (("02", "x"), ("01", "x"))),
        lambda: Template("26", "guid", (("01", "x"), ("01", "y"))),
        lambda: Template("26", "guid", (("01", ""),)),
        lambda: Template("26", "guid", (("1", "x"),)),
        lambda: Template("26", "guid", (("01", "x" * 99),)),
        lambda: Template("26", "物业"),
        AdditionalData,
        lambda: AdditionalData(bill_number="x" * 26),
        lambda: AdditionalData(bill_number="x\n"),
        lambda: AdditionalData(bill_number="x", templates=(Template("49", "guid"),)),
        lambda: AdditionalData(bill_number="x" * 25, purpose="y" * 25, store_label="z" * 25, tax_id="t" * 20),
        lambda: LocalName("z", "x"),
        lambda: LocalName("zh", ""),
        lambda: LocalName("zh", "x" * 26),
        lambda: LocalName("zh", "x", "y" * 16),
        lambda: LocalName("zh", "x\u202ey"),
        lambda: dataclasses.replace(parse_merchant_code(SAMPLE), accounts=(Template("52", "guid"),)),
        lambda: dataclasses.replace(parse_merchant_code(SAMPLE), card_accounts=(("26", "x"),)),
        lambda: dataclasses.replace(parse_merchant_code(SAMPLE), amount=0),
        lambda: dataclasses.replace(parse_merchant_code(SAMPLE), amount=AMOUNT_FEN_MAX + 1),
        lambda: dataclasses.replace(parse_merchant_code(SAMPLE), reserved=(("63", "x"),)),
    ],
)
def test_values_that_break_a_rule_cannot_be_made(make: Any) -> None:
    with pytest.raises(EmvcoError):
        make()


def test_a_whole_that_is_too_long_is_refused_both_ways() -> None:
    many = tuple(Template(str(number), "x" * 32, (("01", "y" * 50),)) for number in range(80, 90))
    with pytest.raises(EmvcoError, match="longer than 512"):
        build_merchant_code(dataclasses.replace(parse_merchant_code(SAMPLE), unreserved=many))
    with pytest.raises(EmvcoError, match="longer than 512"):
        parse_merchant_code("000201" + "1" * 10**6)


def test_half_a_character_is_refused() -> None:
    with pytest.raises(EmvcoError, match="half a character"):
        parse_merchant_code("000201\ud8006304FFFF")


def sealed(text: str) -> str:
    """Return the text with its check sum, so that only what comes after it can refuse it."""
    try:
        return f"{text}6304{crc16(text + '6304')}"
    except UnicodeEncodeError:
        return text
