"""A sub-merchant's movements come encrypted for its provider, in parts, and nothing that does not open is believed."""

import hashlib
from typing import Any

import pytest

from bot.kernel.errors import GatewayTrouble
from bot.outside.http import Answer
from bot.payments.facts import Paid
from bot.payments.faculties import FlowLine
from bot.simulators.wechatpay import crypto
from tests.gateways.wechatpay import bills, platform
from tests.gateways.wechatpay.faculties import URL, WeChatPayFaculties
from tests.gateways.wechatpay.rig import ACCOUNT
from tests.gateways.wechatpay.shop import OTHER_SUB, TODAY, Shop, opened
from tests.gateways.wechatpay.test_partner import PARTNER, SUB
from tests.gateways.wechatpay.test_statement import DAY

KEY, NONCE = "0123456789abcdef0123456789abcdef", "a8607ef79034c49c"


@pytest.fixture
def rig() -> WeChatPayFaculties:
    return WeChatPayFaculties(**PARTNER)


async def moved(shop: Shop) -> list[FlowLine]:
    assert shop.gateway.flows is not None
    return [line async for line in shop.gateway.flows.lines("main", TODAY)]


@pytest.mark.parametrize("parts", [1, 3])
async def test_a_sub_merchants_movements_are_read_from_however_many_files(parts: int) -> None:
    async with opened(partner=True, bill_parts=parts) as shop:
        charge = shop.charge()
        assert isinstance(await shop.scan(charge), Paid)
        lines = await moved(shop)

    assert [(line.kind, line.amount, line.reference) for line in lines] == [
        ("payment", 12_800, charge.out_trade_no),
        ("fee", -77, charge.out_trade_no),
    ]


async def test_a_day_without_movements_has_no_lines_and_the_providers_own_are_not_asked_for() -> None:
    async with opened(partner=True) as shop:
        assert await moved(shop) == []
    async with opened(partner=True, sub=OTHER_SUB) as shop:
        assert await moved(shop) == []


def part(text: bytes, number: int = 1, **changes: Any) -> tuple[dict[str, Any], bytes]:
    """A part as it is named, and its file."""
    named = {
        "bill_sequence": number,
        "download_url": URL,
        "encrypt_key": crypto.sealed(platform.public_pem("merchant"), KEY),
        "hash_type": "SHA1",
        "hash_value": hashlib.sha1(text, usedforsecurity=False).hexdigest(),
        "nonce": NONCE,
    }
    return named | changes, crypto.encrypt_file(KEY, nonce=NONCE, plain=text)


def script(rig: WeChatPayFaculties, *parts: tuple[dict[str, Any], bytes], count: int | None = None) -> None:
    named = [entry for entry, _ in parts]
    told = {"download_bill_count": len(parts) if count is None else count, "download_bill_list": named}
    rig.http.then(rig.answer(told))
    for _, file in sorted(parts, key=lambda each: str(each[0].get("bill_sequence"))):
        rig.http.then(Answer(200, {}, file))


async def read(rig: WeChatPayFaculties) -> list[FlowLine]:
    assert rig.gateway.flows is not None
    return [line async for line in rig.gateway.flows.lines(ACCOUNT, DAY)]


async def test_parts_are_joined_in_their_order(rig: WeChatPayFaculties) -> None:
    text = bills.flow_bill(DAY)
    # A hash of the file as it came is taken as well: the documents do not say which of the two is meant.
    first = part(text[:100])
    first = (first[0] | {"hash_value": hashlib.sha1(first[1], usedforsecurity=False).hexdigest()}, first[1])
    script(rig, part(text[100:], 2), first)

    assert len(await read(rig)) == len(bills.MOVEMENTS)
    assert rig.http.sent[0].target == (
        f"/v3/bill/sub-merchant-fundflowbill?sub_mchid={SUB}&bill_date=2026-11-22&account_type=BASIC"
        "&algorithm=AEAD_AES_256_GCM"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": "a8607ef79034c49d"},
        {"nonce": "a8607"},
        {"hash_value": "0" * 40},
        {"hash_type": "MD5"},
        {"encrypt_key": "not base64"},
        {"encrypt_key": crypto.sealed(platform.public_pem("public"), KEY)},
        {"encrypt_key": crypto.sealed(platform.public_pem("merchant"), KEY[:31])},
        {"download_url": "https://evil.example/bill"},
        {"bill_sequence": "1"},
    ],
)
async def test_what_does_not_open_is_no_bill(rig: WeChatPayFaculties, changes: dict[str, Any]) -> None:
    script(rig, part(bills.flow_bill(DAY), **changes))
    with pytest.raises(GatewayTrouble):
        await read(rig)


async def test_a_file_that_was_changed_on_its_way_is_no_bill(rig: WeChatPayFaculties) -> None:
    named, file = part(bills.flow_bill(DAY))
    changed = bytes([file[0] ^ 1]) + file[1:]
    script(rig, (named | {"hash_value": hashlib.sha1(changed, usedforsecurity=False).hexdigest()}, changed))
    with pytest.raises(GatewayTrouble):
        await read(rig)


async def test_a_bill_that_lacks_a_part_is_none(rig: WeChatPayFaculties) -> None:
    text = bills.flow_bill(DAY)
    for parts, count in (
        ((part(text),), 2),
        ((part(text[:100]), part(text[100:], 3)), 2),
        ((part(text[:100]), part(text[100:])), 2),
        ((), 0),
    ):
        rig.http.script.clear()
        script(rig, *parts, count=count)
        with pytest.raises(GatewayTrouble):
            await read(rig)
