"""UnionPay's side written for the tests: an authority with its certificates, signatures, and the pairs of messages."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any
from urllib.parse import urlencode

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from bot.kernel.masking import Secret
from bot.outside.http import Answer
from bot.payments.facts import NewCharge

CHINA = timezone(timedelta(hours=8))
NOW = datetime(2026, 11, 24, 4, 0, 0, tzinfo=CHINA)
MER_ID = "777290058110048"
OTHER_MER_ID = "777290058110049"
CERT_ID = "69629715588"
QUERY_ID = "202611240400001234567"
UNIONPAY = "041@8310000000083040@中国银联股份有限公司@00016495"
STRANGER = "041@8310000000099999@某某科技有限公司@00099999"


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """The one key of that name in this run; making one takes a tenth of a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private_pem(name: str) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return rsa_key(name).private_bytes(encoding, form, serialization.NoEncryption()).decode()


@dataclass(frozen=True)
class Certificate:
    """A certificate with its key, which signs messages or other certificates."""

    made: x509.Certificate
    key: rsa.RSAPrivateKey

    @property
    def pem(self) -> str:
        return self.made.public_bytes(serialization.Encoding.PEM).decode()

    def signed(self, pairs: Mapping[str, str]) -> dict[str, str]:
        """The pairs with this certificate and its signature, as 5.1.0 has them."""
        whole = {**pairs, "signMethod": "01", "signPubKeyCert": self.pem}
        text = "&".join(f"{name}={whole[name]}" for name in sorted(whole))
        digest = hashlib.sha256(text.encode()).hexdigest().encode()
        signature = self.key.sign(digest, padding.PKCS1v15(), hashes.SHA256())
        return {**whole, "signature": base64.b64encode(signature).decode()}


def certificate(
    name: str,
    issuer: Certificate | None = None,
    *,
    ca: bool | None = False,
    start: datetime = NOW - timedelta(days=30),
    days: int = 1800,
    key: str = "",
    algorithm: hashes.SHA256 | hashes.SHA512 | None = None,
) -> Certificate:
    """A certificate of that common name; its own issuer where none is given. ``ca`` None leaves the extension out."""
    own = rsa_key(key or name)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.made.subject if issuer else subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    signer = issuer.key if issuer else own
    return Certificate(builder.sign(signer, algorithm or hashes.SHA256()), own)


@cache
def root() -> Certificate:
    return certificate("CFCA ROOT", ca=True)


@cache
def between() -> Certificate:
    return certificate("CFCA OCA", root(), ca=True)


@cache
def signer() -> Certificate:
    return certificate(UNIONPAY, between())


@cache
def stranger() -> Certificate:
    """The right name, from an authority of its own making."""
    return certificate(UNIONPAY, certificate("CFCA OCA", certificate("CFCA ROOT", ca=True, key="x"), ca=True, key="y"))


@cache
def merchant_of_the_same_authority() -> Certificate:
    """A certificate that CFCA gave to somebody else."""
    return certificate(STRANGER, between())


@cache
def expired() -> Certificate:
    return certificate(UNIONPAY, between(), start=NOW - timedelta(days=400), days=399)


def settings(**changes: Any) -> dict[str, Any]:
    """One account's table of the configuration file."""
    table = {
        "mer_id": MER_ID,
        "private_key": Secret(private_pem("merchant")),
        "cert_id": CERT_ID,
        "roots": root().pem,
        "intermediates": between().pem,
    }
    return {name: value for name, value in {**table, **changes}.items() if value is not None}


def plain(pairs: Mapping[str, str]) -> bytes:
    """An answer's body: the pairs as they are, not encoded."""
    return "&".join(f"{name}={value}" for name, value in pairs.items()).encode()


def form(pairs: Mapping[str, str]) -> bytes:
    """A notice's body: an encoded form."""
    return urlencode(pairs).encode()


def answer(pairs: Mapping[str, str], by: Certificate | None = None) -> Answer:
    """A signed answer."""
    return Answer(200, {"content-type": "text/html;charset=UTF-8"}, plain((by or signer()).signed(pairs)))


def wire(moment: datetime) -> str:
    return moment.astimezone(CHINA).strftime("%Y%m%d%H%M%S")


def base(**changes: str) -> dict[str, str]:
    pairs = {
        "version": "5.1.0",
        "encoding": "UTF-8",
        "bizType": "000000",
        "accessType": "0",
        "merId": MER_ID,
        "respCode": "00",
        "respMsg": "成功[0000000]",
    }
    return pairs | changes


def transaction(charge: NewCharge, code: str = "00", paid_at: datetime = NOW, **changes: str) -> dict[str, str]:
    """An order as a query tells it."""
    pairs = base(
        txnType="01",
        txnSubType={"native": "07", "code": "06"}.get(charge.way, "01"),
        orderId=charge.out_trade_no,
        txnTime=wire(charge.created_at),
        txnAmt=str(charge.amount),
        currencyCode="156",
        origRespCode=code,
        origRespMsg="said the platform",
    )
    if code == "00":
        pairs |= {
            "queryId": QUERY_ID,
            "traceTime": wire(paid_at)[4:],
            "traceNo": "123456",
            "settleAmt": str(charge.amount),
            "settleCurrencyCode": "156",
            "settleDate": "1124",
            "issInsCode": "01020000",
        }
    return pairs | changes


def paid_notice(charge: NewCharge, paid_at: datetime = NOW, **changes: str) -> dict[str, str]:
    pairs = transaction(charge, paid_at=paid_at)
    del pairs["origRespCode"], pairs["origRespMsg"]
    return pairs | changes


def refund(number: str, order: str, amount: int, total: int, code: str = "00") -> dict[str, str]:
    """A refund as its query tells it; the notice has no origRespCode."""
    return base(
        txnType="04",
        txnSubType="00",
        orderId=number,
        txnTime="20261124000000",
        txnAmt=str(amount),
        currencyCode="156",
        queryId="202611240000009999999",
        origQryId=QUERY_ID,
        origRespCode=code,
        traceTime="1124000130",
        reqReserved=f"{order}_{total}",
    )
