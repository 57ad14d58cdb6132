"""Plays Alipay's side of its faculties for the contract tests."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime

from bot.kernel.masking import Secret
from bot.outside.http import Answer
from bot.payments.facts import ContractState, NewCharge, RawNotice
from bot.payments.faculties import (
    ContractRef,
    NewContract,
    NewShare,
    NewShareReturn,
    PartState,
    PreNotice,
    Receiver,
    SharePart,
    ShareRef,
)
from tests.gateways.alipay import bills, platform
from tests.gateways.alipay.rig import ACCOUNT, BILL_URL, AlipayRig
from tests.gateways.faculty_rig import PayOutcome, ReverseOutcome

PLAN = "INDUSTRY|UTILITY"
AGREEMENT = "20265911000000000001"
SPLIT, BACK = "S20261124000000000000000001", "B20261124000000000000000001"
PART_WORDS = {PartState.PENDING: "PROCESSING", PartState.SUCCEEDED: "SUCCESS", PartState.FAILED: "FAIL"}
FLOWS = [
    ("payment", 10_000, "在线支付"),
    ("fee", -60, "收费"),
    ("refund", -500, "交易退款"),
    ("fee_returned", 3, "退费"),
    ("share", -1_000, "分账"),
    ("share_returned", 100, "退分账"),
    ("withdrawal", -5_000, "提现"),
    ("other", 1, "红包退回"),
]


class AlipayFaculties(AlipayRig):
    """See tests.gateways.faculty_rig.FacultyRig."""

    auth_code = "287654321098765432"
    deduct_outcomes = frozenset(PayOutcome)
    refused = False

    # 付款码

    def will_pay_code(self, charge: NewCharge, outcome: PayOutcome, paid_at: datetime) -> None:
        match outcome:
            case PayOutcome.PAID:
                self.will(platform.paid_by_code(charge, paid_at))
            case PayOutcome.WAITING:
                told = {"code": "10003", "msg": "order success pay inprocess"}
                self.will({**told, "out_trade_no": charge.out_trade_no, "trade_no": platform.TRADE_NO})
            case PayOutcome.DECLINED:
                self.will_refuse("ACQ.PAYMENT_AUTH_CODE_INVALID")
            case PayOutcome.TROUBLE:
                self.will_fail()

    def will_reverse(self, charge: NewCharge, outcome: ReverseOutcome) -> None:
        told = platform.good(out_trade_no=charge.out_trade_no, trade_no=platform.TRADE_NO, retry_flag="N")
        match outcome:
            case ReverseOutcome.CLOSED:
                self.will(told | {"action": "close"})
            case ReverseOutcome.WENT_BACK:
                self.will(told | {"action": "refund"})
            case ReverseOutcome.AGAIN | ReverseOutcome.PAYING:
                self.will(told | {"retry_flag": "Y"})
            case ReverseOutcome.TROUBLE:
                self.will_fail()
            case ReverseOutcome.OVER:
                self.will_refuse("ACQ.TRADE_CANCEL_TIME_OUT")

    # 账单

    def will_give_flows(self, day: date) -> Sequence[tuple[str, int]]:
        self.will_give_file(bills.flow_file([(fen, word) for _, fen, word in FLOWS], day))
        return [(kind, fen) for kind, fen, _ in FLOWS]

    def will_say_no_flows(self) -> None:
        self.will_refuse("isp.bill_not_exist")

    def will_say_no_statement(self) -> None:
        for _ in ("trades", "shares"):
            self.will_refuse("isp.bill_not_exist")

    def spoiled_flows(self, day: date) -> Iterator[tuple[str, Callable[[], None]]]:
        moved = [(fen, word) for _, fen, word in FLOWS]
        whole = bills.flow_file(moved, day)
        yield "not_adding_up", lambda: self.will_give_file(bills.flow_file(moved, day, wrong=1))
        yield from self._spoiled(whole)

    def spoiled_statements(self, day: date) -> Iterator[tuple[str, Callable[[], None]]]:
        lines = [bills.payment(1, day), bills.refund(1, day)]
        for name, text in {
            "count": bills.trade_text(lines, (2, 100), (1, 50)),
            "paid": bills.trade_text(lines, (1, 101), (1, 50)),
            "refunded": bills.trade_text(lines, (1, 100), (1, 51)),
            "without_end": bills.trade_text(lines, (1, 100), (1, 50), end=False),
        }.items():
            file, _ = bills.trade_file(payments=1, refunds=1, day=day, table=text)
            yield name, lambda file=file: self.will_give_file(file)  # type: ignore[misc]
        other = bills.summary_text(1, 1, 51)
        file, _ = bills.trade_file(payments=1, refunds=1, day=day, summary=other)
        yield "summary", lambda: self.will_give_file(file)
        yield from self._spoiled(bills.trade_file(payments=1, refunds=1, day=day)[0])

    def _spoiled(self, whole: bytes) -> Iterator[tuple[str, Callable[[], None]]]:
        yield "cut", lambda: self.will_give_file(whole[: len(whole) // 2])
        yield "garbage", lambda: self.will_give_file(b"PK\x03\x04 and nothing behind it")
        yield "refused", lambda: self._told_file(Answer(403, {}, b""))
        elsewhere = platform.good(bill_download_url=BILL_URL.replace("alipay.com", "example.com"))
        yield "elsewhere", lambda: self.will(elsewhere)

    def _told_file(self, answer: Answer) -> None:
        self.will(platform.good(bill_download_url=BILL_URL))
        self.http.then(answer)

    # 分账

    def person(self) -> Receiver:
        return Receiver("person", "0730000000000000000000000001", platform.APP_ID, Secret("张晓晓"), "PARTNER")

    def new_share(self) -> NewShare:
        merchant = Receiver("merchant", "2088000000000777")
        parts = (SharePart(merchant, 1_000, "平台服务费"), SharePart(self.person(), 234, "推广"))
        return NewShare(SPLIT, "T20261124000000000000000001", platform.TRADE_NO, ACCOUNT, parts, finish=False)

    def share_ref(self) -> ShareRef:
        return ShareRef(SPLIT, "T20261124000000000000000001", platform.TRADE_NO, ACCOUNT)

    def new_return(self) -> NewShareReturn:
        share = self.new_share()
        return NewShareReturn(BACK, SPLIT, share.out_trade_no, ACCOUNT, share.parts[0].receiver, 1_000, "退款")

    def will_add_receiver(self) -> None:
        self.will(platform.good(result_code="SUCCESS"))

    def will_share(self, states: Sequence[PartState]) -> None:
        parts = self.new_share().parts
        details = [detail(part, state) for part, state in zip(parts, states, strict=True)]
        self._will_settle(SPLIT, details)

    def will_unfreeze(self) -> None:
        self._will_settle(SPLIT, [])

    def will_take_back(self, state: PartState) -> None:
        merchant = SharePart(Receiver("merchant", platform.SELLER), self.new_return().amount)
        self._will_settle(BACK, [detail(merchant, state)])

    def _will_settle(self, number: str, details: list[dict[str, str]]) -> None:
        trade = self.charge_told()
        taken = platform.good(trade_no=platform.TRADE_NO, settle_no="20261124002530020600000001")
        told = platform.good(out_request_no=number, operation_dt=platform.china(platform.NOW))
        facts = {
            "alipay.trade.query": trade,
            "alipay.trade.order.settle": taken,
            "alipay.trade.order.settle.query": told | {"royalty_detail_list": details},
        }
        # A call makes at most these three: whose trade, the split, and how it stands.
        self.will(*[facts.__getitem__] * 3)

    def charge_told(self) -> platform.JSON:
        return platform.good(out_trade_no="T20261124000000000000000001", trade_no=platform.TRADE_NO)

    def will_refuse_share(self) -> None:
        self.will(*[self._refused_share] * 3)

    def will_say_share_missing(self) -> None:
        self.will(*[self._refused_share] * 2)

    def _refused_share(self, method: str) -> platform.JSON:
        if method == "alipay.trade.query":
            return self.charge_told()
        if method == "alipay.trade.order.settle.query":
            return platform.refusal("ACQ.TRADE_SETTLE_NOT_EXIST")
        return platform.refusal("ACQ.ROYALTY_RECEIVER_INVALID")

    # 委托代扣

    def new_contract(self) -> NewContract:
        return NewContract(
            out_contract_no="C20261124000000000000000001",
            account=ACCOUNT,
            plan=PLAN,
            shown="物业费",
            maximum=50_000,
            period_days=1 if self.refused else 30,  # Alipay takes none below a week.
            created_at=self.clock.now(),
            notify_url="https://pay.example.com/notify/alipay/main",
            return_url="https://pay.example.com/contracts/1",
        )

    def contract_ref(self) -> ContractRef:
        return ContractRef("C20261124000000000000000001", ACCOUNT, PLAN, AGREEMENT)

    def pre_notice(self) -> PreNotice:
        return PreNotice(self.contract_ref(), 12_345, date(2026, 11, 28))

    def will_sign(self) -> None:
        """Nothing is asked: the payer's wallet opens the page."""

    def agreement(self, state: ContractState) -> dict[str, str]:
        facts = {
            "external_agreement_no": "C20261124000000000000000001",
            "agreement_no": AGREEMENT,
            "sign_scene": PLAN,
            "personal_product_code": "CYCLE_PAY_AUTH_P",
            "alipay_user_id": platform.PAYER,
            "sign_time": platform.china(platform.NOW),
        }
        if state is ContractState.ENDED:
            return {**facts, "status": "UNSIGN", "unsign_time": platform.china(platform.NOW)}
        return {**facts, "status": "NORMAL" if state is ContractState.ACTIVE else "TEMP"}

    def will_tell_contract(self, state: ContractState) -> None:
        self.will(platform.good(**self.agreement(state)))

    def will_say_contract_missing(self) -> None:
        self.will_refuse("USER_AGREEMENT_NOT_EXIST")

    def will_announce(self) -> None:
        """Nothing is asked: Alipay tells the payer itself."""

    def will_deduct(self, charge: NewCharge, outcome: PayOutcome, paid_at: datetime) -> None:
        if outcome is PayOutcome.DECLINED:
            self.will_refuse("ACQ.BUYER_BALANCE_NOT_ENOUGH")
        else:
            self.will_pay_code(charge, outcome, paid_at)

    def will_terminate(self) -> None:
        self.will(platform.good())

    def will_refuse_contract(self) -> None:
        self.refused = True
        self.will_refuse("isv.insufficient-isv-permissions", "40006")

    def contract_notice(self, state: ContractState) -> RawNotice:
        ended = state is ContractState.ENDED
        return self.notice(
            {
                "notify_type": "dut_user_unsign" if ended else "dut_user_sign",
                "notify_id": f"20261124002220400000000000000009{state}",
                "notify_time": platform.china(platform.NOW),
                "charset": "utf-8",
                "app_id": platform.APP_ID,
                "auth_app_id": platform.APP_ID,
                **self.agreement(state),
            }
        )


def detail(part: SharePart, state: PartState) -> dict[str, str]:
    """One receiver's part as the query of a split tells it."""
    failed = {"error_code": "RECEIVER_NOT_EXIST"} if state is PartState.FAILED else {}
    return {
        "operation_type": "transfer",
        "trans_out": platform.SELLER,
        "trans_out_type": "userId",
        "trans_in": part.receiver.number,
        "trans_in_type": "openId" if part.receiver.kind == "person" else "userId",
        "amount": platform.yuan(part.amount),
        "state": PART_WORDS[state],
        **failed,
    }


def make() -> AlipayFaculties:
    """The rig of the contract tests of faculties."""
    return AlipayFaculties()
