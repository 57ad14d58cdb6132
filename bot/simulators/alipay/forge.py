"""Notices that must not move money: forged, tampered with, or genuine about something else (reliability.md §5)."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from bot.simulators.alipay import crypto
from bot.simulators.alipay.book import Trade, wire_time, yuan
from bot.simulators.alipay.core import Simulator
from bot.simulators.alipay.notices import Attempt, Notice, encoded

STALE = timedelta(days=2)
Change = Callable[[Simulator, Trade], dict[str, str]]

# Truthfully signed by the platform, but wrong for the trade.
TRUE_BUT_WRONG: dict[str, Change] = {
    "wrong_amount": lambda sim, trade: {"total_amount": yuan(trade.amount + 1)},
    "other_seller": lambda sim, trade: {"seller_id": "2088999999999999"},
    "other_app": lambda sim, trade: {"app_id": "2021999999999999"},
    "unknown_order": lambda sim, trade: {"out_trade_no": secrets.token_hex(16)},
    "not_paid": lambda sim, trade: {"trade_status": "WAIT_BUYER_PAY"},
    "stale_time": lambda sim, trade: {"notify_time": wire_time(sim.clock.now() - STALE)},
}
UNTRUE = ("forged_signature", "unsigned", "flipped_byte", "added_field", "oversize", "other_sign_type")
KINDS = (*TRUE_BUT_WRONG, *UNTRUE)


async def send(
    sim: Simulator, trade: Trade, fields: Mapping[str, str], kind: str, url: str = ""
) -> tuple[Notice, Attempt]:
    """Send one forged notice, once; raises ValueError for a kind that does not exist."""
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}")
    change = TRUE_BUT_WRONG.get(kind)
    # A claim that it was paid, whatever the truth is.
    paid = {"trade_status": "TRADE_SUCCESS", "gmt_payment": wire_time(sim.clock.now())}
    told = {**paid, **fields, **(change(sim, trade) if change else {})}
    if kind != "not_paid":
        told["trade_status"] = "TRADE_SUCCESS"
    notice = sim.notifier.write(told, url=url or trade.notify_url, subject=trade.out_trade_no, kind=kind)
    return notice, await sim.notifier.attempt(notice, await _spoiled(sim, notice))


def forgery(sim: Simulator, trade: Trade, fields: Mapping[str, str], kind: str) -> Callable[[], Awaitable[object]]:
    """The sending of one forgery, as a step before the genuine notice."""
    return lambda: send(sim, trade, fields, kind)


async def _spoiled(sim: Simulator, notice: Notice) -> bytes:
    body = sim.notifier.signed(notice)
    text = crypto.text({name: value for name, value in notice.fields.items() if name != "sign_type"})
    match notice.kind:
        case "forged_signature":
            return encoded(notice.fields, await sim.keys.strange(text))
        case "unsigned":
            return encoded(notice.fields, "")
        case "flipped_byte":
            return body.replace(b"total_amount=", b"total_amount=9", 1)
        case "added_field":
            return body + b"&refund_fee=0.01"
        case "oversize":
            return body + b"&body=" + b"x" * 80 * 1024
        case "other_sign_type":
            return body.replace(b"sign_type=RSA2", b"sign_type=RSA")
    return body
