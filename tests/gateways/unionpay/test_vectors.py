"""Real messages of UnionPay's test environment pass through our own code: digest, signature, name and moment."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from bot.gateways.unionpay.account import OWNER
from bot.gateways.unionpay.certificates import owner_of
from bot.gateways.unionpay.crypto import read_form, read_plain, signed_text, verifies
from bot.gateways.unionpay.mapping import finished_at, paid_fact
from bot.simulators.unionpay import crypto as simulated
from tests.gateways.unionpay import platform, vectors

MESSAGES = [pytest.param(vectors.TOKEN_PAIRS, id="token"), pytest.param(vectors.NAMED_PAIRS, id="named")]


def key_of(pairs: Mapping[str, str]) -> RSAPublicKey:
    key = x509.load_pem_x509_certificate(pairs["signPubKeyCert"].encode()).public_key()
    assert isinstance(key, RSAPublicKey)
    return key


def test_the_signed_text_has_the_published_digest() -> None:
    assert hashlib.sha256(signed_text(vectors.TOKEN_PAIRS)).hexdigest() == vectors.TOKEN_DIGEST
    assert simulated.digest(vectors.TOKEN_PAIRS).decode() == vectors.TOKEN_DIGEST


@pytest.mark.parametrize("pairs", MESSAGES)
def test_a_message_verifies_only_as_it_is(pairs: Mapping[str, str]) -> None:
    key = key_of(pairs)

    assert verifies(key, pairs)
    assert verifies(key, read_plain(platform.plain(pairs)) or {})
    assert verifies(key, read_form(platform.form(pairs)) or {})
    for name in pairs:
        assert not verifies(key, {**pairs, name: pairs[name] + "0"}), name
        assert not verifies(key, {other: value for other, value in pairs.items() if other != name}), name
    # A reader that rewrites line ends breaks the signature.
    rewritten = pairs["signPubKeyCert"].replace("\r\n", "\n")
    assert not verifies(key, {**pairs, "signPubKeyCert": rewritten})


def test_the_owner_is_read_out_of_a_real_name() -> None:
    token, named = (x509.load_pem_x509_certificate(pem.encode()) for pem in
                    (vectors.TOKEN_CERTIFICATE, vectors.NAMED_CERTIFICATE))  # fmt: skip

    assert owner_of(named) == OWNER
    assert owner_of(token) == "00040000:SIGN"


def test_a_real_payment_is_read() -> None:
    fact = paid_fact(vectors.NAMED_PAIRS)

    assert (fact.amount, fact.currency, fact.transaction_id) == (1, "CNY", "782209081322060674028")
    assert fact.paid_at == finished_at(vectors.NAMED_PAIRS) == datetime(2022, 9, 8, 5, 22, 6, tzinfo=UTC)
