"""WeChat Pay's side written for the tests: keys, signatures, sealed resources and the JSON of orders and refunds."""

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

from bot.kernel.masking import Secret
from bot.outside.http import Answer
from bot.payments.facts import NewCharge

CHINA = timezone(timedelta(hours=8))
NOW = datetime(2026, 11, 24, 4, 0, 0, tzinfo=CHINA)
MCHID = "1900000109"
OFFICIAL, MINI = "wx0000000000000001", "wx0000000000000002"
APIV3_KEY = "0123456789abcdefghijklmnopqrstuv"
MERCHANT_SERIAL = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1"
PUBLIC_KEY_ID = "PUB_KEY_ID_0119000001092026112400000000000001"


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
    """A key that signs under a serial."""

    serial: str
    key: rsa.RSAPrivateKey

    def headers(self, body: bytes, at: datetime, nonce: str = "") -> dict[str, str]:
        timestamp, nonce = str(int(at.timestamp())), nonce or secrets.token_hex(16)
        message = b"%s\n%s\n%s\n" % (timestamp.encode(), nonce.encode(), body)
        signature = self.key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return {
            "wechatpay-timestamp": timestamp,
            "wechatpay-nonce": nonce,
            "wechatpay-serial": self.serial,
            "wechatpay-signature": base64.b64encode(signature).decode(),
            "wechatpay-signature-type": "WECHATPAY2-SHA256-RSA2048",
        }


@dataclass(frozen=True)
class Certificate(Signer):
    """A platform certificate, which is its own issuer here."""

    pem: bytes
    start: datetime
    end: datetime

    def entry(self, apiv3_key: str = APIV3_KEY, **changes: Any) -> dict[str, Any]:
        """Its entry in the list of ``/v3/certificates``."""
        return {
            "serial_no": self.serial,
            "effective_time": self.start.isoformat(),
            "expire_time": self.end.isoformat(),
            "encrypt_certificate": sealed(self.pem, "certificate", apiv3_key),
            **changes,
        }


def certificate(name: str, start: datetime = NOW - timedelta(days=30), days: int = 1800) -> Certificate:
    key, end = rsa_key(name), start + timedelta(days=days)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    made = (
        builder.serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    return Certificate(f"{made.serial_number:040X}", key, pem, start, end)


@cache
def public_signer() -> Signer:
    return Signer(PUBLIC_KEY_ID, rsa_key("public"))


@cache
def stranger() -> Signer:
    return Signer("7777777777777777777777777777777777777777", rsa_key("stranger"))


def sealed(plain: bytes, extra: str, apiv3_key: str = APIV3_KEY, nonce: str = "") -> dict[str, str]:
    nonce = nonce or secrets.token_hex(6)
    text = AESGCM(apiv3_key.encode()).encrypt(nonce.encode(), plain, extra.encode())
    return {
        "algorithm": "AEAD_AES_256_GCM",
        "nonce": nonce,
        "associated_data": extra,
        "ciphertext": base64.b64encode(text).decode(),
    }


def answer(signer: Signer | None, at: datetime, data: Any = None, status: int = 200) -> Answer:
    """An answer, signed unless there is no signer; without data the body is empty."""
    body = b"" if data is None else json.dumps(data, ensure_ascii=False).encode()
    headers = {"content-type": "application/json", "request-id": "08"}
    return Answer(status, headers | (signer.headers(body, at) if signer else {}), body)


def error(status: int, code: str, signer: Signer | None = None, at: datetime = NOW) -> Answer:
    return answer(signer, at, {"code": code, "message": "said the platform"}, status)


def settings(**changes: Any) -> dict[str, Any]:
    """One account's table of the configuration file, in public-key mode."""
    table = {
        "mchid": MCHID,
        "appids": [OFFICIAL, MINI],
        "private_key": Secret(private_pem("merchant")),
        "serial": MERCHANT_SERIAL,
        "apiv3_key": Secret(APIV3_KEY),
        "public_key_id": PUBLIC_KEY_ID,
        "public_key": public_pem("public"),
    }
    return {name: value for name, value in {**table, **changes}.items() if value is not None}


def transaction(charge: NewCharge, state: str = "SUCCESS", paid_at: datetime = NOW, **changes: Any) -> dict[str, Any]:
    """An order as query and notice tell it."""
    facts: dict[str, Any] = {
        "appid": charge.payer_app or OFFICIAL,
        "mchid": MCHID,
        "out_trade_no": charge.out_trade_no,
        "trade_state": state,
        "trade_state_desc": "",
        "attach": charge.attach,
        "amount": {"total": charge.amount, "currency": "CNY"},
    }
    if state in ("SUCCESS", "REFUND"):
        facts |= {
            "transaction_id": "4200001900202611240000000001",
            "trade_type": {"native": "NATIVE", "h5": "MWEB"}.get(charge.way, "JSAPI"),
            "bank_type": "CMB_DEBIT",
            "success_time": paid_at.astimezone(CHINA).isoformat(timespec="seconds"),
            "payer": {"openid": charge.payer_id or "oPayerOfAScannedCode00000001"},
            "amount": {
                "total": charge.amount,
                "payer_total": charge.amount,
                "currency": "CNY",
                "payer_currency": "CNY",
            },
        }
    return facts | changes


def refund(state: str, number: str, order: str, amount: int, total: int, *, notice: bool) -> dict[str, Any]:
    """A refund as its calls (``status``) or its notice (``refund_status``) tell it."""
    facts: dict[str, Any] = {
        "refund_id": "50000000382019052709732678859",
        "out_refund_no": number,
        "transaction_id": "4200001900202611240000000001",
        "out_trade_no": order,
        "user_received_account": "招商银行信用卡0403",
        "refund_status" if notice else "status": state,
        "amount": {"total": total, "refund": amount, "payer_total": total, "payer_refund": amount},
    }
    if notice:
        facts["mchid"] = MCHID
    else:
        facts["channel"] = "ORIGINAL"
        facts["amount"]["currency"] = "CNY"
    if state == "SUCCESS":
        facts["success_time"] = NOW.isoformat()
    return facts


def envelope(kind: str, original_type: str, facts: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """A notice's JSON with its sealed resource."""
    plain = json.dumps(facts, ensure_ascii=False).encode()
    return {
        "id": "EV-2026112404000000001",
        "create_time": NOW.isoformat(),
        "resource_type": "encrypt-resource",
        "event_type": kind,
        "summary": "支付成功",
        "resource": {"original_type": original_type, **sealed(plain, original_type)},
        **changes,
    }


def encoded(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
