"""Keeps the exact request of a charge, sealed, so that a missing answer can be met by the identical request."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, Final

from bot.kernel.clock import from_micros, to_micros
from bot.payments.facts import ChargeRef, NewCharge, Way
from bot.payments.values import Charge
from bot.storage.vault import Vault

_REQUEST: Final = "charges.request_sealed"
_HANDOVER: Final = "charges.handover_sealed"


def seal_request(vault: Vault, request: NewCharge) -> bytes:
    """Return the request encrypted, for it names the payer."""
    values: dict[str, Any] = dataclasses.asdict(request)
    values |= {"expires_at": to_micros(request.expires_at), "created_at": to_micros(request.created_at)}
    return vault.seal(_json(values), _REQUEST)


def open_request(vault: Vault, charge: Charge) -> NewCharge:
    """Return the very request that was, or was to be, sent."""
    values: dict[str, Any] = json.loads(vault.open(charge.request_sealed, _REQUEST))
    values["way"] = Way(values["way"])
    values["expires_at"] = from_micros(values["expires_at"])
    values["created_at"] = from_micros(values["created_at"])
    return NewCharge(**values)


def seal_handover(vault: Vault, handover: Mapping[str, str]) -> bytes:
    """Return what the payer's side needs, encrypted."""
    return vault.seal(_json(dict(handover)), _HANDOVER)


def open_handover(vault: Vault, charge: Charge) -> Mapping[str, str] | None:
    """Return what the payer's side needs; None while no gateway has given it."""
    if charge.handover_sealed is None:
        return None
    values: dict[str, str] = json.loads(vault.open(charge.handover_sealed, _HANDOVER))
    return values


def reference(vault: Vault, charge: Charge) -> ChargeRef:
    """Return the charge's name at its gateway."""
    return ChargeRef(
        out_trade_no=charge.out_trade_no,
        account=charge.gateway_account,
        way=charge.way,
        amount=charge.amount,
        currency=charge.currency,
        created_at=charge.created_at,
        expires_at=charge.expires_at,
        payer_app=open_request(vault, charge).payer_app,
        transaction_id=charge.transaction_id,
    )


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
