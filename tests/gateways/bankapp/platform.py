"""The bank's side written for the tests: keys, signatures and the JSON of payments and refunds."""

import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from bot.kernel.masking import Secret
from bot.outside.http import Answer
from bot.payments.facts import NewCharge
from tests.gateways.rig import Sent

CHINA = timezone(timedelta(hours=8))
NOW = datetime(2026, 11, 24, 4, 0, 0, tzinfo=CHINA)
MERCHANT = "M100000001"
OTHER_MERCHANT = "M100000002"
SERIAL = "scenepay-2026"
BASE_URL = "https://pay.bank.example/cashier"
TRANSACTION = "B202611240400000001"


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """The one key of that name in this run; making one takes a tenth of a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private_pem(name: str) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return rsa_key(name).private_bytes(encoding, form, serialization.NoEncryption()).decode()


def public_pem(name: str) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return rsa_key(name).public_key().public_bytes(encoding, form).decode()


@dataclass(frozen=True)
class Signer:
    """A key of the bank's under its serial."""

    serial: str = "bank-2026"
    key: str = "bank"

    def headers(self, at: datetime, first: str, second: str, body: bytes, nonce: str = "") -> dict[str, str]:
        timestamp, nonce = str(int(at.timestamp())), nonce or secrets.token_hex(16)
        lines = [part for part in first.split("|") if part]
        text = "".join(f"{line}\n" for line in [*lines, second, timestamp, nonce]).encode() + body + b"\n"
        signature = rsa_key(self.key).sign(text, padding.PKCS1v15(), hashes.SHA256())
        return {
            "scenepay-serial": self.serial,
            "scenepay-timestamp": timestamp,
            "scenepay-nonce": nonce,
            "scenepay-signature": base64.b64encode(signature).decode(),
        }

    def answer(self, sent: Sent, at: datetime, data: Any, status: int = 200, **changes: Any) -> Answer:
        """An answer to this request, signed; ``nonce`` and ``told`` (the status that is signed) may be others."""
        body = encoded(data)
        asked = changes.get("nonce", sent.headers["Scenepay-Nonce"])
        headers = self.headers(at, f"ANSWER|{changes.get('told', status)}", asked, body)
        return Answer(status, {"content-type": "application/json", **headers}, body)

    def notice(self, body: bytes, at: datetime, merchant: str = MERCHANT) -> dict[str, str]:
        return self.headers(at, "NOTICE", merchant, body)


def settings(**changes: Any) -> dict[str, Any]:
    """One account's table of the configuration file."""
    table = {
        "merchant": MERCHANT,
        "private_key": Secret(private_pem("merchant")),
        "serial": SERIAL,
        "base_url": BASE_URL,
        "bank_keys": {"bank-2026": public_pem("bank"), "bank-2027": public_pem("next")},
    }
    return {name: value for name, value in {**table, **changes}.items() if value is not None}


def encoded(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def payment(charge: NewCharge, state: str = "paid", paid_at: datetime = NOW, **changes: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "merchant": MERCHANT,
        "out_trade_no": charge.out_trade_no,
        "state": state,
        "amount": charge.amount,
        "currency": "CNY",
    }
    if state in ("paid", "returned"):
        facts |= {
            "transaction_id": TRANSACTION,
            "paid_at": paid_at.astimezone(CHINA).isoformat(),
            "payer_amount": charge.amount,
            "settlement_amount": charge.amount,
            "bank": "示例银行",
        }
    return facts | changes


def refund(state: str, number: str, order: str, amount: int, total: int) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "merchant": MERCHANT,
        "out_refund_no": number,
        "out_trade_no": order,
        "refund_id": "BR202611240400000001",
        "state": state,
        "amount": amount,
        "total": total,
        "currency": "CNY",
        "received_account": "示例银行储蓄卡0403",
    }
    return facts | ({"succeeded_at": NOW.isoformat()} if state == "succeeded" else {})


Step = Callable[[Sent], Answer]
