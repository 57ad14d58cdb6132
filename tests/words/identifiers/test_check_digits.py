"""Check digits against sums written anew from the standards: right ones pass, and slips that they can see are seen."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.words.identifiers import Flaw, Kind, Wrong, kinds_of, organisation_check, read, vin_check
from bot.words.identifiers.persons import PROVINCES

TODAY = date(2026, 11, 23)
CREDIT = "0123456789ABCDEFGHJKLMNPQRTUWXY"
VIN = "0123456789ABCDEFGHJKLMNPRSTUVWXYZ"
DIGITS = "0123456789"


def id_check(number: str) -> str:
    """GB 11643-1999, 4.3: the weight of the n-th place from the right is 2 to the power of n - 1, modulo 11."""
    total = sum(int(digit) * 2 ** (17 - place) for place, digit in enumerate(number[:17]))
    return "10X98765432"[total % 11]


def credit_check(code: str) -> str:
    """GB 32100-2015, 3.5: powers of 3 modulo 31."""
    total = sum(CREDIT.index(character) * pow(3, place, 31) for place, character in enumerate(code[:17]))
    return CREDIT[-total % 31]


def luhn_check(number: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(number)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 * (doubled > 9)
    return str(-total % 10)


@st.composite
def id_numbers(draw: st.DrawFn, provinces: tuple[str, ...] = tuple(sorted(PROVINCES))) -> str:
    born = date(1900, 1, 1) + timedelta(days=draw(st.integers(0, (TODAY - date(1900, 1, 1)).days)))
    region = f"{draw(st.sampled_from(provinces))}{draw(st.integers(0, 9999)):04d}"
    body = f"{region}{born:%Y%m%d}{draw(st.integers(0, 999)):03d}"
    return body + id_check(body)


@st.composite
def credit_codes(draw: st.DrawFn) -> str:
    organisation = draw(st.text(CREDIT, min_size=8, max_size=8))
    last = organisation_check(organisation)
    register = draw(st.sampled_from(["91", "92", "93", "11", "12", "51", "N2", "Y1", "A1"]))
    whole = f"{register}{draw(st.integers(0, 999_999)):06d}{organisation}{last}"
    return whole + credit_check(whole)


def wrong_of(kind: Kind, text: str) -> Wrong | None:
    found = read(kind, text, TODAY)
    return found.wrong if isinstance(found, Flaw) else None


@given(id_numbers(), st.data())
def test_identity_numbers(number: str, data: st.DataObject) -> None:
    assert read(Kind.RESIDENT_ID, number, TODAY) == number
    assert Kind.RESIDENT_ID in kinds_of(number, TODAY, certain=True)

    place = data.draw(st.integers(0, 16))
    other = data.draw(st.sampled_from([digit for digit in DIGITS if digit != number[place]]))
    assert wrong_of(Kind.RESIDENT_ID, number[:place] + other + number[place + 1 :]) is not None
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    assert swapped == number or wrong_of(Kind.RESIDENT_ID, swapped) is not None


@given(id_numbers(("81", "82", "83")))
def test_residence_permits_are_identity_numbers_of_their_own_regions(number: str) -> None:
    assert read(Kind.RESIDENCE_PERMIT, number, TODAY) == number
    assert read(Kind.RESIDENT_ID, number, TODAY) == number


@given(id_numbers(("91",)))
def test_permanent_residence_cards_have_the_same_check(number: str) -> None:
    assert read(Kind.PERMANENT_RESIDENCE, number, TODAY) == number
    assert wrong_of(Kind.RESIDENT_ID, number) is Wrong.REGION


@given(credit_codes(), st.data())
def test_credit_codes(code: str, data: st.DataObject) -> None:
    if code[16] not in CREDIT:
        return
    assert read(Kind.USCC, code, TODAY) == code

    place = data.draw(st.integers(8, 17))
    other = data.draw(st.sampled_from([character for character in CREDIT if character != code[place]]))
    assert wrong_of(Kind.USCC, code[:place] + other + code[place + 1 :]) is Wrong.CHECK_DIGIT


@given(credit_codes(), st.data())
def test_the_organisation_code_inside_is_checked_too(code: str, data: st.DataObject) -> None:
    """A code whose outer check digit was reckoned for a wrong inner one."""
    other = data.draw(st.sampled_from([character for character in "0123456789X" if character != code[16]]))
    body = code[:16] + other

    assert wrong_of(Kind.USCC, body + credit_check(body)) is Wrong.INNER_CHECK_DIGIT


@given(st.text(DIGITS, min_size=11, max_size=18), st.data())
def test_cards(body: str, data: st.DataObject) -> None:
    number = body + luhn_check(body)
    assert read(Kind.BANK_CARD, number, TODAY) == number

    place = data.draw(st.integers(0, len(number) - 1))
    other = data.draw(st.sampled_from([digit for digit in DIGITS if digit != number[place]]))
    assert wrong_of(Kind.BANK_CARD, number[:place] + other + number[place + 1 :]) is Wrong.CHECK_DIGIT
    assert read(Kind.CORPORATE_ACCOUNT, number, TODAY) == number


@given(st.text(VIN, min_size=17, max_size=17))
def test_chassis_numbers(text: str) -> None:
    number = text[:8] + vin_check(text) + text[9:]

    assert read(Kind.VIN, number, TODAY) == number
    assert text == number or wrong_of(Kind.VIN, text) is Wrong.CHECK_DIGIT


def test_organisation_codes_of_the_standard() -> None:
    """GB 11714-1997's own example, and those inside GB 32100-2015's."""
    assert organisation_check("D2143569") == "X"
    assert organisation_check("M000100Y") == "4"
