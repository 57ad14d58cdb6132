"""Has the money of a charge frozen where its merchant shares, and remembers by which versions of the rules."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from bot.jobs.port import NewJob
from bot.kernel.clock import to_micros
from bot.kernel.ids import new_id, new_out_number
from bot.payments import work
from bot.payments.facts import NewCharge, Way
from bot.payments.ports import Gateway
from bot.storage.port import Row, Tx

# A gateway takes no request to share before some time after the payment: WeChat Pay wants half a minute.
AFTER_SECONDS: Final = 60.0
# When somebody looks whether a charge was paid, should no job have told of it.
LOOK_SECONDS: Final = 3_600.0

_RULES: Final = """
SELECT l.id AS line_id, r.id AS rule_id FROM order_lines l JOIN share_rules r
  ON r.merchant_id = $2 AND r.state = 'active' AND r.terms <> '[]' AND r.item_id = CASE WHEN EXISTS (
    SELECT 1 FROM share_rules i WHERE i.merchant_id = $2 AND i.item_id = l.item_id AND i.state = 'active')
  THEN l.item_id ELSE '' END
WHERE l.order_id = $1
"""
_INSERT: Final = """
INSERT INTO shares (id, charge_id, order_id, merchant_id, gateway, gateway_account, out_trade_no, rules, paid,
  out_order_no, out_finish_no, state, next_query_at, trace_id, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'planned', $12, $13, $14, $14)
"""
_PLANNED: Final = "SELECT id, gateway, gateway_account, trace_id FROM shares WHERE charge_id = $1 AND state = 'planned'"


async def rules(tx: Tx, gateway: Gateway, order: Row) -> Mapping[str, str]:
    """Return the rules by which an order's lines will be shared, by line; none where this gateway cannot share."""
    if Way.SHARE not in gateway.can:
        return {}
    return {row["line_id"]: row["rule_id"] for row in await tx.rows(_RULES, order["id"], order["merchant_id"])}


async def keep(
    tx: Tx, charge_id: str, request: NewCharge, gateway: str, order: Row, rules: Mapping[str, str], now: datetime
) -> None:
    """Write down, with the charge, that it will be shared; nothing where no rule speaks of it."""
    if not rules:
        return
    await tx.execute(
        _INSERT,
        new_id("shr", now),
        charge_id,
        order["id"],
        order["merchant_id"],
        gateway,
        request.account,
        request.out_trade_no,
        json.dumps(dict(rules), sort_keys=True, separators=(",", ":")),
        request.amount,
        new_out_number("S", now),
        new_out_number("U", now),
        to_micros(now + timedelta(seconds=LOOK_SECONDS)),
        order["trace_id"],
        to_micros(now),
    )


async def due(tx: Tx, charge_id: str | None, now: datetime) -> list[NewJob]:
    """Return the job that shares a paid charge once its billers have answered; none where nothing is planned."""
    row = await tx.row(_PLANNED, charge_id) if charge_id is not None else None
    if row is None:
        return []
    later = now + timedelta(seconds=AFTER_SECONDS)
    return [work.share(row["id"], row["gateway"], row["gateway_account"], row["trace_id"], later)]
