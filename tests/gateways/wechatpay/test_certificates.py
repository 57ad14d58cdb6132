"""Platform certificates are renewed off the request's path, rarely, and never for worse ones."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bot.gateways.wechatpay.certificates import PAUSE_SECONDS, RENEW_SECONDS, read_certificates
from bot.outside.http import Answer
from bot.payments.facts import Missing, Notice, RawNotice, Unknown, Unverified, Way
from tests.gateways.wechatpay import platform
from tests.gateways.wechatpay.platform import Certificate, certificate
from tests.gateways.wechatpay.rig import ACCOUNT, WeChatPayRig

CERTIFICATES_ONLY: dict[str, Any] = {"public_key_id": None, "public_key": None}


@pytest.fixture
def rig() -> WeChatPayRig:
    return WeChatPayRig(**CERTIFICATES_ONLY)


def listed(rig: WeChatPayRig, *certificates: Certificate, signer: platform.Signer | None = None) -> Answer:
    """The list, signed by its first certificate unless another is named."""
    data = {"data": [each.entry() for each in certificates]}
    return platform.answer(signer or certificates[0], rig.clock.now(), data)


def notice_by(rig: WeChatPayRig, signer: platform.Signer) -> RawNotice:
    facts = platform.transaction(rig.charge(Way.JSAPI))
    body = platform.encoded(platform.envelope("TRANSACTION.SUCCESS", "transaction", facts))
    return RawNotice(ACCOUNT, signer.headers(body, rig.clock.now()), body)


def believes(rig: WeChatPayRig, signer: platform.Signer) -> bool:
    return isinstance(rig.gateway.read_notice(notice_by(rig, signer), rig.clock.now()), Notice)


async def test_the_first_list_proves_itself_by_the_apiv3_key(rig: WeChatPayRig) -> None:
    first = certificate("first")
    assert not rig.gateway.usable(ACCOUNT)
    rig.http.then(listed(rig, first))

    await rig.gateway.refresh()

    assert rig.gateway.usable(ACCOUNT)
    assert believes(rig, first)
    assert [sent.target for sent in rig.http.sent] == ["/v3/certificates"]
    assert "Wechatpay-Serial" not in rig.http.sent[0].headers


async def test_before_the_first_list_every_call_is_unknown(rig: WeChatPayRig) -> None:
    rig.http.then(platform.answer(certificate("first"), rig.clock.now(), {"prepay_id": "wx"}))
    rig.http.then(platform.answer(certificate("first"), rig.clock.now(), {"prepay_id": "wx"}))

    assert await rig.gateway.create(rig.charge(Way.JSAPI)) == Unknown("answer_unknown_serial")


async def test_old_and_new_serve_together_until_the_old_is_listed_no_more(rig: WeChatPayRig) -> None:
    old, new = certificate("first"), certificate("second")
    for step in ((old,), (old, new), (new,)):
        rig.http.then(listed(rig, *step, signer=step[-1]))
        await rig.gateway.refresh()
        rig.clock.advance(RENEW_SECONDS)

        assert [believes(rig, each) for each in (old, new)] == [each in step for each in (old, new)]


async def test_renewal_goes_out_when_due_and_not_before(rig: WeChatPayRig) -> None:
    first = certificate("first")
    rig.http.then(listed(rig, first))
    for _ in range(3):
        await rig.gateway.refresh()
    rig.clock.advance(RENEW_SECONDS - 1)
    await rig.gateway.refresh()
    assert len(rig.http.sent) == 1

    rig.clock.advance(1)
    rig.http.then(listed(rig, first))
    await rig.gateway.refresh()
    assert len(rig.http.sent) == 2


async def test_made_up_serials_cause_no_call_and_at_most_one_renewal_a_minute(rig: WeChatPayRig) -> None:
    first = certificate("first")
    rig.http.then(listed(rig, first))
    await rig.gateway.refresh()
    for minute in range(1, 4):
        for _ in range(50):
            outcome = rig.gateway.read_notice(notice_by(rig, platform.stranger()), rig.clock.now())
            assert outcome == Unverified("unknown_serial")
        assert len(rig.http.sent) == minute

        rig.clock.advance(PAUSE_SECONDS - 1)
        await rig.gateway.refresh()
        assert len(rig.http.sent) == minute

        rig.clock.advance(1)
        rig.http.then(listed(rig, first))
        await rig.gateway.refresh()
        await rig.gateway.refresh()
        assert len(rig.http.sent) == minute + 1


async def test_a_notice_of_a_new_certificate_is_believed_after_the_renewal_that_it_caused(rig: WeChatPayRig) -> None:
    old, new = certificate("first"), certificate("second")
    rig.http.then(listed(rig, old))
    await rig.gateway.refresh()
    assert not believes(rig, new)

    rig.clock.advance(PAUSE_SECONDS)
    rig.http.then(listed(rig, old, new, signer=new))
    await rig.gateway.refresh()
    assert believes(rig, new)


async def test_a_failed_renewal_keeps_what_serves_and_is_tried_again(rig: WeChatPayRig) -> None:
    first = certificate("first")
    rig.http.then(listed(rig, first))
    await rig.gateway.refresh()
    for script in (rig.will_be_silent, rig.will_fail):
        rig.clock.advance(RENEW_SECONDS)
        script()
        await rig.gateway.refresh()
        assert believes(rig, first)

    rig.clock.advance(PAUSE_SECONDS)
    rig.http.then(listed(rig, first))
    await rig.gateway.refresh()
    assert len(rig.http.sent) == 4


@pytest.mark.parametrize(
    "spoil",
    ["unsigned", "stranger", "forged", "stale", "empty", "not_a_list", "other_apiv3_key", "expired", "html", "no_body"],
)
async def test_a_list_that_is_not_proven_changes_nothing(rig: WeChatPayRig, spoil: str) -> None:
    old, evil = certificate("first"), certificate("stranger")
    rig.http.then(listed(rig, old))
    await rig.gateway.refresh()
    rig.clock.advance(RENEW_SECONDS)
    now = rig.clock.now()
    sealed_otherwise = {"data": [evil.entry("f" * 32)]}
    over = certificate("second", now - timedelta(days=90), days=30)
    answers = {
        "unsigned": platform.answer(None, now, {"data": [evil.entry()]}),
        # Sealed rightly, which would take the APIv3 key, but signed by somebody whom the list does not name.
        "stranger": listed(rig, evil, signer=platform.stranger()),
        "forged": listed(rig, evil, signer=platform.Signer(old.serial, platform.rsa_key("stranger"))),
        "stale": platform.answer(old, now - timedelta(seconds=301), {"data": [evil.entry()]}),
        "empty": platform.answer(old, now, {"data": []}),
        "not_a_list": platform.answer(old, now, {"data": {"0": evil.entry()}}),
        "other_apiv3_key": platform.answer(evil, now, sealed_otherwise),
        "expired": listed(rig, over, signer=old),
        "html": Answer(502, {}, b"<html>"),
        "no_body": platform.answer(old, now, None, 204),
    }
    rig.http.then(answers[spoil])

    await rig.gateway.refresh()

    assert believes(rig, old)
    assert not believes(rig, evil)


async def test_a_merchant_in_public_key_mode_needs_no_list() -> None:
    rig = WeChatPayRig()
    rig.http.then(platform.error(404, "RESOURCE_NOT_EXISTS"))
    await rig.gateway.refresh()
    rig.clock.advance(PAUSE_SECONDS)
    await rig.gateway.refresh()

    assert len(rig.http.sent) == 1
    assert rig.gateway.usable(ACCOUNT)
    assert rig.http.sent[0].headers["Wechatpay-Serial"] == platform.PUBLIC_KEY_ID


async def test_certificates_can_be_switched_off() -> None:
    rig = WeChatPayRig(certificates=False)
    await rig.gateway.refresh()

    assert rig.http.sent == []


async def test_while_a_merchant_switches_both_kinds_of_serial_are_believed() -> None:
    rig, first = WeChatPayRig(), certificate("first")
    rig.http.then(listed(rig, first, signer=platform.public_signer()))
    await rig.gateway.refresh()

    assert believes(rig, first)
    assert believes(rig, platform.public_signer())
    rig.http.then(platform.error(404, "ORDER_NOT_EXIST", first, rig.clock.now()))
    assert await rig.gateway.query(rig.ref(rig.charge(Way.JSAPI))) == Missing()


def test_an_entry_that_is_not_as_it_should_be_is_left_out() -> None:
    good = certificate("first")
    key = platform.APIV3_KEY.encode()
    elliptic = ec.generate_private_key(ec.SECP256R1()).public_key()
    no_certificate = elliptic.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    sealed = good.entry()["encrypt_certificate"]
    entries: list[Any] = [
        None,
        "text",
        {},
        {"serial_no": good.serial},
        good.entry(serial_no=certificate("second").serial),
        good.entry(serial_no=good.serial.lower() + "g"),
        good.entry(serial_no=17),
        good.entry(encrypt_certificate="sealed"),
        good.entry(encrypt_certificate=sealed | {"algorithm": "AEAD_SM4_GCM"}),
        good.entry(encrypt_certificate=sealed | {"nonce": None}),
        good.entry(encrypt_certificate=sealed | {"associated_data": "transaction"}),
        good.entry(encrypt_certificate=platform.sealed(b"no PEM", "certificate")),
        good.entry(encrypt_certificate=platform.sealed(no_certificate, "certificate")),
        good.entry("g" * 32),
    ]

    assert read_certificates({"data": entries}, key) == {}
    assert list(read_certificates({"data": [*entries, good.entry()]}, key)) == [good.serial]
    # A list without end is read to a bound.
    assert read_certificates({"data": [{}] * 16 + [good.entry()]}, key) == {}
