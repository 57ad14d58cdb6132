"""Samples of companies' scenes: a bank with fees, repayments and fee bills, and a marketplace with orders."""

from typing import Final

from bot.billers.items import AmountKind, AmountRule, Flow, InputField, ItemDefinition
from bot.demo.samples.value import Sample, item, merchant

BANK: Final = merchant("mer_bank", "示范商业银行股份有限公司", "示范银行")
MARKET: Final = merchant("mer_market", "示范供应链管理有限公司", "示范供应链")

_USCC: Final = InputField(
    key="uscc",
    label="统一社会信用代码",
    help="营业执照上的 18 位代码",
    pattern=r"[0-9A-HJ-NPQRTUWXY]{18}",
    form="upper",
)
_LEGAL_PERSON: Final = InputField(
    key="legal_person", label="法定代表人姓名", help="用于核对，不会显示", pattern=r"[\u4e00-\u9fff·]{2,20}", proof=True
)
_TAIL: Final = InputField(
    key="tail",
    label="信用代码后七位",
    help="付款企业统一社会信用代码的后 7 位，用于核对",
    pattern=r"[0-9A-Z]{7}",
    form="upper",
    proof=True,
)
ACCOUNT_FEES: Final = ItemDefinition(
    flow=Flow.FETCH, amount=AmountRule(kind=AmountKind.EXACT), account=_USCC, fields=(_LEGAL_PERSON,)
)
ORDERS: Final = ItemDefinition(
    flow=Flow.FETCH,
    # Above this an order is paid at the bank, by two people.
    bank_above=5_000_000,
    amount=AmountRule(kind=AmountKind.EXACT_OR_LESS, minimum=100_00, maximum=5_000_000),
    account=InputField(
        key="order", label="订单号", help="例如 DD2026112400017", pattern=r"[A-Z]{2}\d{13}", form="upper"
    ),
    fields=(_TAIL,),
    partial=True,
    remember=False,
)
REPAYMENTS: Final = ItemDefinition(
    flow=Flow.FETCH,
    bank_above=5_000_000,
    amount=AmountRule(kind=AmountKind.EXACT_OR_LESS, minimum=100_00, maximum=5_000_000),
    account=InputField(key="loan", label="借据号", help="例如 JJ20260901001", pattern=r"[A-Z]{2}\d{11}", form="upper"),
    fields=(_TAIL,),
    partial=True,
)
FEES: Final = ItemDefinition(
    flow=Flow.FETCH,
    # An example: the operator writes its own limit here.
    bank_above=1_000_000,
    amount=AmountRule(kind=AmountKind.EXACT, maximum=1_000_000),
    account=InputField(key="bank", label="机构行号", help="支付系统 12 位行号", pattern=r"\d{12}", form="digits"),
    fields=(
        InputField(
            key="contact", label="经办人姓名", help="用于核对，不会显示", pattern=r"[\u4e00-\u9fff·]{2,20}", proof=True
        ),
    ),
)

_ACCOUNT: Final = item("itm_account_fee", BANK, "account_opening", "账户服务费", ACCOUNT_FEES)
_ORDER: Final = item("itm_order", MARKET, "collection", "订单货款", ORDERS)
_NOTE: Final = item("itm_note_fee", BANK, "bills", "票据手续费", ACCOUNT_FEES)
_LOAN: Final = item("itm_loan", BANK, "financing", "融资还款", REPAYMENTS)
_FEE: Final = item("itm_interbank", BANK, "interbank", "同业手续费", FEES)

SAMPLE: Final = Sample(
    merchants=(BANK, MARKET),
    items=(_ACCOUNT, _ORDER, _NOTE, _LOAN, _FEE),
    bills={
        _ACCOUNT.id: "account_bills.csv",
        _ORDER.id: "order_bills.csv",
        _NOTE.id: "note_fee_bills.csv",
        _LOAN.id: "loan_bills.csv",
        _FEE.id: "interbank_bills.csv",
    },
)
