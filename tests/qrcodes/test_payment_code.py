"""Payment codes are told apart by their digits and stay out of every printed form."""

import copy
import dataclasses
import json
import logging
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrcodes.payment_code import RULES, PaymentCode, PrefixRule, read_payment_code
from qrcodes.wallet import Wallet

WECHAT = "134567890123456789"


def digits(first: int, length: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=length - 2, max_size=length - 2).map(lambda rest: f"{first}{rest}")


@given(st.sampled_from(RULES).flatmap(lambda rule: st.tuples(st.just(rule), st.data())))
def test_every_code_of_a_rule_is_its_wallets(case: tuple[PrefixRule, st.DataObject]) -> None:
    rule, data = case
    first = data.draw(st.integers(rule.first, rule.last))
    length = data.draw(st.integers(rule.digits_min, rule.digits_max))
    code = read_payment_code(data.draw(digits(first, length)))

    assert code is not None
    assert code.wallet is rule.wallet


@pytest.mark.parametrize(
    ("scanned", "wallet"),
    [
        ("10" + "0" * 16, Wallet.WECHAT),
        ("15" + "9" * 16, Wallet.WECHAT),
        ("25" + "0" * 14, Wallet.ALIPAY),
        ("30" + "0" * 22, Wallet.ALIPAY),
        ("289431869362714645", Wallet.ALIPAY),
        ("62" + "0" * 17, Wallet.UNIONPAY),
        (f"\t{WECHAT}\r\n", Wallet.WECHAT),
    ],
)
def test_the_edges_of_the_rules(scanned: str, wallet: Wallet) -> None:
    code = read_payment_code(scanned)

    assert code is not None
    assert (code.wallet, code.reveal()) == (wallet, scanned.strip())


@pytest.mark.parametrize(
    "scanned",
    [
        "",
        " ",
        "1",
        "09" + "0" * 16,
        "16" + "0" * 16,
        "10" + "0" * 15,
        "10" + "0" * 17,
        "24" + "0" * 16,
        "31" + "0" * 16,
        "25" + "0" * 13,
        "25" + "0" * 23,
        "62" + "0" * 16,
        "62" + "0" * 18,
        "61" + "0" * 17,
        "1345678901234 56789",
        "134567890123456-89",
        "https://qr.alipay.com/fkx0123456789",
        "１３４５６７８９０１２３４５６７８９",
        "١٣٤٥٦٧٨٩٠١٢٣٤٥٦٧٨٩",
        "+34567890123456789",
        "13456789012345678²",
        WECHAT + " " * 100,
    ],
)
def test_what_fits_no_rule_is_refused(scanned: str) -> None:
    assert read_payment_code(scanned) is None


@given(st.text(max_size=60))
def test_any_scan_is_answered_and_an_accepted_one_is_digits(scanned: str) -> None:
    code = read_payment_code(scanned)

    if code is not None:
        assert code.reveal() == scanned.strip()
        assert set(code.reveal()) <= set("0123456789")


def test_no_two_rules_claim_the_same_code() -> None:
    claimed = [prefix for rule in RULES for prefix in range(rule.first, rule.last + 1)]

    assert len(claimed) == len(set(claimed))


def test_an_operator_may_bring_other_rules() -> None:
    rules = (PrefixRule(Wallet.UNIONPAY, first=1, last=1, digits_min=20, digits_max=20),)

    code = read_payment_code("01" + "3" * 18, rules)
    assert code is not None
    assert code.wallet is Wallet.UNIONPAY
    assert read_payment_code(WECHAT, rules) is None


def test_no_printed_form_shows_the_digits(caplog: pytest.LogCaptureFixture) -> None:
    @dataclasses.dataclass(frozen=True)
    class Holder:
        code: PaymentCode

    code = _code()
    forms = [repr(code), str(code), f"{code}", f"{code!r:>40}", repr(Holder(code)), repr([code]), repr({code: code})]
    with caplog.at_level(logging.INFO):
        logging.getLogger("till").info("scanned %s", code)
    try:
        raise RuntimeError(code)
    except RuntimeError:
        forms.append(traceback.format_exc())

    assert not any(WECHAT in form or WECHAT[:6] in form for form in [*forms, caplog.text])
    assert repr(code) == "PaymentCode(wechat)"


@pytest.mark.parametrize(
    "take",
    [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, vars, dataclasses.asdict],
    ids=["pickle", "copy", "deepcopy", "json", "vars", "asdict"],
)
def test_nothing_takes_the_digits_out_by_accident(take: object) -> None:
    assert callable(take)
    with pytest.raises(TypeError) as caught:
        take(_code())
    assert WECHAT not in str(caught.value)


def test_a_code_does_not_change() -> None:
    code = _code()
    with pytest.raises(AttributeError):
        code.wallet = Wallet.ALIPAY
    with pytest.raises(AttributeError):
        del code.wallet
    assert code.wallet is Wallet.WECHAT


def test_equal_scans_are_equal_values() -> None:
    other = read_payment_code("13" + "0" * 16)

    assert _code() == _code()
    assert hash(_code()) == hash(_code())
    assert _code() != other
    assert _code() != WECHAT


def test_fingerprints_tell_codes_apart_under_one_key_and_hide_them() -> None:
    other = read_payment_code("13" + "0" * 16)
    assert other is not None

    assert _code().fingerprint(b"key") == _code().fingerprint(b"key")
    assert len({_code().fingerprint(b"key"), _code().fingerprint(b"other"), other.fingerprint(b"key")}) == 3
    assert WECHAT not in _code().fingerprint(b"key")
    with pytest.raises(ValueError, match="needs a key"):
        _code().fingerprint(b"")


def _code() -> PaymentCode:
    code = read_payment_code(WECHAT)
    assert code is not None
    return code
