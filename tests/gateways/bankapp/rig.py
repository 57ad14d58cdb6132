"""Drives the bank cashier gateway for the contract tests, with the bank of the tests' own on the other side."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from bot.gateways.bankapp.gateway import BankAppGateway, build
from bot.kernel.clock import ManualClock
from bot.outside.http import Answer, NoAnswer
from bot.payments.facts import ChargeRef, NewCharge, NewRefund, RawNotice, RefundRef, RefundState, Way
from tests.gateways.bankapp import platform
from tests.gateways.bankapp.platform import Signer, Step
from tests.gateways.rig import ScriptedHttp, Sent

ACCOUNT = "main"
TOKEN = {"cashier_url": "https://pay.bank.example/cashier/pay/abc0001"}


class BankAppRig:
    """See tests.gateways.rig.Rig. Answers are signed to the request's nonce, so they are made when it comes."""

    account = ACCOUNT

    def __init__(self, **changes: Any) -> None:
        self.clock = ManualClock(platform.NOW)
        self.http = ScriptedHttp()
        self.signer = Signer()
        self.gateway: BankAppGateway = build({ACCOUNT: platform.settings(**changes)}, self.http, self.clock)

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
            created_at=self.clock.now(),
            expires_at=self.clock.now() + timedelta(minutes=15, microseconds=999_999),
            notify_url="https://pay.example.com/notify/bankapp/main",
            payer_ip="203.0.113.9",
            return_url="https://pay.example.com/cashier/back?c=1",
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
            notify_url="https://pay.example.com/notify/bankapp/main",
            transaction_id=platform.TRANSACTION,
        )

    def refund_ref(self) -> RefundRef:
        refund = self.new_refund()
        return RefundRef(refund.out_refund_no, refund.out_trade_no, refund.account, refund.amount)

    def will_answer(self, data: Any, status: int = 200) -> None:
        self.http.then(lambda sent: self.signer.answer(sent, self.clock.now(), data, status))

    def will_refuse(self, status: int, code: str) -> None:
        self.will_answer({"code": code, "message": "said the bank"}, status)

    def will_create(self, way: Way) -> None:
        self.will_answer(TOKEN)

    def will_say(self, charge: NewCharge, state: str, **changes: Any) -> None:
        self.will_answer(platform.payment(charge, state, **changes))

    def will_say_paid(self, charge: NewCharge, paid_at: datetime) -> None:
        self.will_say(charge, "paid", paid_at=paid_at)

    def will_say_waiting(self, charge: NewCharge) -> None:
        self.will_say(charge, "unpaid")

    def will_say_closed(self, charge: NewCharge) -> None:
        self.will_say(charge, "closed")

    def will_say_went_back(self, charge: NewCharge) -> None:
        self.will_say(charge, "returned")

    def will_say_nobody_knows_what(self, charge: NewCharge) -> None:
        self.will_say(charge, "teleported")

    def will_say_missing(self) -> None:
        self.will_refuse(404, "not_found")

    def will_close(self) -> None:
        self.will_say_closed(self.charge(Way.REDIRECT))

    def will_refuse_close_as_paid(self) -> None:
        """Nothing of its own: this bank answers a close with the payment as it stands."""

    def refund_facts(self, state: RefundState) -> dict[str, Any]:
        refund = self.new_refund()
        return platform.refund(state.value, refund.out_refund_no, refund.out_trade_no, refund.amount, refund.total)

    def will_refund(self, state: RefundState) -> None:
        self.will_answer(self.refund_facts(state))

    def will_say_refund_missing(self) -> None:
        self.will_refuse(404, "not_found")

    def will_be_silent(self, times: int = 1) -> None:
        self.http.then(*[NoAnswer("timeout", dest="bankapp.main", sent=True)] * times)

    def will_fail(self, times: int = 1) -> None:
        for _ in range(times):
            self.will_refuse(503, "trouble")

    def wrong(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """Answers that would be good if the bank had signed them, now, to this very request."""
        good, now = {**platform.payment(self.charge(Way.REDIRECT)), **TOKEN}, self.clock.now()
        stranger = Signer(key="stranger")

        def by(who: Signer, at: datetime = now, status: int = 200, **changes: Any) -> Step:
            return lambda sent: who.answer(sent, at, good, status, **changes)

        def without(name: str) -> Step:
            def step(sent: Sent) -> Answer:
                made = self.signer.answer(sent, now, good)
                return replace(made, headers={key: value for key, value in made.headers.items() if key != name})

            return step

        def changed(sent: Sent) -> Answer:
            made = self.signer.answer(sent, now, good)
            return replace(made, body=made.body.replace(b"12345", b"12346") + b" ")

        wrongs: Mapping[str, Answer | Step] = {
            "stranger": by(stranger),
            "unknown_serial": by(replace(self.signer, serial="bank-1999")),
            "other_key": by(replace(self.signer, serial="bank-2027")),
            "stale": by(self.signer, now - timedelta(seconds=301)),
            "early": by(self.signer, now + timedelta(seconds=302)),
            "to_another_request": by(self.signer, nonce="0" * 32),
            "other_status": by(self.signer, told=202),
            "refusal_of_a_stranger": by(stranger, status=404),
            "changed": changed,
            "unsigned": without("scenepay-signature"),
            "without_serial": without("scenepay-serial"),
            "without_nonce": without("scenepay-nonce"),
            "unsigned_no": Answer(404, {}, b'{"code":"not_found"}'),
            "html": Answer(200, {"content-type": "text/html"}, b"<html>maintenance</html>"),
            "bad_gateway": Answer(502, {"content-type": "text/html"}, b"<html>Bad Gateway</html>"),
            "redirect": Answer(302, {"location": "https://elsewhere.example"}, b""),
        }
        for name, step in wrongs.items():
            # Twice, because a create is repeated once.
            yield name, lambda step=step: self.http.then(step, step)  # type: ignore[misc]

    def will_give_statement(self, day: date) -> int:
        file, count = statement_file(day)
        self.will_answer(named(file, day))
        self.http.then(Answer(200, {}, file))
        return count

    def notice(self, data: Any, at: datetime | None = None) -> RawNotice:
        """A genuine notice of this."""
        body = data if isinstance(data, bytes) else platform.encoded(data)
        return RawNotice(ACCOUNT, self.signer.notice(body, at or self.clock.now()), body)

    def paid_notice(self, charge: NewCharge, paid_at: datetime) -> RawNotice:
        facts = platform.payment(charge, paid_at=paid_at)
        return self.notice({"id": "BN0001", "kind": "payment.paid", "payment": facts})

    def refund_notice(self, state: RefundState) -> RawNotice:
        return self.notice({"id": "BN0002", "kind": f"refund.{state.value}", "refund": self.refund_facts(state)})

    def spoiled(self, notice: RawNotice) -> Iterator[tuple[str, RawNotice]]:
        body, now = notice.body, self.clock.now()
        for name, headers in {
            "no_headers": {},
            "stranger": Signer(key="stranger").notice(body, now),
            "unknown_serial": replace(self.signer, serial="bank-1999").notice(body, now),
            "stale": self.signer.notice(body, now - timedelta(seconds=301)),
            "early": self.signer.notice(body, now + timedelta(seconds=302)),
            "other_merchant": self.signer.notice(body, now, platform.OTHER_MERCHANT),
        }.items():
            yield name, replace(notice, headers=headers)
        for name in notice.headers:
            rest = {key: value for key, value in notice.headers.items() if key != name}
            yield f"without_{name}", replace(notice, headers=rest)
        yield "empty", replace(notice, body=b"")
        yield "longer", replace(notice, body=body + b" ")
        yield "oversize", self.notice(body + b" " * 65_536)


def statement_file(day: date) -> tuple[bytes, int]:
    """Five payments and two refunds as JSON lines, and how many lines that is."""
    at = f"{day.isoformat()}T10:00:30+08:00"
    lines: list[dict[str, Any]] = [
        {
            "kind": "payment",
            "out_trade_no": f"T{day:%Y%m%d}{number:08d}",
            "transaction_id": f"B{number:08d}",
            "amount": 10_000 + number,
            "currency": "CNY",
            "at": at,
            "fee": 38,
            "settlement_amount": 10_000 + number,
        }
        for number in range(5)
    ]
    lines += [
        {
            "kind": "refund",
            "out_trade_no": f"T{day:%Y%m%d}{number:08d}",
            "transaction_id": f"B{number:08d}",
            "out_refund_no": f"R{day:%Y%m%d}{number:08d}",
            "refund_id": f"BR{number:08d}",
            "amount": 500,
            "currency": "CNY",
            "at": at,
            "fee": -2,
        }
        for number in range(2)
    ]
    return b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines), len(lines)


def named(file: bytes, day: date, **changes: Any) -> dict[str, Any]:
    """The signed answer that names this file."""
    lines = [json.loads(line) for line in file.splitlines()]
    sums = {
        f"{kind}s": {
            "count": sum(line["kind"] == kind for line in lines),
            "amount": sum(line["amount"] for line in lines if line["kind"] == kind),
        }
        for kind in ("payment", "refund", "reversal")
    }
    return {
        "day": day.isoformat(),
        "file": f"/v1/files/{day.isoformat()}.jsonl",
        "sha256": hashlib.sha256(file).hexdigest(),
        **sums,
        **changes,
    }


def make() -> BankAppRig:
    """The rig of the contract tests."""
    return BankAppRig()
