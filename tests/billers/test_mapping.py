"""What a biller says, read: as documented it means what the document says, otherwise it says nothing."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.billers import mapping
from bot.billers.items import Choice, InputField, LateFee
from bot.billers.mapping import BILLS_MAX, PAUSE_SECONDS, REFUSALS
from bot.billers.port import BillQuery, Found, Later, NotFound, Pending, Refused, Reversed, Settled, Silent
from bot.billers.proofs import Voucher
from bot.kernel.money import MAX_FEN
from tests.billers import samples
from tests.billers.samples import OWNER, definition, item

ACCOUNT = "0512345678"
OF = item(definition(fields=(OWNER,)), biller="power", scene="electricity", name="电费")
BILL: dict[str, Any] = {"bill_no": "E1", "period": "2026-10", "amount": 12_850, "state": "open"}
FOUND: dict[str, Any] = {"result": "found", "account": ACCOUNT, "name": "张*明", "bills": [BILL]}


def read(**changes: Any) -> Found:
    found = mapping.found(ACCOUNT, FOUND | changes, OF)
    assert isinstance(found, Found), found
    return found


def read_bill(**changes: Any) -> Any:
    (bill,) = read(bills=[BILL | changes]).bills
    return bill


# --- bills -----------------------------------------------------------------------------------------------------------


def test_a_whole_answer() -> None:
    whole = BILL | {"late_fee": 150, "due_on": "2026-11-20", "title": "居民电费", "detail": {"用电量": "245 千瓦时"}}

    found = read(address="…3栋2单元5**", balance=-200, bills=[whole])

    assert (found.holder_mask, found.address_mask, found.balance) == ("张*明", "…3栋2单元5**", -200)
    (bill,) = found.bills
    assert (bill.bill_no, bill.period, bill.amount, bill.late_fee, bill.total) == ("E1", "2026-10", 12_850, 150, 13_000)
    assert (bill.title, str(bill.due_on), bill.detail) == ("居民电费", "2026-11-20", {"用电量": "245 千瓦时"})


def test_the_least_answer() -> None:
    found = read(name="", bills=[{"bill_no": "E1", "amount": 1}])

    assert found.bills[0].title == "电费"
    assert found.bills[0].period is None


def test_only_what_is_due_is_shown() -> None:
    paid, nothing, due = BILL | {"state": "paid"}, BILL | {"bill_no": "E2", "amount": 0}, BILL | {"bill_no": "E3"}

    assert [bill.bill_no for bill in read(bills=[paid, nothing, due]).bills] == ["E3"]
    assert read(bills=[]).bills == ()


def test_fields_that_nobody_knows_yet_are_ignored() -> None:
    assert read(tariff="peak", bills=[BILL | {"meter": 7}]).bills


def test_a_name_that_the_biller_forgot_to_mask() -> None:
    assert read(name="张小明").holder_mask == "**明"


@pytest.mark.parametrize(
    "changes",
    [
        {"account": "0599999999"},
        {"account": None},
        {"balance": "0"},
        {"balance": 10**12},
        {"bills": None},
        {"bills": [BILL, BILL]},
        {"bills": [BILL | {"bill_no": f"E{number}"} for number in range(BILLS_MAX + 1)]},
        {"bills": [BILL | {"amount": 12850.0}]},
        {"bills": [BILL | {"amount": "12850"}]},
        {"bills": [BILL | {"amount": -1}]},
        {"bills": [BILL | {"amount": True}]},
        {"bills": [BILL | {"amount": 10**12}]},
        {"bills": [BILL | {"late_fee": 0.5}]},
        {"bills": [BILL | {"bill_no": ""}]},
        {"bills": [BILL | {"bill_no": "E" * 65}]},
        {"bills": [BILL | {"bill_no": "E\u00001"}]},
        {"bills": [BILL | {"bill_no": "E\ud800"}]},
        {"bills": [BILL | {"state": "withdrawn"}]},
        {"bills": [BILL | {"due_on": "soon"}]},
        {"bills": [BILL | {"detail": {"用电量": 245}}]},
        {"bills": [{"amount": 1}]},
        {"result": "perhaps"},
    ],
)
def test_an_answer_that_is_not_as_documented_says_nothing(changes: dict[str, Any]) -> None:
    assert isinstance(mapping.found(ACCOUNT, FOUND | changes, OF), Later)


def test_not_found_and_later() -> None:
    assert mapping.found(ACCOUNT, {"result": "not_found"}, OF) == NotFound()
    assert mapping.found(ACCOUNT, {"result": "later", "retry_after": 2}, OF) == Later(2.0, "biller_later")


def test_texts_are_cleaned_and_cut_before_a_database_or_a_message_sees_them() -> None:
    bill = read_bill(title="电\u0000费\ud800" + "x" * 300, detail={f"k{n}\u0007": "v\u0000" for n in range(99)})

    assert bill.title.startswith("电费x")
    assert len(bill.title) <= 200
    assert len(bill.detail) == 30
    assert set(bill.detail.values()) == {"v"}
    bill.title.encode()


# --- advice and undo -------------------------------------------------------------------------------------------------

READERS = [(mapping.settlement, "settled", Settled), (mapping.reversal, "reversed", Reversed)]


@pytest.mark.parametrize(("reader", "yes", "kind"), READERS)
def test_yes_pending_and_no(reader: Any, yes: str, kind: Any) -> None:
    assert reader({"result": yes, "biller_ref": "R1"}) == kind("R1")
    assert reader({"result": yes}) == kind("")
    assert reader({"result": "pending", "retry_after": 7}) == Pending(7.0)
    assert reader({"result": "refused", "code": "closed", "message": "已销户"}) == Refused("closed", "已销户")


@pytest.mark.parametrize(("reader", "yes", "kind"), READERS)
@pytest.mark.parametrize(
    "word", ["unknown", "ok", "success", "", "SETTLED", "reversed ", "not_found", "later", "found"]
)
def test_another_word_is_no_answer(reader: Any, yes: str, kind: Any, word: str) -> None:
    assert reader({"result": word}) == Silent("biller_word")


def test_a_yes_to_another_question_is_no_answer() -> None:
    assert isinstance(mapping.settlement({"result": "reversed"}), Silent)
    assert isinstance(mapping.reversal({"result": "settled"}), Silent)


@pytest.mark.parametrize("code", [None, 7, "bankrupt", "", ["closed"]])
def test_a_refusal_by_a_code_that_nobody_knows_is_still_a_refusal(code: object) -> None:
    assert mapping.settlement({"result": "refused", "code": code}) == Refused("other")


def test_every_code_of_the_document_is_known() -> None:
    for code in REFUSALS:
        assert mapping.settlement({"result": "refused", "code": code}) == Refused(code)


@pytest.mark.parametrize(
    ("after", "seconds"),
    [
        (2, 2.0),
        (0, 0.5),
        (-1, 0.5),
        (10**400, 3600.0),
        (float("inf"), 3600.0),
        (None, PAUSE_SECONDS),
        ("2", PAUSE_SECONDS),
        (True, PAUSE_SECONDS),
    ],
)
def test_pauses_are_within_reason(after: object, seconds: float) -> None:
    assert mapping.pause({"retry_after": after}) == seconds


def test_a_reference_fits_our_books() -> None:
    assert mapping.settlement({"result": "settled", "biller_ref": "R\u00001" + "x" * 99}) == Settled("R1" + "x" * 62)
    assert mapping.settlement({"result": "settled", "biller_ref": {"a": 1}}) == Settled("")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
words = (
    st.sampled_from(["found", "not_found", "later", "settled", "reversed", "pending", "refused", "unknown"]) | st.text()
)
names = st.sampled_from(["account", "name", "bills", "balance", "biller_ref", "retry_after", "code", "message"])


@given(words, st.dictionaries(names, json_values | st.just([BILL]) | st.just(ACCOUNT)))
def test_whatever_a_biller_says_nothing_raises_and_everything_can_be_stored(word: str, rest: dict[str, Any]) -> None:
    answer = rest | {"result": word}

    said = (mapping.found(ACCOUNT, answer, OF), mapping.settlement(answer), mapping.reversal(answer))

    for each in said:
        printed = "".join(str(getattr(each, name)) for name in getattr(each, "__slots__", ()))
        assert "\x00" not in printed
        printed.encode()


# --- requests --------------------------------------------------------------------------------------------------------


def test_a_query_brings_the_items_own_fields_in_their_form_and_no_others() -> None:
    city = InputField(key="city", label="城市", choices=(Choice(value="510100", label="成都市"),))
    of = item(definition(fields=(OWNER, city)), biller="power", scene="electricity")
    query = BillQuery(of.id, "O512 345-678", {"owner": "张 小明", "city": "成都市", "openid": "oABC"}, "2026-10")

    assert mapping.query_of(of, query) == {
        "account": ACCOUNT,
        "item": "electricity",
        "fields": {"owner": "张小明", "city": "510100"},
        "period": "2026-10",
    }


def test_an_advice_is_as_documented() -> None:
    told = samples.paid_line(OF, None, 12_850, id="oln_1", bill_no="E1", period="2026-10")

    assert mapping.advice_of(told) == {
        "line_id": "oln_1",
        "account": ACCOUNT,
        "bill_no": "E1",
        "period": "2026-10",
        "amount": 12_850,
        "paid_at": "2026-11-23T10:00:00+08:00",
    }


# --- what an item's own rules forbid ---------------------------------------------------------------------------------

INSURED = item(definition(insured=True, discreet=True), biller="hospital", scene="hospital", name="门诊缴费")
FINE = item(definition(late_fee=LateFee(daily_rate=Decimal("0.03"), cap=Decimal(1))), biller="fines", scene="judicial")
SPLIT: dict[str, int] = {"total": 32_000, "pool": 15_000, "personal": 4_150}


@pytest.mark.parametrize("split", [SPLIT | {"pool": 15_001}, SPLIT | {"total": 1}, None])
def test_a_bill_whose_shares_do_not_add_up_is_never_asked_for(split: dict[str, int] | None) -> None:
    told = mapping.found(ACCOUNT, FOUND | {"bills": [BILL | {"split": split}]}, INSURED)

    assert told == Later(PAUSE_SECONDS, "biller_split")


def test_a_negative_share_is_no_answer() -> None:
    told = mapping.found(ACCOUNT, FOUND | {"bills": [BILL | {"split": SPLIT | {"personal": -1}}]}, INSURED)

    assert told == Later(PAUSE_SECONDS, "biller_shape")


def test_of_a_treatment_only_the_own_part_is_asked_for_and_nothing_of_it_is_told() -> None:
    bill = BILL | {"split": SPLIT, "title": "消化内科", "detail": {"诊断": "示范"}}

    found = mapping.found(ACCOUNT, FOUND | {"bills": [bill]}, INSURED)

    assert isinstance(found, Found)
    assert (found.bills[0].total, found.bills[0].title, found.bills[0].detail) == (12_850, "门诊缴费", {})
    assert found.bills[0].split is not None and found.bills[0].split.own == 12_850


@given(amount=st.integers(1, MAX_FEN // 2), late_fee=st.integers(0, MAX_FEN // 2))
def test_a_late_fee_never_exceeds_the_fine(amount: int, late_fee: int) -> None:
    told = mapping.found(ACCOUNT, FOUND | {"bills": [BILL | {"amount": amount, "late_fee": late_fee}]}, FINE)

    if late_fee > amount:
        assert told == Later(PAUSE_SECONDS, "biller_late_fee")
    else:
        assert isinstance(told, Found) and told.bills[0].late_fee == late_fee


def test_a_paid_bill_is_not_looked_at() -> None:
    paid = BILL | {"state": "paid", "late_fee": 99_999_999}

    assert isinstance(mapping.found(ACCOUNT, FOUND | {"bills": [paid]}, FINE), Found)


def test_the_fiscal_receipt_of_a_settlement_is_kept() -> None:
    ticket = {"code": "99010126", "number": "0000000007", "check": "a1b2c3"}

    settled = mapping.settlement({"result": "settled", "biller_ref": "S1", "ticket": ticket})

    assert settled == Settled("fiscal:99010126:0000000007:a1b2c3")


@pytest.mark.parametrize("ticket", [None, "x", {}, {"code": "1", "number": "2", "check": "3"}])
def test_what_is_no_fiscal_receipt_leaves_the_reference(ticket: Any) -> None:
    assert mapping.settlement({"result": "settled", "biller_ref": "S1", "ticket": ticket}) == Settled("S1")


def test_a_biller_writes_no_voucher_of_ours() -> None:
    told = mapping.settlement({"result": "settled", "biller_ref": Voucher.new().ref})

    assert told == Settled("")
