"""Bills that WeChat Pay encrypts for a service provider: fetched in parts, opened with its certificate's key, and read.

Sources: GET /v3/bill/sub-merchant-fundflowbill, pay.weixin.qq.com/doc/v3/partner/4014314390 and
docs/partner/apis/combine-payment-identity/bill-download/get-sub-mch-fund-flow-bill: ``encrypt_key`` is opened with the
private key of the merchant's certificate (RSA-OAEP as in all of APIv3), the file is a binary AES-256-GCM ciphertext
under that key with the ``nonce`` and no associated data, and parts are joined in the order of ``bill_sequence``.
"""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from bot.gateways.wechatpay import billfile
from bot.gateways.wechatpay.billfile import FILE_MAX, Line_co, Reader
from bot.gateways.wechatpay.client import Bad, Client, Silent
from bot.gateways.wechatpay.crypto import unseal_file
from bot.gateways.wechatpay.errors import NO_STATEMENT
from bot.kernel.errors import GatewayTrouble

# A file is cut above 16 GB, which is far above what is read here.
PARTS_MAX: Final = 8
_AT_ONCE: Final = 500
_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class _Part:
    sequence: int
    url: str
    sealed_key: str
    nonce: str
    digest: str


async def fetch(client: Client, path: str, reader: Reader[Line_co]) -> AsyncIterator[Line_co]:
    """Yield every line of the bill that ``path`` asks for, none where WeChat Pay says that there is no bill.

    Raises GatewayTrouble when there is no usable bill now: a part is missing, does not open, or is not the one named.
    """
    named = await client.get(path)
    if isinstance(named, Silent):
        raise GatewayTrouble("statement_unavailable", named.reason)
    if isinstance(named, Bad):
        if named.code == NO_STATEMENT:
            return
        raise GatewayTrouble("statement_unavailable", named.code or f"status {named.status}")
    text = bytearray()
    for part in _parts(named.data):
        sealed = await client.download(part.url, FILE_MAX - len(text))
        if isinstance(sealed, Silent):
            raise GatewayTrouble("statement_unavailable", sealed.reason)
        # Opening a key and a large file takes a while, which the event loop must not lose.
        text += await asyncio.to_thread(_opened, client, part, sealed)
    parsed = billfile.rows(bytes(text), reader)
    while batch := await asyncio.to_thread(lambda: list(islice(parsed, _AT_ONCE))):
        for line in batch:
            yield line


def _parts(data: Mapping[str, object]) -> list[_Part]:
    """Return the parts in their order; raises GatewayTrouble unless each of those that were counted is there once."""
    listed, count = data.get("download_bill_list"), data.get("download_bill_count")
    if not isinstance(listed, list) or count != len(listed) or not 0 < len(listed) <= PARTS_MAX:
        raise GatewayTrouble("statement_malformed", "not as many parts as were counted")
    parts = sorted((_part(entry) for entry in listed), key=lambda part: part.sequence)
    first = parts[0].sequence
    if [part.sequence for part in parts] != list(range(first, first + len(parts))):
        raise GatewayTrouble("statement_malformed", "a part is missing")
    return parts


def _part(entry: object) -> _Part:
    told = entry if isinstance(entry, dict) else {}
    sequence = told.get("bill_sequence")
    words = [told.get(name) for name in ("download_url", "encrypt_key", "nonce", "hash_value")]
    texts = [word for word in words if isinstance(word, str) and word]
    if type(sequence) is not int or len(texts) != len(words) or told.get("hash_type") != "SHA1":
        raise GatewayTrouble("statement_malformed", "a part that says not how to open it")
    return _Part(sequence, *texts)


def _opened(client: Client, part: _Part, sealed: bytes) -> bytes:
    """Return the text of a part; raises GatewayTrouble.

    The tag proves the text, for its key came in a signed answer and opens for us alone. The hash is compared as well:
    of the text, or of the file as it came, since the documents do not say which one is meant.
    """
    key = client.opened(part.sealed_key)
    if key is None or len(key) != _KEY_BYTES:
        raise GatewayTrouble("statement_sealed", "its key does not open under our certificate")
    text = unseal_file(key, part.nonce, sealed)
    if text is None:
        raise GatewayTrouble("statement_sealed", "the file does not open")
    given = part.digest.lower().encode(errors="replace")
    if not any(hmac.compare_digest(given, _sha1(form)) for form in (text, sealed)):
        raise GatewayTrouble("statement_hash", "the file is not the one that was named")
    return text


def _sha1(content: bytes) -> bytes:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest().encode()
