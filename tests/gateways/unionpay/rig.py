"""Drives the UnionPay gateway for the contract tests, with the platform of the tests' own on the other side."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from bot.gateways.unionpay.gateway import UnionPayGateway, build
from bot.kernel.clock import ManualClock
from bot.outside.http import Answer, NoAnswer
from bot.payments.facts import ChargeRef, NewCharge, NewRefund, RawNotice, RefundRef, RefundState, Way
from tests.gateways.rig import ScriptedHttp, Sent
from tests.gateways.unionpay import bills, platform

ACCOUNT = "main"
TOKENS = {
    Way.NATIVE: {"qrCode": "https://qr.95516.com/00010000/62000000000000000000001"},
    Way.JSAPI: {"payInfo": "https://qr.95516.com/qrcGtwWeb-web/front/pay?tn=123456789012345678901"},
}
SUB_TYPES = {Way.NATIVE: "07", Way.JSAPI: "01", Way.CODE: "06"}
REFUND_CODES = {
    RefundState.PENDING: "05",
    RefundState.SUCCEEDED: "00",
    RefundState.FAILED: "01",
    RefundState.ABNORMAL: "63",
}


def fields(sent: Sent) -> dict[str, str]:
    """The pairs of a request."""
    return dict(parse_qsl(sent.body.decode(), keep_blank_values=True, strict_parsing=True))


class UnionPayRig:
    """See tests.gateways.rig.Rig. An echo is made when the request comes."""

    account = ACCOUNT

    def __init__(self, **changes: Any) -> None:
        self.clock = ManualClock(platform.NOW)
        self.http = ScriptedHttp()
        self.gateway: UnionPayGateway = build({ACCOUNT: platform.settings(**changes)}, self.http, self.clock)

    @staticmethod
    def same(sent: Sent) -> object:
        return (sent.method, sent.target, sent.body)

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
            notify_url="https://pay.example.com/notify/unionpay/main",
            payer_id="QR2026112400000001" if way is Way.JSAPI else None,
            payer_app=platform.MER_ID if way is Way.JSAPI else None,
            payer_ip="203.0.113.9",
            return_url="https://pay.example.com/cashier/back?c=1" if way is Way.JSAPI else None,
            attach="chg_1",
            app="UnionPay/1.0 CloudPay" if way is Way.JSAPI else "",
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
            notify_url="https://pay.example.com/notify/unionpay/main",
            transaction_id=platform.QUERY_ID,
        )

    def refund_ref(self) -> RefundRef:
        refund = self.new_refund()
        return RefundRef(refund.out_refund_no, refund.out_trade_no, refund.account, refund.amount)

    def will_answer(self, pairs: Mapping[str, str]) -> None:
        self.http.then(platform.answer(pairs))

    def will_echo(self, **changes: str) -> None:
        """Answer with what the request said and these changes."""

        def step(sent: Sent) -> Answer:
            asked = {name: value for name, value in fields(sent).items() if name not in ("signature", "certId")}
            return platform.answer({**asked, "respCode": "00", "respMsg": "成功[0000000]", **changes})

        self.http.then(step)

    def will_refuse(self, code: str) -> None:
        self.will_echo(respCode=code, respMsg="said the platform")

    def will_create(self, way: Way) -> None:
        self.will_echo(**TOKENS[way])

    def will_say(self, charge: NewCharge, code: str, **changes: Any) -> None:
        self.will_answer(platform.transaction(charge, code, **changes))

    def will_say_paid(self, charge: NewCharge, paid_at: datetime) -> None:
        self.will_say(charge, "00", paid_at=paid_at)

    def will_say_waiting(self, charge: NewCharge) -> None:
        self.will_say(charge, "05")

    def will_say_closed(self, charge: NewCharge) -> None:
        self.will_say(charge, "69")

    def will_say_went_back(self, charge: NewCharge) -> None:
        self.will_say(charge, "45")

    def will_say_nobody_knows_what(self, charge: NewCharge) -> None:
        self.will_say(charge, "Z9")

    def will_say_missing(self) -> None:
        self.will_refuse("34")

    def will_close(self) -> None:
        """Unpaid, reversed, and told so: a close asks before and after."""
        self.will_echo(origRespCode="05")
        self.will_echo()
        self.will_echo(origRespCode="69")

    def will_refuse_close_as_paid(self) -> None:
        self.will_echo(origRespCode="05")
        self.will_refuse("35")

    def refund_pairs(self, state: RefundState) -> dict[str, str]:
        refund = self.new_refund()
        number, order = refund.out_refund_no, refund.out_trade_no
        return platform.refund(number, order, refund.amount, refund.total, REFUND_CODES[state])

    def will_refund(self, state: RefundState) -> None:
        """Serve a request, which is followed by a query, and a query alone: both are answered by the same pairs."""
        self.will_answer(self.refund_pairs(state))
        self.will_answer(self.refund_pairs(state))

    def will_say_refund_missing(self) -> None:
        self.will_refuse("34")

    def will_be_silent(self, times: int = 1) -> None:
        self.http.then(*[NoAnswer("timeout", dest="unionpay.main", sent=True)] * times)

    def will_fail(self, times: int = 1) -> None:
        for _ in range(times):
            self.will_refuse("02")

    def wrong(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """Answers that would be good if UnionPay had signed them, to this very request."""
        good = {"qrCode": "https://qr", "payInfo": "https://qr", "origRespCode": "00", "queryId": "1", "respCode": "00"}

        def by(who: platform.Certificate, **changes: str) -> Callable[[Sent], Answer]:
            def step(sent: Sent) -> Answer:
                return platform.answer({**_asked(sent), **good, **changes}, who)

            return step

        def spoiled(name: str, value: str | None) -> Callable[[Sent], Answer]:
            def step(sent: Sent) -> Answer:
                pairs = platform.signer().signed({**_asked(sent), **good})
                pairs.pop(name, None)
                return Answer(200, {}, platform.plain({**pairs, **({} if value is None else {name: value})}))

            return step

        wrongs: Mapping[str, Any] = {
            "stranger": by(platform.stranger()),
            "other_owner": by(platform.merchant_of_the_same_authority()),
            "expired": by(platform.expired()),
            "other_merchant": by(platform.signer(), merId=platform.OTHER_MER_ID),
            "other_order": by(platform.signer(), orderId="T20261124000000000000000099"),
            "other_time": by(platform.signer(), txnTime="20261124035959"),
            "unsigned": spoiled("signature", None),
            "without_certificate": spoiled("signPubKeyCert", None),
            "own_certificate": spoiled("signPubKeyCert", platform.stranger().pem),
            "changed": spoiled("respMsg", "changed"),
            "added": spoiled("added", "1"),
            "other_method": spoiled("signMethod", "11"),
            "garbage": Answer(200, {}, b"\xff\xfe"),
            "html": Answer(200, {"content-type": "text/html"}, b"<html>maintenance</html>"),
            "bad_gateway": Answer(502, {"content-type": "text/html"}, b"<html>Bad Gateway</html>"),
            "redirect": Answer(302, {"location": "https://elsewhere.example"}, b""),
            "empty": Answer(200, {}, b""),
        }
        for name, step in wrongs.items():
            # Twice, because a create is repeated once.
            yield name, lambda step=step: self.http.then(step, step)  # type: ignore[misc]

    def will_give_statement(self, day: date) -> int:
        text, count = bills.bill(payments=5, refunds=2, day=day)
        self.will_echo(fileContent=bills.packed(text), fileName="RD3001.zip")
        return count

    def notice(self, pairs: Mapping[str, str], by: platform.Certificate | None = None) -> RawNotice:
        """A notice of these pairs, signed."""
        headers = {"content-type": "application/x-www-form-urlencoded;charset=UTF-8"}
        return RawNotice(ACCOUNT, headers, platform.form((by or platform.signer()).signed(pairs)))

    def paid_notice(self, charge: NewCharge, paid_at: datetime) -> RawNotice:
        return self.notice(platform.paid_notice(charge, paid_at))

    def refund_notice(self, state: RefundState) -> RawNotice:
        pairs = self.refund_pairs(state)
        return self.notice({**pairs, "respCode": pairs.pop("origRespCode")})

    def spoiled(self, notice: RawNotice) -> Iterator[tuple[str, RawNotice]]:
        genuine = dict(parse_qsl(notice.body.decode(), keep_blank_values=True))
        bare = {name: value for name, value in genuine.items() if name not in ("signature", "signPubKeyCert")}
        for name, by in {
            "stranger": platform.stranger(),
            "other_owner": platform.merchant_of_the_same_authority(),
            "expired": platform.expired(),
        }.items():
            yield name, self.notice(bare, by)
        yield "other_merchant", self.notice({**bare, "merId": platform.OTHER_MER_ID})
        for name in ("signature", "signPubKeyCert", "signMethod", "txnAmt", "merId"):
            rest = {key: value for key, value in genuine.items() if key != name}
            yield f"without_{name}", replace(notice, body=platform.form(rest))
        for name, value in {"txnAmt": "99999", "respCode": "01", "signMethod": "11", "added": "1"}.items():
            yield f"changed_{name}", replace(notice, body=platform.form({**genuine, name: value}))
        other = {**genuine, "signPubKeyCert": platform.stranger().pem}
        yield "certificate_exchanged", replace(notice, body=platform.form(other))
        yield "twice", replace(notice, body=notice.body + b"&txnAmt=1")
        yield "empty", replace(notice, body=b"")
        yield "oversize", replace(notice, body=notice.body + b"&more=" + b"x" * 65_536)


def _asked(sent: Sent) -> dict[str, str]:
    return {name: value for name, value in fields(sent).items() if name not in ("signature", "certId")}


def make() -> UnionPayRig:
    """The rig of the contract tests."""
    return UnionPayRig()
