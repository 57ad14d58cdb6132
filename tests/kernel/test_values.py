"""Money, identifiers, masks, secrets and text, by example and by property."""

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.kernel import masking, text
from bot.kernel.errors import BadRequest, BotError, Busy, GatewayTrouble
from bot.kernel.ids import new_id, new_out_number, random_text
from bot.kernel.masking import Secret
from bot.kernel.money import MAX_FEN, format_yuan, parse_yuan, share_of

NOW = datetime(2026, 11, 23, 15, 59, 59, 123456, tzinfo=UTC)


@given(st.integers(0, MAX_FEN))
def test_money_survives_printing_and_reading(fen: int) -> None:
    assert parse_yuan(format_yuan(fen)) == fen


@pytest.mark.parametrize(
    ("written", "fen"), [("12", 1200), ("12.5", 1250), (" 0.01 ", 1), ("1,200.00", 120000), ("007", 700)]
)
def test_amounts_that_are_read(written: str, fen: int) -> None:
    assert parse_yuan(written) == fen


@pytest.mark.parametrize("written", ["", "-1", "1.234", "1e3", "一百", "1.", ".5", "100000000.01", "１２", "12元"])
def test_amounts_that_are_refused(written: str) -> None:
    assert parse_yuan(written) is None


@given(st.integers(0, MAX_FEN), st.integers(0, 10_000))
def test_shares_round_half_up(fen: int, points: int) -> None:
    """Exactly half a fen goes up, as gateways reckon their fees."""
    exact = Fraction(fen) * Fraction(points, 10_000)
    assert share_of(fen, Decimal(points) / 10_000) == int(exact + Fraction(1, 2))


def test_negative_money_is_printed_with_its_sign() -> None:
    assert format_yuan(-5) == "-0.05"


@given(st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1)), st.integers(1, 10**9))
def test_ids_sort_by_birth(moment: datetime, later: int) -> None:
    first = moment.replace(tzinfo=UTC)
    second = first + timedelta(microseconds=later)
    assert new_id("ord", first) < new_id("ord", second)


def test_ids_carry_their_kind_and_do_not_repeat() -> None:
    made = {new_id("chg", NOW) for _ in range(5000)}
    assert len(made) == 5000
    assert all(re.fullmatch(r"chg_[0-9A-HJKMNP-TV-Z]{26}", each) for each in made)


def test_out_numbers_fit_every_gateway() -> None:
    """28 letters and digits, the Shanghai time in front; UnionPay takes neither - nor _."""
    number = new_out_number("P", NOW)
    assert re.fullmatch(r"P20261123235959[0-9A-Za-z]{13}", number)


@given(st.integers(0, 200))
def test_random_text_has_its_length_and_alphabet(length: int) -> None:
    assert re.fullmatch(rf"[0-9A-Za-z]{{{length}}}", random_text(length))


def test_random_text_favours_no_character() -> None:
    """A byte taken modulo 62 without rejection would make eight characters a quarter likelier."""
    drawn = random_text(62_000)
    counts = [drawn.count(each) for each in set(drawn)]
    assert len(counts) == 62
    assert max(counts) < 1.2 * min(counts)


def test_masks() -> None:
    assert masking.mask_phone("13812345678") == "138****5678"
    assert masking.mask_account("0512345678") == "****5678"
    assert masking.mask_account("3-2-501") == "****01"
    assert masking.mask_account("12") == "****"
    assert masking.mask_name("陈晓明") == "**明"
    assert masking.mask_name("李") == "*"
    assert masking.mask_id("110101199003070000") == "1****************0"


@given(st.text(min_size=1, max_size=40))
def test_a_masked_account_shows_at_most_four_characters(account: str) -> None:
    assert len(masking.mask_account(account).removeprefix("****")) <= 4


def test_a_secret_shows_itself_only_when_asked() -> None:
    secret = Secret("canary")
    assert "canary" not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == "canary"
    with pytest.raises(TypeError):
        _ = secret == Secret("canary")


@given(st.text())
def test_normalised_text_is_clean_and_stays_so(written: str) -> None:
    once = text.normalise(written)
    assert text.without_control(once) == once
    assert once == once.strip()
    assert text.normalise(once) == once


def test_normalisation_folds_what_looks_alike() -> None:
    assert text.normalise(" ３－２\u200b-５０１ \n") == "3-2-501"


def test_errors_carry_status_and_whether_to_try_again() -> None:
    fault = BadRequest("amount", "type an amount", minimum=1)
    assert (fault.http_status, fault.retryable, fault.facts) == (400, False, {"minimum": 1})
    assert str(fault) == "amount: type an amount"
    assert Busy("away").retryable and GatewayTrouble("silent").retryable
    assert BotError("x").http_status == 500


def test_what_is_taken_for_tidy_is_left_alone_by_unicode() -> None:
    tidy = [chr(code) for code in range(0x10000) if text._TIDY.fullmatch(chr(code))]

    assert len(tidy) > 20_000
    assert [each for each in tidy if unicodedata.normalize("NFKC", each) != each] == []
    assert [each for each in tidy if each.isspace() or not each.isprintable()] == []
