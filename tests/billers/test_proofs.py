"""Vouchers whose mistyped digit is seen, and the numbers of fiscal receipts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.billers.proofs import FiscalReceipt, Voucher, check_digit, read_proof

BODIES = st.text("0123456789", min_size=11, max_size=11)


@given(body=BODIES, place=st.integers(0, 11), digit=st.sampled_from("0123456789"))
def test_a_single_wrong_digit_is_always_seen(body: str, place: int, digit: str) -> None:
    code = body + check_digit(body)
    typed = code[:place] + digit + code[place + 1 :]

    assert (Voucher.of(typed) is not None) == (typed == code)


def test_nearly_every_pair_changed_about_is_seen() -> None:
    codes = [body + check_digit(body) for body in (f"{number:011d}" for number in range(0, 10**11, 10**8 - 7))]
    swapped = [(code, code[:4] + code[5] + code[4] + code[6:]) for code in codes]
    missed = [code for code, typed in swapped if typed != code and Voucher.of(typed) is not None]

    assert len(missed) <= len(codes) // 50


def test_a_new_voucher_is_read_as_it_is_shown() -> None:
    voucher = Voucher.new()

    assert Voucher.of(voucher.shown) == voucher == read_proof(voucher.ref)
    assert len(voucher.code) == 12
    assert Voucher.new() != Voucher.new()


@pytest.mark.parametrize("code", ["", "12", "1234567890123", "abcdefghijkl", "１２３４５６７８９０１２"])
def test_what_is_no_voucher(code: str) -> None:
    assert Voucher.of(code) is None


def test_a_fiscal_receipt_keeps_its_three_numbers() -> None:
    receipt = FiscalReceipt.of("99010126", "0000000007", "a1B2c3")

    assert receipt is not None
    assert read_proof(receipt.ref) == receipt


@pytest.mark.parametrize(
    "parts",
    [
        ("9901012", "0000000007", "a1b2c3"),
        ("99010126", "7", "a1b2c3"),
        ("99010126", "0000000007", "a1b2c"),
        ("99010126", "0000000007", None),
        (99010126, "0000000007", "a1b2c3"),
        ("99010126", "0000000007", "a:b:c3"),
    ],
)
def test_what_is_no_fiscal_receipt(parts: tuple[object, object, object]) -> None:
    assert FiscalReceipt.of(*parts) is None


@pytest.mark.parametrize("ref", [None, "", "S00000001", "voucher:123456789012", "fiscal:99010126:1", "voucher:"])
def test_a_plain_reference_proves_nothing(ref: str | None) -> None:
    assert read_proof(ref) is None
