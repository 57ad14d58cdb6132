"""Drives the Alipay gateway for the contract tests, with the platform of the tests' own on the other side."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from bot.gateways.alipay.gateway import AlipayGateway, build
from bot.kernel.clock import ManualClock
from bot.outside.http import Answer, NoAnswer
from bot.payments.facts import ChargeRef, NewCharge, NewRefund, RawNotice, RefundRef, RefundState, Way
from tests.gateways.alipay import platform
from tests.gateways.alipay.bills import flow_file, trade_file
from tests.gateways.rig import ScriptedHttp, Sent

ACCOUNT = "main"
TOKENS = {
    Way.JSAPI: {"trade_no": platform.TRADE_NO},
    Way.NATIVE: {"qr_code": "https://qr.alipay.com/bax00000001"},
}
BILL_URL = "http://dwbillcenter.alipay.com/downloadBillFile.resource?bizType=trade&userId=1&fileId=%2F1"


class AlipayRig:
    """See tests.gateways.rig.Rig. Without changes the account is in key mode."""

    account = ACCOUNT
    # Alipay refunds at once: its answers, and its query, tell a success or nothing.
    refund_states = frozenset({RefundState.SUCCEEDED})
    # Its notices of refunds tell the sum of all of a trade's refunds, so no fact about one of them.
    refund_notices_tell = False

    def __init__(self, **changes: Any) -> None:
        self.clock = ManualClock(platform.NOW)
        self.http = ScriptedHttp()
        self.gateway: AlipayGateway = build({ACCOUNT: platform.settings(**changes)}, self.http, self.clock)

    @staticmethod
    def same(sent: Sent) -> object:
        told = platform.parameters(sent)
        return (sent.method, sorted((k, v) for k, v in told.items() if k not in ("timestamp", "sign")))

    def charge(self, way: Way, number: str = "T20261124000000000000000001") -> NewCharge:
        return NewCharge(
            out_trade_no=number,
            account=ACCOUNT,
            way=way,
            amount=12_345,
            currency="CNY",
            description="阳光花园 11月物业费",
            created_at=platform.NOW,
            expires_at=platform.NOW + timedelta(minutes=15, microseconds=999_999),
            notify_url="https://pay.example.com/notify/alipay/main",
            payer_id=platform.PAYER if way is Way.JSAPI else None,
            payer_app=platform.APP_ID if way is Way.JSAPI else None,
            payer_ip="203.0.113.9",
            return_url="https://pay.example.com/cashier/back?c=1" if way is Way.H5 else None,
            attach="chg_1",
        )

    def ref(self, charge: NewCharge) -> ChargeRef:
        return ChargeRef(
            out_trade_no=charge.out_trade_no,
            account=charge.account,
            way=charge.way,
            amount=charge.amount,
            currency=charge.currency,
            created_at=charge.created_at,
            expires_at=charge.expires_at,
            payer_app=charge.payer_app,
        )

    def new_refund(self) -> NewRefund:
        return NewRefund(
            out_refund_no="R20261124000000000000000001",
            out_trade_no="T20261124000000000000000001",
            account=ACCOUNT,
            amount=345,
            total=12_345,
            currency="CNY",
            reason="多收退款",
            notify_url="https://pay.example.com/notify/alipay/main",
            transaction_id=platform.TRADE_NO,
        )

    def refund_ref(self) -> RefundRef:
        refund = self.new_refund()
        return RefundRef(refund.out_refund_no, refund.out_trade_no, refund.account, refund.amount)

    def will(self, *told: Any) -> None:
        """Script signed answers: facts, or functions from the method's name to facts."""
        self.http.then(*(platform.answers(facts) for facts in told))

    def will_create(self, way: Way) -> None:
        if way is not Way.H5:
            self.http.then(self._created(way))

    def _created(self, way: Way) -> platform.Reply:
        def reply(sent: Sent) -> Answer:
            number = platform.content(sent)["out_trade_no"]
            return platform.answers(platform.good(out_trade_no=number, **TOKENS[way]))(sent)

        return reply

    def will_say_paid(self, charge: NewCharge, paid_at: datetime) -> None:
        self.will(platform.trade(charge, paid_at=paid_at))

    def will_say_waiting(self, charge: NewCharge) -> None:
        self.will(platform.trade(charge, "WAIT_BUYER_PAY", None))

    def will_say_closed(self, charge: NewCharge) -> None:
        self.will(platform.trade(charge, "TRADE_CLOSED", None))

    def will_say_went_back(self, charge: NewCharge) -> None:
        self.will(platform.trade(charge, "TRADE_CLOSED"))

    def will_say_nobody_knows_what(self, charge: NewCharge) -> None:
        self.will(platform.trade(charge, "TELEPORTED", None))

    def will_refuse(self, sub_code: str, code: str = "40004") -> None:
        self.will(platform.refusal(sub_code, code))

    def will_say_missing(self) -> None:
        self.will_refuse("ACQ.TRADE_NOT_EXIST")

    def will_close(self) -> None:
        self.will(platform.good(out_trade_no=self.charge(Way.JSAPI).out_trade_no, trade_no=platform.TRADE_NO))

    def will_refuse_close_as_paid(self) -> None:
        self.will_refuse("ACQ.TRADE_STATUS_ERROR")

    def will_refund(self, state: RefundState) -> None:
        assert state is RefundState.SUCCEEDED
        told = {
            "alipay.trade.refund": platform.refunded(self.new_refund()),
            "alipay.trade.fastpay.refund.query": platform.refund_told(self.new_refund()),
        }
        self.will(told.__getitem__)

    def will_say_refund_missing(self) -> None:
        """As Alipay says it: with success, and without a status."""
        refund = self.new_refund()
        self.will(platform.good(out_trade_no=refund.out_trade_no, out_request_no=refund.out_refund_no))

    def will_be_silent(self, times: int = 1) -> None:
        self.http.then(*[NoAnswer("timeout", dest="alipay.main", sent=True)] * times)

    def will_fail(self, times: int = 1) -> None:
        for turn in range(times):
            told = platform.refusal("aop.ACQ.SYSTEM_ERROR", "20000"), platform.refusal("ACQ.SYSTEM_ERROR")
            self.will(told[turn % 2])

    def wrong(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """Answers that would be good if Alipay had signed them."""
        charge, refund = self.charge(Way.JSAPI), self.new_refund()
        good = {
            **platform.refund_told(refund),
            **platform.trade(charge),
            **platform.refunded(refund),
            **TOKENS[Way.JSAPI],
            **TOKENS[Way.NATIVE],
        }
        for name, signer in {"unsigned": "", "stranger": "stranger", "our_own": "app"}.items():
            step = platform.answers(good, signer)
            yield name, lambda step=step: self.http.then(*[step] * 4)  # type: ignore[misc]
        for name, change in {
            "other_bytes": lambda raw: raw.replace(b'"Success"', b'"success"'),
            "beside": lambda raw: raw.replace(b'_response":{', b'_response":{"x":1},"y":{', 1),
            "twice": lambda raw: raw[:-1] + b',"sign":""}',
            "cut": lambda raw: raw[:-2],
        }.items():
            step = _changed(platform.answers(good), change)
            yield name, lambda step=step: self.http.then(*[step] * 4)  # type: ignore[misc]
        unsigned = {"error_response": {"code": "40002", "sub_code": "isv.invalid-signature"}}
        for name, answer in {
            "error_response": Answer(200, {}, platform.encoded(unsigned)),
            "html": Answer(502, {"content-type": "text/html"}, b"<html>Bad Gateway</html>"),
            "html_of_a_firewall": Answer(403, {"content-type": "text/html"}, b"<html>Forbidden</html>"),
            "redirect": Answer(302, {"location": "https://elsewhere.example"}, b""),
            "empty": Answer(200, {}, b""),
            "no_object": Answer(200, {}, b"[1]"),
        }.items():
            yield name, lambda answer=answer: self.http.then(*[answer] * 4)  # type: ignore[misc]

    def will_give_file(self, file: bytes) -> None:
        self.will(platform.good(bill_download_url=BILL_URL))
        self.http.then(Answer(200, {}, file))

    def will_give_statement(self, day: date) -> int:
        file, count = trade_file(payments=5, refunds=2, day=day)
        self.will_give_file(file)
        self.will_give_file(flow_file([(10_000, "在线支付"), (-1_000, "分账"), (100, "退分账"), (7, "分账")], day))
        return count + 2

    def notice(self, fields: dict[str, str], signer: str = "alipay") -> RawNotice:
        """A notice over these fields, genuine unless another signs."""
        return RawNotice(ACCOUNT, {"content-type": "application/x-www-form-urlencoded"}, platform.form(fields, signer))

    def paid_notice(self, charge: NewCharge, paid_at: datetime) -> RawNotice:
        return self.notice(platform.paid_form(charge, paid_at))

    def refund_notice(self, state: RefundState) -> RawNotice:
        refund, charge = self.new_refund(), self.charge(Way.JSAPI)
        told = {
            "refund_fee": platform.yuan(refund.amount),
            "gmt_refund": platform.china(platform.NOW) + ".320",
            "out_biz_no": refund.out_refund_no,
            "notify_id": "2026112400222040000000000000000002",
        }
        return self.notice(platform.paid_form(charge) | told)

    def spoiled(self, notice: RawNotice) -> Iterator[tuple[str, RawNotice]]:
        body = notice.body
        fields = platform.paid_form(self.charge(Way.JSAPI))
        for name, other in {
            "unsigned": platform.form(fields, ""),
            "stranger": platform.form(fields, "stranger"),
            "our_own": platform.form(fields, "app"),
            "other_type": platform.form(fields, sign_type="RSA"),
            "other_amount": body.replace(b"amount=123.45", b"amount=123.46"),
            "added": body + b"&refund_fee=0.01",
            "twice": body + b"&trade_no=1",
            "half_an_escape": body + b"%",
            "empty": b"",
            "json": b'{"sign":"x"}',
            "old": platform.form(fields | {"notify_time": platform.china(platform.NOW - timedelta(hours=27))}),
            "early": platform.form(fields | {"notify_time": platform.china(platform.NOW + timedelta(minutes=6))}),
            "foreign_app": platform.form(fields | {"app_id": "2021000000000002"}),
            "foreign_seller": platform.form(fields | {"seller_id": "2088000000000002"}),
            "oversize": platform.form(fields | {"body": "x" * 65_536}),
        }.items():
            if other != body:
                yield name, replace(notice, body=other)


def _changed(step: platform.Reply, change: Callable[[bytes], bytes]) -> platform.Reply:
    def reply(sent: Sent) -> Answer:
        answer = step(sent)
        return replace(answer, body=change(answer.body))

    return reply


def make() -> AlipayRig:
    """The rig of the contract tests."""
    return AlipayRig()
