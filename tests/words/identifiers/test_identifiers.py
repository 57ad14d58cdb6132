"""Every identifier is brought into one form, checked by its rule, masked, and refused with a reason."""

import pickle
import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.words.identifiers import RULES, Flaw, Kind, Remedy, Wrong, kinds_of, mask, range_units, read
from bot.words.identifiers import is_new_energy as new_energy
from bot.words.identifiers import is_virtual as virtual

TODAY = date(2026, 11, 23)

# Public examples: the annexes of GB 11643-1999 and GB 32100-2015, ISO 3779's test numbers, UnionPay's sandbox.
GOOD = [
    (Kind.RESIDENT_ID, "11010519491231002X", "11010519491231002X"),
    (Kind.RESIDENT_ID, "110105 19491231 002x", "11010519491231002X"),
    (Kind.RESIDENT_ID, "440524188001010014", "440524188001010014"),
    (Kind.RESIDENT_ID, "１１０１０５１９４９１２３１００２Ｘ", "11010519491231002X"),
    (Kind.PERMANENT_RESIDENCE, "abc123456789012", "ABC123456789012"),
    (Kind.RETURN_PERMIT, "h12345678", "H12345678"),
    (Kind.RETURN_PERMIT, "M1234567801", "M1234567801"),
    (Kind.TAIWAN_PERMIT, "12345678", "12345678"),
    (Kind.PASSPORT, "E12345678", "E12345678"),
    (Kind.PASSPORT, "ea1234567", "EA1234567"),
    (Kind.PASSPORT, "G12345678", "G12345678"),
    (Kind.USCC, "91350100M000100Y43", "91350100M000100Y43"),
    (Kind.USCC, "9135 0100 m000 100y 43", "91350100M000100Y43"),
    (Kind.TAX_NUMBER, "440300123456789", "440300123456789"),
    (Kind.BANK_CARD, "6221 5588 1234 0013", "6221558812340013"),
    (Kind.CORPORATE_ACCOUNT, "4000 0212 0920 0123 456", "4000021209200123456"),
    (Kind.MOBILE, "13800138000", "13800138000"),
    (Kind.MOBILE, "+86 138-0013-8000", "13800138000"),
    (Kind.MOBILE, "0086 138 0013 8000", "13800138000"),
    (Kind.MOBILE, "幺三八〇〇幺三八零零零", "13800138000"),
    (Kind.MOBILE, "洞洞八六幺三八零零幺三八零零零", "13800138000"),
    (Kind.MOBILE, "138O0138OOO", "13800138000"),
    (Kind.MOBILE, "17012345678", "17012345678"),
    (Kind.LANDLINE, "0755 26881234", "0755-26881234"),
    (Kind.LANDLINE, "(010)62781234".replace("(", "").replace(")", " "), "010-62781234"),
    (Kind.PLATE, "粤b·12345", "粤B12345"),
    (Kind.PLATE, "粤BD12345", "粤BD12345"),
    (Kind.PLATE, "粤B12345D", "粤B12345D"),
    (Kind.PLATE, "滬A 8K907", "沪A8K907"),
    (Kind.PLATE, "粤Z1234港", "粤Z1234港"),
    (Kind.PLATE, "粤Z1234澳", "粤Z1234澳"),
    (Kind.PLATE, "鄂A7788學", "鄂A7788学"),
    (Kind.PLATE, "京A1234警", "京A1234警"),
    (Kind.PLATE, "苏B1234挂", "苏B1234挂"),
    (Kind.SPECIAL_PLATE, "使014578", "使014578"),
    (Kind.SPECIAL_PLATE, "wj京12345", "WJ京12345"),
    (Kind.SPECIAL_PLATE, "沪A0023领", "沪A0023领"),
    (Kind.SPECIAL_PLATE, "京XS001A应急", "京XS001A应急"),
    (Kind.VIN, "1M8GDM9AXKP042788", "1M8GDM9AXKP042788"),
    (Kind.VIN, "11111111111111111", "11111111111111111"),
    (Kind.ENGINE_TAIL, "a1b2c3", "A1B2C3"),
    (Kind.DRIVER_FILE, "440300123456", "440300123456"),
    (Kind.PENALTY_DECISION, "4403001234567890", "4403001234567890"),
    (Kind.PENALTY_DECISION, "440300123456789", "440300123456789"),
    (Kind.TREASURY_CODE, "4403 0026 0000 1234 5678", "44030026000012345678"),
    (Kind.TREASURY_CODE, "1234567890123456", "1234567890123456"),
    (Kind.FISCAL_RECEIPT_CODE, "44060126", "44060126"),
    (Kind.FISCAL_RECEIPT_NUMBER, "0012345678", "0012345678"),
    (Kind.FISCAL_RECEIPT_CHECK, "a1b2c3", "A1B2C3"),
    (Kind.DIGITAL_INVOICE, "26442000000012345678", "26442000000012345678"),
    (Kind.INVOICE_CODE, "044001900111", "044001900111"),
    (Kind.INVOICE_NUMBER, "12345678", "12345678"),
    (Kind.INVOICE_CHECK, "123456", "123456"),
    (Kind.BANK_NUMBER, "102584001231", "102584001231"),
    (Kind.NOTE_NUMBER, "5 102584001231 20261101 00001234 3", "510258400123120261101000012343"),
    (Kind.NOTE_RANGE, "000000000001-000000500000", "1-500000"),
    (Kind.NOTE_RANGE, "1 至 100", "1-100"),
    (Kind.NOTE_RANGE, "0", "0"),
    (Kind.STATE_GRID, "O512 345 678", "0512345678"),
    (Kind.STATE_GRID, "3100123456789", "3100123456789"),
    (Kind.SOUTHERN_GRID, "0300123456789012", "0300123456789012"),
    (Kind.METER, "ab-12345", "AB12345"),
    (Kind.STUDENT, "s2026030118", "S2026030118"),
    (Kind.NATIONAL_STUDENT, "G11010519491231002X", "G11010519491231002X"),
    (Kind.MEDICAL_CARD, "A00238871", "A00238871"),
    (Kind.E_HEALTH_CARD, "AB" * 32, "ab" * 32),
    (Kind.SOCIAL_SECURITY, "a123456789", "A123456789"),
    (Kind.PROVIDENT_FUND, "201234567890", "201234567890"),
    (Kind.POLICY, "PDAA202644010000123456", "PDAA202644010000123456"),
    (Kind.BROADBAND, "ad12345678@163", "AD12345678@163"),
    (Kind.COURT_CASE, "(2026)粤0305民初1234号", "（2026）粤0305民初1234号"),
    (Kind.COURT_CASE, "〔2025〕最高法民终12號之一", "（2025）最高法民终12号之一"),
    (Kind.PAYMENT_CODE, "13 4512 3456 7890 1234", "134512345678901234"),
    (Kind.PAYMENT_CODE, "2812345678901234567", "2812345678901234567"),
    (Kind.PAYMENT_CODE, "6212345678901234567", "6212345678901234567"),
]

BAD = [
    (Kind.RESIDENT_ID, "", Wrong.EMPTY),
    (Kind.RESIDENT_ID, "1101051949123100", Wrong.TOO_SHORT),
    (Kind.RESIDENT_ID, "11010519491231002X1", Wrong.CHARACTERS),
    (Kind.RESIDENT_ID, "1101051949123100211", Wrong.TOO_LONG),
    (Kind.RESIDENT_ID, "110105194912310O2X", Wrong.CHARACTERS),
    (Kind.RESIDENT_ID, "110105194912310021", Wrong.CHECK_DIGIT),
    (Kind.RESIDENT_ID, "990105194912310021", Wrong.REGION),
    (Kind.RESIDENT_ID, "110105194902300021", Wrong.DATE),
    (Kind.RESIDENT_ID, "110105174912310021", Wrong.DATE),
    (Kind.RESIDENT_ID, "110105202612310021", Wrong.FUTURE),
    (Kind.RESIDENCE_PERMIT, "11010519491231002X", Wrong.REGION),
    (Kind.PERMANENT_RESIDENCE, "911010519491231002", Wrong.DATE),
    (Kind.PASSPORT, "12345678", Wrong.SHAPE),
    (Kind.USCC, "91350100M000100Y4", Wrong.TOO_SHORT),
    (Kind.USCC, "91350100M000100O43", Wrong.CHARACTERS),
    (Kind.USCC, "91350100M000100Y44", Wrong.CHECK_DIGIT),
    (Kind.USCC, "01350100M000100Y43", Wrong.SHAPE),
    (Kind.TAX_NUMBER, "1234567890123456", Wrong.LENGTH),
    (Kind.BANK_CARD, "6221558812340000", Wrong.CHECK_DIGIT),
    (Kind.MOBILE, "12812345678", Wrong.SHAPE),
    (Kind.MOBILE, "1381234567", Wrong.TOO_SHORT),
    (Kind.LANDLINE, "26881234", Wrong.SHAPE),
    (Kind.PLATE, "粤BI2345", Wrong.SHAPE),
    (Kind.PLATE, "粤B1234567", Wrong.SHAPE),
    (Kind.PLATE, "粤B123456", Wrong.SHAPE),
    (Kind.PLATE, "粤BM12345", Wrong.SHAPE),
    (Kind.PLATE, "使014578", Wrong.SPECIAL),
    (Kind.PLATE, "空A12345", Wrong.CHARACTERS),
    (Kind.VIN, "1M8GDM9A1KP042788", Wrong.CHECK_DIGIT),
    (Kind.VIN, "1M8GDM9AXKP04278O", Wrong.CHARACTERS),
    (Kind.PENALTY_DECISION, "44030012345678", Wrong.TOO_SHORT),
    (Kind.TREASURY_CODE, "440300260000123456", Wrong.LENGTH),
    (Kind.FISCAL_RECEIPT_CODE, "44060127", Wrong.FUTURE),
    (Kind.NOTE_NUMBER, "310258400123120261101000012343", Wrong.TYPE),
    (Kind.NOTE_NUMBER, "510258400123120261301000012343", Wrong.DATE),
    (Kind.NOTE_NUMBER, "510258400123120261130000012343", Wrong.FUTURE),
    (Kind.NOTE_RANGE, "5-1", Wrong.RANGE),
    (Kind.NOTE_RANGE, "0-10", Wrong.RANGE),
    (Kind.NOTE_RANGE, "1-100000000001", Wrong.RANGE),
    (Kind.STATE_GRID, "05123456789", Wrong.LENGTH),
    (Kind.NATIONAL_STUDENT, "G110105194912310021", Wrong.CHECK_DIGIT),
    (Kind.NATIONAL_STUDENT, "X11010519491231002X", Wrong.SHAPE),
    (Kind.COURT_CASE, "2026粤0305民初1234号", Wrong.SHAPE),
    (Kind.COURT_CASE, "（2027）粤0305民初1234号", Wrong.FUTURE),
    (Kind.COURT_CASE, "（1900）粤0305民初1234号", Wrong.DATE),
    (Kind.PAYMENT_CODE, "991234567890123456", Wrong.SHAPE),
]


@pytest.mark.parametrize(("kind", "text", "value"), GOOD)
def test_it_is_brought_into_one_form(kind: Kind, text: str, value: str) -> None:
    assert read(kind, text, TODAY) == value
    assert read(kind, value, TODAY) == value


@pytest.mark.parametrize(("kind", "text", "wrong"), BAD)
def test_what_is_wrong_is_named(kind: Kind, text: str, wrong: Wrong) -> None:
    found = read(kind, text, TODAY)

    assert isinstance(found, Flaw)
    assert (found.kind, found.wrong) == (kind, wrong)
    assert bool(found.lengths) == (wrong in (Wrong.TOO_SHORT, Wrong.TOO_LONG, Wrong.LENGTH))


def test_every_kind_has_a_rule_a_good_example_and_every_fault_a_remedy() -> None:
    assert set(RULES) == set(Kind)
    assert {kind for kind, _, _ in GOOD} == set(Kind) - {Kind.RESIDENCE_PERMIT}
    assert {Flaw(Kind.PLATE, wrong).remedy for wrong in Wrong} <= set(Remedy)
    assert {wrong for _, _, wrong in BAD} == set(Wrong) - {Wrong.INNER_CHECK_DIGIT}


@given(st.text(max_size=100), st.sampled_from(list(Kind)))
def test_any_text_is_read_without_a_fault_and_what_is_read_stays(text: str, kind: Kind) -> None:
    found = read(kind, text, TODAY)

    if isinstance(found, str):
        assert read(kind, found, TODAY) == found
        mask(kind, found)


@given(st.sampled_from(list(Kind)), st.data())
def test_what_looks_right_is_masked_and_a_flaw_holds_nothing_of_it(kind: Kind, data: st.DataObject) -> None:
    """Whatever fits the pattern is either read or refused; no echo shows it whole, no flaw shows any of it."""
    written = data.draw(st.from_regex(RULES[kind].pattern, fullmatch=True))
    found = read(kind, written, TODAY)

    if isinstance(found, Flaw):
        assert written not in repr(found) or written.isalpha() or len(written) < 4
        return
    shown = mask(kind, found)
    if kind is not Kind.NOTE_RANGE:
        assert found not in shown
        assert "***" in shown


@pytest.mark.parametrize("kind", list(Kind))
def test_a_rule_takes_no_time_over_a_long_text(kind: Kind) -> None:
    for piece in ("1", "A", "粤", "(2026)", "1-", " "):
        assert isinstance(read(kind, piece * 100_000, TODAY), Flaw)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_flaw_may_travel(kind: Kind) -> None:
    flaw = read(kind, "", TODAY)

    assert pickle.loads(pickle.dumps(flaw)) == flaw  # noqa: S301


def test_what_a_bare_number_may_be() -> None:
    assert kinds_of("11010519491231002X", TODAY, certain=True) == (Kind.RESIDENT_ID,)
    assert kinds_of("91350100M000100Y43", TODAY, certain=True) == (Kind.USCC,)
    assert kinds_of("0512345678", TODAY, certain=True) == ()
    assert Kind.STATE_GRID in kinds_of("0512345678", TODAY)
    assert Kind.MOBILE in kinds_of("13800138000", TODAY)
    assert kinds_of("", TODAY) == ()


def test_masks() -> None:
    assert mask(Kind.RESIDENT_ID, "11010519491231002X") == "1****************X"
    assert mask(Kind.BANK_CARD, "6221558812340013") == "622155******0013"
    assert mask(Kind.MOBILE, "13800138000") == "138****8000"
    assert mask(Kind.PLATE, "粤B12345D") == "粤B*****D"
    assert mask(Kind.STATE_GRID, "0512345678") == "****5678"
    assert mask(Kind.PAYMENT_CODE, "134512345678901234") == "****"
    assert mask(Kind.NOTE_RANGE, "1-500000") == "1-500000"


@given(st.integers(1, 10**11), st.integers(0, 10**6))
def test_a_sub_range_is_counted_in_fen(start: int, more: int) -> None:
    written = f"{start:012d}-{start + more:012d}"
    found = read(Kind.NOTE_RANGE, written, TODAY)

    if start + more > 10**11:
        assert isinstance(found, Flaw)
    else:
        assert isinstance(found, str)
        assert range_units(found) == more + 1
    assert range_units("0") is None


def test_plates_and_telephones_of_a_sort() -> None:
    assert new_energy("粤BD12345")
    assert new_energy("粤B12345F")
    assert not new_energy("粤B12345")
    assert not new_energy("粤BM12345")
    assert virtual("17012345678")
    assert not virtual("13800138000")


PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
TAIL = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"


@given(
    st.sampled_from(PROVINCES),
    st.sampled_from(TAIL[:24]),
    st.text(TAIL, min_size=5, max_size=5),
    st.sampled_from(["", " ", "·", "-"]),
)
def test_every_ordinary_plate_is_read_however_it_is_parted(province: str, letter: str, tail: str, mark: str) -> None:
    written = f"{province}{letter}{mark}{tail}"

    for text in (written, written.lower(), f" {written} "):
        assert read(Kind.PLATE, text, TODAY) == f"{province}{letter}{tail}"


@given(st.text(TAIL, min_size=6, max_size=6))
def test_six_characters_are_a_new_energy_plate_or_none(tail: str) -> None:
    small = re.fullmatch(r"[A-HJK][A-HJ-NP-Z0-9]\d{4}", tail) is not None
    large = re.fullmatch(r"\d{5}[A-HJK]", tail) is not None

    assert isinstance(read(Kind.PLATE, f"粤B{tail}", TODAY), str) is (small or large)
