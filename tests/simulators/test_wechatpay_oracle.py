"""A public APIv3 client, wechatpayv3, against the simulator: a second opinion on signatures and shapes."""

import asyncio
import gzip
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from wechatpayv3 import SignType, WeChatPay, WeChatPayType

from tests.simulators.pay_rig import APPID, OPENID, Rig, credentials, running

MODES = ("certificate", "public_key")


@pytest.fixture(params=MODES)
async def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def rig(mode: str) -> AsyncIterator[Rig]:
    async with running(notice_signing=mode) as started:
        yield started


def _client(rig: Rig, mode: str, folder: Path) -> Any:
    """The client with its gateway pointed here; in certificate mode it starts from a downloaded file."""
    keys = credentials()
    certificate = keys.platform_certificate
    (folder / f"{certificate.serial}.pem").write_text(certificate.certificate_pem)
    public = keys.platform_public_key
    client = WeChatPay(
        wechatpay_type=WeChatPayType.JSAPI,
        mchid=keys.mchid,
        private_key=keys.merchant_private_pem,
        cert_serial_no=keys.merchant_cert_serial,
        appid=APPID,
        apiv3_key=keys.apiv3_key,
        notify_url=rig.merchant.notify_url,
        cert_dir=str(folder) if mode == "certificate" else None,
        public_key=public.public_pem if mode == "public_key" else None,
        public_key_id=public.key_id if mode == "public_key" else None,
        timeout=5,
    )
    client._core._gate_way = rig.merchant.base
    return client


async def _ask(call: Callable[..., tuple[int, str]], **facts: Any) -> tuple[int, dict[str, Any]]:
    status, text = await asyncio.to_thread(call, **facts)
    return status, json.loads(text) if text else {}


async def _order(client: Any, number: str = "ORDER0001", **changes: Any) -> tuple[int, dict[str, Any]]:
    return await _ask(
        client.pay,
        **{
            "description": "电费",
            "out_trade_no": number,
            "amount": {"total": 12850, "currency": "CNY"},
            "payer": {"openid": OPENID},
            **changes,
        },
    )


async def test_the_whole_purchase(rig: Rig, mode: str, tmp_path: Path) -> None:
    """Create, pay with the client's own paySign, query, read the notice, refund, query it, read its notice."""
    client = _client(rig, mode, tmp_path)
    status, created = await _order(client)
    assert status == 200

    package = f"prepay_id={created['prepay_id']}"
    jsapi = {"appId": APPID, "timeStamp": "1763000000", "nonceStr": "n" * 32, "package": package}
    jsapi["paySign"] = client.sign(list(jsapi.values()), SignType.RSA_SHA256)
    paid = await rig.merchant.pay(jsapi={**jsapi, "signType": "RSA"})
    assert paid["result"] == "ok"

    status, found = await _ask(client.query, out_trade_no="ORDER0001")
    assert (status, found["trade_state"]) == (200, "SUCCESS")

    [(headers, body)] = await rig.inbox.wait(1)
    notice = client.callback(headers, body)
    assert notice["event_type"] == "TRANSACTION.SUCCESS"
    assert notice["resource"] == found

    status, refund = await _ask(
        client.refund,
        out_refund_no="R1",
        out_trade_no="ORDER0001",
        amount={"refund": 12850, "total": 12850, "currency": "CNY"},
        notify_url=rig.merchant.notify_url,
    )
    assert (status, refund["status"]) == (200, "PROCESSING")
    _, (headers, body) = await rig.inbox.wait(2)
    told = client.callback(headers, body)
    assert (told["event_type"], told["resource"]["refund_status"]) == ("REFUND.SUCCESS", "SUCCESS")
    status, known = await _ask(client.query_refund, out_refund_no="R1")
    assert (status, known["status"], known["refund_id"]) == (200, "SUCCESS", told["resource"]["refund_id"])


async def test_close_verifies_the_signature_over_an_empty_body(rig: Rig, mode: str, tmp_path: Path) -> None:
    client = _client(rig, mode, tmp_path)
    await _order(client)

    status, _ = await _ask(client.close, out_trade_no="ORDER0001")

    assert status == 204


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (WeChatPayType.NATIVE, {"payer": None}),
        (WeChatPayType.APP, {"payer": None}),
        (WeChatPayType.MINIPROG, {}),
        (
            WeChatPayType.H5,
            {"payer": None, "scene_info": {"payer_client_ip": "1.2.3.4", "h5_info": {"type": "Wap"}}},
        ),
    ],
)
async def test_every_way_to_pay(
    rig: Rig, mode: str, tmp_path: Path, kind: WeChatPayType, changes: dict[str, Any]
) -> None:
    client = _client(rig, mode, tmp_path)

    status, created = await _order(client, pay_type=kind, **changes)

    assert status == 200
    assert created.keys() <= {"prepay_id", "code_url", "h5_url"}


@pytest.mark.parametrize(
    "kind", ["forged_signature", "unknown_serial", "signtest", "flipped_byte", "unsigned", "other_key"]
)
async def test_the_client_rejects_forged_notices(rig: Rig, mode: str, tmp_path: Path, kind: str) -> None:
    client = _client(rig, mode, tmp_path)
    await _order(client)

    await rig.merchant.control("POST", "forge", {"out_trade_no": "ORDER0001", "kind": kind})
    [(headers, body)] = await rig.inbox.wait(1)

    assert not await asyncio.to_thread(_accepted, client, headers, body)


def _accepted(client: Any, headers: Any, body: bytes) -> bool:
    """Whether the client reads a notice; it refuses some by None and some by an exception of its own."""
    try:
        return bool(client.callback(headers, body.decode("utf-8", "replace")))
    except Exception:
        return False


@pytest.mark.parametrize("mode", ["certificate"])
async def test_the_client_follows_a_rotation(rig: Rig, mode: str, tmp_path: Path) -> None:
    """It meets an unknown serial, downloads and decrypts both certificates, and verifies."""
    client = _client(rig, mode, tmp_path)
    await _order(client)
    await rig.merchant.control("POST", "rotate", {"step": "introduce"})
    await rig.merchant.control("POST", "rotate", {"step": "switch"})

    status, found = await _ask(client.query, out_trade_no="ORDER0001")

    assert (status, found["trade_state"]) == (200, "NOTPAY")
    assert len(client._core._certificates) == 2


async def test_bills_download_and_match_their_hash(rig: Rig, mode: str, tmp_path: Path) -> None:
    client = _client(rig, mode, tmp_path)
    await _order(client)
    await rig.merchant.pay(out_trade_no="ORDER0001")
    day = (await rig.merchant.query("ORDER0001")).json["success_time"][:10]

    status, offer = await _ask(client.trade_bill, bill_date=day, tar_type="GZIP")
    assert status == 200
    _, packed = await asyncio.to_thread(_downloaded, client, offer["download_url"])

    content = gzip.decompress(packed)
    assert hashlib.sha1(content, usedforsecurity=False).hexdigest() == offer["hash_value"]
    assert "ORDER0001" in content.decode("utf-8-sig")


def _downloaded(client: Any, url: str) -> tuple[int, bytes]:
    status, content = client._core.request(url.removeprefix(client._core._gate_way), skip_verify=True)
    assert status == 200
    return status, content
