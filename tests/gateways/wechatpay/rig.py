"""Drives the WeChat Pay gateway for the contract tests, with the platform of the tests' own on the other side."""

import gzip
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from bot.gateways.wechatpay.gateway import WeChatPayGateway, build
from bot.kernel.clock import ManualClock
from bot.outside.http import Answer, NoAnswer
from bot.payments.facts import ChargeRef, NewCharge, NewRefund, RawNotice, RefundRef, RefundState, Way
from tests.gateways.rig import ScriptedHttp, Sent
from tests.gateways.wechatpay import platform
from tests.gateways.wechatpay.bills import bill, share_bill

ACCOUNT = "main"
TOKENS = {
    Way.JSAPI: {"prepay_id": "wx24040000000000000000000000000001"},
    Way.MINI: {"prepay_id": "wx24040000000000000000000000000002"},
    Way.NATIVE: {"code_url": "weixin://wxpay/bizpayurl?pr=abc0001"},
    Way.H5: {"h5_url": "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx24&package=1"},
}
REFUND_WORDS = {
    RefundState.PENDING: "PROCESSING",
    RefundState.SUCCEEDED: "SUCCESS",
    RefundState.FAILED: "CLOSED",
    RefundState.ABNORMAL: "ABNORMAL",
}


class WeChatPayRig:
    """See tests.gateways.rig.Rig. Without changes the account is in public-key mode, so nothing need be fetched."""

    account = ACCOUNT

    def __init__(self, **changes: Any) -> None:
        self.clock = ManualClock(platform.NOW)
        self.http = ScriptedHttp()
        self.signer = platform.public_signer()
        self.gateway: WeChatPayGateway = build({ACCOUNT: platform.settings(**changes)}, self.http, self.clock)

    @staticmethod
    def same(sent: Sent) -> object:
        return (sent.method, sent.target, sent.body)

    def charge(self, way: Way, number: str = "T20261124000000000000000001") -> NewCharge:
        app = {Way.JSAPI: platform.OFFICIAL, Way.MINI: platform.MINI}.get(way)
        return NewCharge(
            out_trade_no=number,
            account=ACCOUNT,
            way=way,
            amount=12_345,
            currency="CNY",
            description="阳光花园 11月物业费",
            created_at=self.clock.now(),
            expires_at=self.clock.now() + timedelta(minutes=15, microseconds=999_999),
            notify_url="https://pay.example.com/notify/wechatpay/main",
            payer_id="oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" if app else None,
            payer_app=app,
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
            notify_url="https://pay.example.com/notify/wechatpay/main",
            transaction_id="4200001900202611240000000001",
        )

    def refund_ref(self) -> RefundRef:
        refund = self.new_refund()
        return RefundRef(refund.out_refund_no, refund.out_trade_no, refund.account, refund.amount)

    def answer(self, data: Any = None, status: int = 200) -> Answer:
        """An answer signed now."""
        return platform.answer(self.signer, self.clock.now(), data, status)

    def will_create(self, way: Way) -> None:
        self.http.then(self.answer(TOKENS[way]))

    def will_say(self, charge: NewCharge, state: str, **changes: Any) -> None:
        self.http.then(self.answer(platform.transaction(charge, state, **changes)))

    def will_say_paid(self, charge: NewCharge, paid_at: datetime) -> None:
        self.will_say(charge, "SUCCESS", paid_at=paid_at)

    def will_say_waiting(self, charge: NewCharge) -> None:
        self.will_say(charge, "NOTPAY")

    def will_say_closed(self, charge: NewCharge) -> None:
        self.will_say(charge, "CLOSED")

    def will_say_went_back(self, charge: NewCharge) -> None:
        self.will_say(charge, "REFUND")

    def will_say_nobody_knows_what(self, charge: NewCharge) -> None:
        self.will_say(charge, "TELEPORTED")

    def will_refuse(self, status: int, code: str, *, signed: bool = False) -> None:
        self.http.then(platform.error(status, code, self.signer if signed else None, self.clock.now()))

    def will_say_missing(self) -> None:
        self.will_refuse(404, "ORDER_NOT_EXIST")

    def will_close(self) -> None:
        self.http.then(self.answer(None, 204))

    def will_refuse_close_as_paid(self) -> None:
        self.will_refuse(400, "ORDERPAID")

    def refund_facts(self, state: str, *, notice: bool = False) -> dict[str, Any]:
        refund = self.new_refund()
        number, order = refund.out_refund_no, refund.out_trade_no
        return platform.refund(state, number, order, refund.amount, refund.total, notice=notice)

    def will_refund(self, state: RefundState) -> None:
        self.http.then(self.answer(self.refund_facts(REFUND_WORDS[state])))

    def will_say_refund_missing(self) -> None:
        self.will_refuse(404, "RESOURCE_NOT_EXISTS")

    def will_be_silent(self, times: int = 1) -> None:
        self.http.then(*[NoAnswer("timeout", dest="wechatpay.main", sent=True)] * times)

    def will_fail(self, times: int = 1) -> None:
        self.http.then(*[platform.error(500, "SYSTEM_ERROR")] * times)

    def wrong(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """Answers that would be good if they were signed by WeChat Pay, now."""
        good, now = {"prepay_id": "wx24", "code_url": "weixin://", "h5_url": "https://"}, self.clock.now()
        forged = replace(platform.stranger(), serial=self.signer.serial)
        wrongs: Mapping[str, Answer] = {
            "unsigned": platform.answer(None, now, good),
            "stranger": platform.answer(platform.stranger(), now, good),
            "forged": platform.answer(forged, now, good),
            "stale": platform.answer(self.signer, now - timedelta(seconds=301), good),
            "early": platform.answer(self.signer, now + timedelta(seconds=302), good),
            "unsigned_204": platform.answer(None, now, None, 204),
            "forged_204": platform.answer(forged, now, None, 204),
            "html": Answer(502, {"content-type": "text/html"}, b"<html>Bad Gateway</html>"),
            "html_of_a_firewall": Answer(403, {"content-type": "text/html"}, b"<html>Forbidden</html>"),
            "redirect": Answer(302, {"location": "https://elsewhere.example"}, b""),
            "signed_garbage": Answer(200, self.signer.headers(b"[1", now), b"[1"),
        }
        for name, answer in wrongs.items():
            # Twice, because a create is repeated once.
            yield name, lambda answer=answer: self.http.then(answer, answer)  # type: ignore[misc]

    def will_give_statement(self, day: date) -> int:
        count = 0
        for text, lines in (bill(payments=5, refunds=2, day=day), share_bill(day)):
            digest = hashlib.sha1(text, usedforsecurity=False).hexdigest()
            url = "https://api.mch.weixin.qq.com/v3/billdownload/file?token=abc%2Bdef&tartype=gzip"
            named = self.answer({"hash_type": "SHA1", "hash_value": digest, "download_url": url})
            self.http.then(named, Answer(200, {}, gzip.compress(text)))
            count += lines
        return count

    def notice(self, body: bytes) -> RawNotice:
        """A genuine notice over these bytes."""
        return RawNotice(ACCOUNT, self.signer.headers(body, self.clock.now()), body)

    def paid_notice(self, charge: NewCharge, paid_at: datetime) -> RawNotice:
        facts = platform.transaction(charge, paid_at=paid_at)
        return self.notice(platform.encoded(platform.envelope("TRANSACTION.SUCCESS", "transaction", facts)))

    def refund_notice(self, state: RefundState) -> RawNotice:
        word = REFUND_WORDS[state]
        facts = self.refund_facts(word, notice=True)
        return self.notice(platform.encoded(platform.envelope(f"REFUND.{word}", "refund", facts)))

    def spoiled(self, notice: RawNotice) -> Iterator[tuple[str, RawNotice]]:
        body, now = notice.body, self.clock.now()
        forged = replace(platform.stranger(), serial=self.signer.serial)
        for name, headers in {
            "no_headers": {},
            "stranger": platform.stranger().headers(body, now),
            "forged": forged.headers(body, now),
            "stale": self.signer.headers(body, now - timedelta(seconds=301)),
            "early": self.signer.headers(body, now + timedelta(seconds=302)),
            "signtest": {**notice.headers, "wechatpay-signature": "WECHATPAY/SIGNTEST/" + "A" * 325},
            "other_type": {**notice.headers, "wechatpay-signature-type": "WECHATPAY2-SM2-WITH-SM3"},
        }.items():
            yield name, replace(notice, headers=headers)
        for name in notice.headers:
            if name != "wechatpay-signature-type":
                yield f"without_{name}", replace(notice, headers=_without(notice.headers, name))
        yield "empty", replace(notice, body=b"")
        yield "longer", replace(notice, body=body + b" ")
        yield "oversize", self.notice(body + b" " * 65_536)


def _without(headers: Mapping[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in headers.items() if key != name}


def make() -> WeChatPayRig:
    """The rig of the contract tests."""
    assert platform.NOW.astimezone(UTC).date() == date(2026, 11, 23)
    return WeChatPayRig()
