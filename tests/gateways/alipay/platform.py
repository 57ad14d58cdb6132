"""Alipay's side written for the tests: keys, certificates, signatures, and the JSON and forms of trades and refunds."""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from bot.kernel.masking import Secret
from bot.outside.http import Answer
from bot.payments.facts import NewCharge, NewRefund
from tests.gateways.rig import Sent

CHINA = timezone(timedelta(hours=8))
NOW = datetime(2026, 11, 24, 4, 0, 0, tzinfo=CHINA)
APP_ID, SELLER = "2021000000000001", "2088000000000001"
PAYER = "2088000000009001"
TRADE_NO = "2026112422001400000000000001"
JSON = dict[str, Any]


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


def bare(pem: str) -> str:
    """A key as Alipay's tool writes it: without armour and line breaks."""
    return "".join(line for line in pem.splitlines() if not line.startswith("-----"))


def sign(message: bytes, name: str = "alipay") -> str:
    return base64.b64encode(rsa_key(name).sign(message, padding.PKCS1v15(), hashes.SHA256())).decode()


def name_of(common: str) -> x509.Name:
    parts = [(NameOID.COUNTRY_NAME, "CN"), (NameOID.ORGANIZATION_NAME, "Ant Financial"),
             (NameOID.ORGANIZATIONAL_UNIT_NAME, "Certification Authority"), (NameOID.COMMON_NAME, common)]  # fmt: skip
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])


@cache
def certificate(name: str, issuer: str = "root", *, days: int = 1800, authority: bool = False) -> x509.Certificate:
    start = NOW - timedelta(days=30)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name_of(name))
        .issuer_name(name_of(issuer))
        .public_key(rsa_key(name).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    return builder.sign(rsa_key(issuer), hashes.SHA256())


def pem(made: x509.Certificate) -> str:
    return made.public_bytes(serialization.Encoding.PEM).decode()


def settings(**changes: Any) -> JSON:
    """One account's table of the configuration file, in key mode; None leaves a setting out."""
    table = {
        "app_id": APP_ID,
        "seller_id": SELLER,
        "private_key": Secret(private_pem("app")),
        "alipay_public_key": public_pem("alipay"),
    }
    return {name: value for name, value in {**table, **changes}.items() if value is not None}


def by_certificate(**changes: Any) -> JSON:
    """The like in certificate mode; ``alipay_cert`` has its issuer beneath it, as Alipay's file has."""
    root = pem(certificate("root", "root", authority=True))
    files = {
        "alipay_public_key": None,
        "app_cert": pem(certificate("app")),
        "alipay_cert": pem(certificate("alipay")) + root,
        "alipay_root_cert": root,
    }
    return settings(**{**files, **changes})


def parameters(sent: Sent) -> dict[str, str]:
    """All parameters of a request, of its address and of its body."""
    query = parse_qsl(urlsplit(sent.url).query, strict_parsing=True)
    return dict([*query, *parse_qsl(sent.body.decode(), strict_parsing=bool(sent.body))])


def content(sent: Sent) -> JSON:
    facts: JSON = json.loads(parameters(sent)["biz_content"])
    return facts


def encoded(facts: Mapping[str, Any]) -> bytes:
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":")).encode()


def body(method: str, raw: bytes, signer: str = "alipay", serial: str = "") -> bytes:
    """An answer around the raw bytes of its response, signed over just these; no signer leaves it unsigned."""
    parts = [b'"%s_response":%s' % (method.replace(".", "_").encode(), raw)]
    if serial:
        parts.append(b'"alipay_cert_sn":"%s"' % serial.encode())
    if signer:
        parts.append(b'"sign":"%s"' % sign(raw, signer).encode())
    return b"{" + b",".join(parts) + b"}"


Reply = Callable[[Sent], Answer]


def answers(facts: Mapping[str, Any] | Callable[[str], Mapping[str, Any]], signer: str = "alipay") -> Reply:
    """A step of a script that answers whatever method is called, as the method's name wants it."""

    def reply(sent: Sent) -> Answer:
        method = parameters(sent)["method"]
        told = facts(method) if callable(facts) else facts
        return Answer(200, {"content-type": "text/html;charset=utf-8"}, body(method, encoded(told), signer))

    return reply


def good(**facts: Any) -> JSON:
    return {"code": "10000", "msg": "Success", **facts}


def refusal(sub_code: str, code: str = "40004") -> JSON:
    return {"code": code, "msg": "Business Failed", "sub_code": sub_code, "sub_msg": "said the platform"}


def yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def china(moment: datetime) -> str:
    return moment.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")


def trade(charge: NewCharge, status: str = "TRADE_SUCCESS", paid_at: datetime | None = NOW, **changes: Any) -> JSON:
    """A trade as the query tells it; without a time it was never paid."""
    facts: JSON = {
        "trade_no": TRADE_NO,
        "out_trade_no": charge.out_trade_no,
        "buyer_logon_id": "pay***@sandbox.com",
        "trade_status": status,
        "total_amount": yuan(charge.amount),
    }
    if paid_at is not None:
        facts |= {
            "send_pay_date": china(paid_at),
            "receipt_amount": yuan(charge.amount),
            "buyer_pay_amount": yuan(charge.amount),
            "buyer_user_id": charge.payer_id or PAYER,
            "fund_bill_list": [{"fund_channel": "ALIPAYACCOUNT", "amount": yuan(charge.amount)}],
        }
    return good(**(facts | changes))


def paid_by_code(charge: NewCharge, paid_at: datetime) -> JSON:
    """What alipay.trade.pay answers at once."""
    told = trade(charge, paid_at=None)
    del told["trade_status"]
    bills = [{"fund_channel": "ALIPAYACCOUNT", "amount": yuan(charge.amount)}]
    return told | {
        "gmt_payment": china(paid_at),
        "receipt_amount": yuan(charge.amount),
        "buyer_pay_amount": yuan(charge.amount),
        "buyer_user_id": PAYER,
        "fund_bill_list": bills,
    }


def refunded(refund: NewRefund, **changes: Any) -> JSON:
    """What a refund answers: ``refund_fee`` is the sum of all refunds of the trade."""
    return good(
        **{
            "trade_no": TRADE_NO,
            "out_trade_no": refund.out_trade_no,
            "buyer_logon_id": "pay***@sandbox.com",
            "fund_change": "Y",
            "refund_fee": yuan(refund.amount),
            "gmt_refund_pay": china(NOW),
            **changes,
        }
    )


def refund_told(refund: NewRefund, **changes: Any) -> JSON:
    """What the query of a refund answers."""
    return good(
        **{
            "trade_no": TRADE_NO,
            "out_trade_no": refund.out_trade_no,
            "out_request_no": refund.out_refund_no,
            "total_amount": yuan(refund.total),
            "refund_amount": yuan(refund.amount),
            "refund_status": "REFUND_SUCCESS",
            "gmt_refund_pay": china(NOW),
            **changes,
        }
    )


def paid_form(charge: NewCharge, paid_at: datetime = NOW, **changes: str) -> dict[str, str]:
    """The fields of a payment's notice."""
    return {
        "notify_time": china(NOW),
        "notify_type": "trade_status_sync",
        "notify_id": "2026112400222040000000000000000001",
        "charset": "utf-8",
        "version": "1.0",
        "app_id": APP_ID,
        "auth_app_id": APP_ID,
        "seller_id": SELLER,
        "trade_no": TRADE_NO,
        "out_trade_no": charge.out_trade_no,
        "subject": "阳光花园 11月 + 物业费",
        "body": "",
        "buyer_id": charge.payer_id or PAYER,
        "trade_status": "TRADE_SUCCESS",
        "total_amount": yuan(charge.amount),
        "receipt_amount": yuan(charge.amount),
        "buyer_pay_amount": yuan(charge.amount),
        "gmt_create": china(paid_at),
        "gmt_payment": china(paid_at),
        "fund_bill_list": json.dumps([{"amount": yuan(charge.amount), "fundChannel": "ALIPAYACCOUNT"}]),
        **changes,
    }


def form(fields: Mapping[str, str], signer: str = "alipay", sign_type: str = "RSA2") -> bytes:
    """The body of a notice with its signature over the raw values."""
    text = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
    whole = {**fields, "sign_type": sign_type}
    if signer:
        whole["sign"] = sign(text.encode(), signer)
    return "&".join(f"{name}={quote_plus(value)}" for name, value in whole.items()).encode()
