"""Notices that must not move money: forged, tampered with, or genuine about something else (reliability.md §5)."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from bot.simulators.wechatpay.book import Order, TradeState, new_number, transaction_json
from bot.simulators.wechatpay.core import Simulator
from bot.simulators.wechatpay.notices import Attempt, Notice, Wire

STALE = timedelta(minutes=10)
OVERSIZE_BYTES = 80 * 1024
PARTS = ("body", "signature", "timestamp", "nonce", "serial")


@dataclass(frozen=True, slots=True)
class Wish:
    """What to forge: about which order, and for flipped_byte which part and position."""

    order: Order
    kind: str
    part: str = "body"
    position: int = 0
    url: str = ""


# Truthfully signed by the platform, but wrong for the order: facts changed before encryption.
def _wrong_amount(facts: dict[str, Any], order: Order) -> None:
    facts["amount"] |= {"total": order.total + 1, "payer_total": order.total + 1}


def _other_currency(facts: dict[str, Any], order: Order) -> None:
    facts["amount"] |= {"currency": "HKD"}


def _other_mchid(facts: dict[str, Any], order: Order) -> None:
    facts["mchid"] = "1888888888" if order.mchid == "1999999999" else "1999999999"


def _other_appid(facts: dict[str, Any], order: Order) -> None:
    facts["appid"] = "wxffffffffffffffff"


def _unknown_order(facts: dict[str, Any], order: Order) -> None:
    facts["out_trade_no"] = secrets.token_hex(16)


def _not_paid(facts: dict[str, Any], order: Order) -> None:
    facts["trade_state"] = "NOTPAY"


TRUE_BUT_WRONG: dict[str, Callable[[dict[str, Any], Order], None]] = {
    "wrong_amount": _wrong_amount,
    "other_currency": _other_currency,
    "other_mchid": _other_mchid,
    "other_appid": _other_appid,
    "unknown_order": _unknown_order,
    "not_paid": _not_paid,
}
UNTRUE = (
    "forged_signature",
    "unknown_serial",
    "stale_timestamp",
    "signtest",
    "flipped_byte",
    "other_key",
    "unsigned",
    "oversize",
)
KINDS = (*TRUE_BUT_WRONG, *UNTRUE)


async def send(sim: Simulator, wish: Wish) -> tuple[Notice, Attempt]:
    """Send one forged notice, once; raises ValueError for a kind or part that does not exist."""
    if wish.kind not in KINDS or wish.part not in PARTS:
        raise ValueError(f"unknown kind {wish.kind!r} or part {wish.part!r}")
    pattern = _pattern(sim, wish)
    sim.notifier.discard(pattern)
    wire = await _spoil(sim, pattern, wish)
    notice = sim.notifier.forge(pattern, wish.kind, wire.body)
    return notice, await sim.notifier.attempt(notice, wire)


def forgery(sim: Simulator, order: Order, kind: str) -> Callable[[], Awaitable[object]]:
    """The sending of one forgery, as a step before the genuine notice."""
    return lambda: send(sim, Wish(order, kind))


def _pattern(sim: Simulator, wish: Wish) -> Notice:
    order = wish.order
    facts = transaction_json(_as_paid(sim, order), TradeState.SUCCESS)
    if change := TRUE_BUT_WRONG.get(wish.kind):
        change(facts, order)
    key = sim.merchant(order.mchid).apiv3_key
    return sim.notifier.write(
        event_type="TRANSACTION.SUCCESS",
        original_type="transaction",
        facts=facts,
        key=key[::-1] if wish.kind == "other_key" else key,
        url=wish.url or order.notify_url,
        subject=order.out_trade_no,
    )


def _as_paid(sim: Simulator, order: Order) -> Order:
    """A copy that claims to be paid, whatever the truth is."""
    if order.paid_at is not None:
        return order
    now = sim.clock.now().replace(microsecond=0)
    return replace(
        order,
        transaction_id=new_number("4200", now, 28),
        paid_at=now,
        payer=order.openid or sim.plan.default_openid,
    )


async def _spoil(sim: Simulator, pattern: Notice, wish: Wish) -> Wire:
    now, body = sim.clock.now(), pattern.body
    signer = sim.keys.notice_signer()
    if wish.kind == "oversize":
        body = body[:-1] + b" " * OVERSIZE_BYTES + b"}"
    if wish.kind == "stale_timestamp":
        return Wire(signer.headers(body, now - STALE), body)
    if wish.kind == "forged_signature":
        stranger = await sim.keys.stranger()
        return Wire(replace(stranger, serial=signer.serial).headers(body, now), body)
    if wish.kind == "unknown_serial":
        return Wire((await sim.keys.stranger()).headers(body, now), body)
    headers = signer.headers(body, now)
    if wish.kind == "signtest":
        headers["Wechatpay-Signature"] = "WECHATPAY/SIGNTEST/" + headers["Wechatpay-Signature"][19:]
    if wish.kind == "unsigned":
        headers = {}
    if wish.kind == "flipped_byte":
        return _flip(headers, body, wish)
    return Wire(headers, body)


def _flip(headers: dict[str, str], body: bytes, wish: Wish) -> Wire:
    """Change one character, keeping headers printable and the body valid UTF-8 where it was ASCII."""
    if wish.part == "body":
        spoiled = bytearray(body)
        spoiled[wish.position % len(body)] ^= 1
        return Wire(headers, bytes(spoiled))
    name = f"Wechatpay-{wish.part.capitalize()}"
    value = headers[name]
    # The last characters of base64 carry bits that decoders ignore: a change there would change nothing.
    at = wish.position % (len(value) - 3 if wish.part == "signature" else len(value))
    other = "1" if value[at] == "0" else "0"
    return Wire({**headers, name: value[:at] + other + value[at + 1 :]}, body)
