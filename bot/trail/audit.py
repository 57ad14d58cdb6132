"""Records every human action, in the transaction that carries it out."""

import json
from collections.abc import Mapping
from datetime import datetime

from bot.kernel.clock import to_micros
from bot.storage.port import Tx

_INSERT = """
INSERT INTO audit (actor, action, subject, detail, trace_id, at) VALUES ($1, $2, $3, $4, $5, $6)
"""


async def record(
    tx: Tx, *, actor: str, action: str, subject: str, detail: Mapping[str, object], trace_id: str, now: datetime
) -> None:
    """Write one immutable row: ``actor`` did ``action`` (``order.closed``) to ``subject`` (an id)."""
    facts = json.dumps(detail, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    await tx.execute(_INSERT, actor, action, subject, facts, trace_id, to_micros(now))
