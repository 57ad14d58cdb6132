"""Only a certificate that chains to the configured root, is in date and bears UnionPay's name proves a message."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.gateways.unionpay import certificates
from bot.gateways.unionpay.account import UnionPayAccount
from bot.gateways.unionpay.certificates import Trust, load_key
from bot.kernel.errors import Misconfigured
from bot.kernel.masking import Secret
from tests.gateways.unionpay import platform, vectors
from tests.gateways.unionpay.platform import NOW, UNIONPAY, Certificate, between, certificate, root, signer

PAIRS = {"merId": platform.MER_ID, "respCode": "00"}


def trust(**changes: Any) -> Trust:
    return Trust(UnionPayAccount.from_settings("main", platform.settings(**changes)))


def fault(by: Certificate, now: datetime = NOW, **changes: Any) -> str:
    return trust(**changes).fault(by.signed(PAIRS), now)


def test_the_genuine_one_is_believed_directly_or_through_an_intermediate() -> None:
    assert fault(signer()) == ""
    assert fault(certificate(UNIONPAY, root())) == ""
    assert fault(signer(), intermediates=None, roots=root().pem + between().pem) == ""
    assert fault(certificate(UNIONPAY, root()), intermediates=None) == ""


WRONG: dict[str, tuple[Callable[[], Certificate], str]] = {
    "self_signed": (lambda: certificate(UNIONPAY), "certificate_chain"),
    "stranger": (platform.stranger, "certificate_chain"),
    "other_owner": (platform.merchant_of_the_same_authority, "certificate_owner"),
    "name_within_a_name": (
        lambda: certificate("041@831@假的中国银联股份有限公司@1", between()),
        "certificate_owner",
    ),
    "name_at_another_place": (
        lambda: certificate("中国银联股份有限公司@831@某某公司@1", between()),
        "certificate_owner",
    ),
    "name_alone": (lambda: certificate("中国银联股份有限公司", between()), "certificate_owner"),
    "name_with_more": (lambda: certificate(f"{UNIONPAY}@x", between()), "certificate_owner"),
    "issued_by_a_customer": (lambda: certificate(UNIONPAY, signer()), "certificate_chain"),
    "expired": (platform.expired, "certificate_expired"),
    "not_yet": (lambda: certificate(UNIONPAY, between(), start=NOW + timedelta(days=1)), "certificate_expired"),
}


@pytest.mark.parametrize("name", WRONG)
def test_another_one_is_not(name: str) -> None:
    made, expected = WRONG[name]

    assert fault(made()) == expected


def test_a_chain_is_no_longer_than_its_shortest_link() -> None:
    """An authority that has expired vouches for nobody, however long the certificate itself is valid."""
    old = certificate("CFCA OLD", root(), ca=True, days=31)
    leaf = certificate(UNIONPAY, old)

    assert fault(leaf, NOW, intermediates=old.pem) == ""
    assert fault(leaf, NOW + timedelta(days=2), intermediates=old.pem) == "certificate_expired"


def test_a_remembered_certificate_still_expires() -> None:
    judge, pairs = trust(), signer().signed(PAIRS)

    assert judge.fault(pairs, NOW) == ""
    assert judge.fault(pairs, NOW + timedelta(days=2000)) == "certificate_expired"


def test_a_remembered_certificate_saves_the_chain_and_not_the_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    judge, pairs = trust(), signer().signed(PAIRS)
    assert judge.fault(pairs, NOW) == ""
    monkeypatch.setattr(certificates, "_issuer", lambda *_: pytest.fail("the chain was walked again"))

    assert judge.fault(pairs, NOW) == ""
    assert judge.fault({**pairs, "respCode": "01"}, NOW) == "bad_signature"


def test_strangers_certificates_are_not_remembered() -> None:
    judge = trust()
    for _ in range(40):
        judge.fault(platform.stranger().signed(PAIRS), NOW)

    assert not judge._known


def test_sha1_certificates_are_taken_only_where_that_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """CFCA's test authority signs with SHA-1; the library makes no such certificate, so one is passed off as one."""
    monkeypatch.setattr(certificates, "SHA1", type(signer().made.signature_hash_algorithm))

    assert fault(signer()) == "certificate_sha1"
    assert fault(signer(), accept_sha1=True) == ""


def test_a_real_certificate_of_another_authority_is_not_believed() -> None:
    when = datetime.fromisoformat("2022-09-08T13:22:06+08:00")

    assert trust(accept_sha1=True).fault(vectors.NAMED_PAIRS, when) == "certificate_chain"


@pytest.mark.parametrize("pem", ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "é" * 9000])
def test_what_is_no_certificate_proves_nothing(pem: str) -> None:
    pairs = {**signer().signed(PAIRS), "signPubKeyCert": pem}

    assert trust().fault(pairs, NOW) in ("unsigned", "certificate_malformed")


def test_two_certificates_in_one_message_prove_nothing() -> None:
    """Readers differ on which of them counts."""
    pairs = {**signer().signed(PAIRS), "signPubKeyCert": platform.stranger().pem + signer().pem}

    assert trust().fault(pairs, NOW) == "certificate_malformed"


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [(None, "malformed"), ({}, "malformed"), ({"a": "b"}, "unsigned")],
)
def test_what_bears_nothing_proves_nothing(pairs: dict[str, str] | None, expected: str) -> None:
    assert trust().fault(pairs, NOW) == expected


@pytest.mark.parametrize("setting", ["roots", "intermediates"])
@pytest.mark.parametrize("text", ["garbage", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----", "leaf"])
def test_what_may_not_issue_is_no_authority(setting: str, text: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        trust(**{setting: signer().pem if text == "leaf" else text})

    assert setting in refusal.value.remedy


def test_an_authority_says_that_it_is_one() -> None:
    with pytest.raises(Misconfigured):
        trust(roots=certificate("CFCA ROOT", ca=None).pem)


def test_another_owner_may_be_configured() -> None:
    """UnionPay's test environment names itself 00040000:SIGN."""
    leaf = certificate("041@Z2017-11-1@00040000:SIGN@00000001", between())

    assert fault(leaf) == "certificate_owner"
    assert fault(leaf, owners=["00040000:SIGN"]) == ""


@pytest.mark.parametrize("pem", ["", "garbage", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"])
def test_a_useless_signing_key_is_refused_without_being_shown(pem: str) -> None:
    account = UnionPayAccount.from_settings("main", platform.settings())
    with pytest.raises(Misconfigured) as refusal:
        load_key(replace(account, private_key=Secret(pem or "x")))

    assert "AAAA" not in str(refusal.value)
