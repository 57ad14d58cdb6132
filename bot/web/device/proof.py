"""How a machine proves itself: a keyed hash over exactly what it sends, fresh, and each number used once."""

import hashlib
import hmac
import re
from typing import Final

from aiohttp import web

from bot.billers.devices import Device, Devices
from bot.kernel.clock import Clock
from bot.kernel.errors import Unauthorized
from bot.kernel.masking import Secret
from bot.storage.ephemeral_port import Ephemeral
from bot.web.bodies import read_body

DEVICE: Final = "Scenepay-Device"
TIMESTAMP: Final = "Scenepay-Timestamp"
NONCE: Final = "Scenepay-Nonce"
SIGNATURE: Final = "Scenepay-Signature"

SKEW_SECONDS: Final = 300.0
BODY_BYTES: Final = 4 * 1024
_BODY_WITHIN: Final = 5.0
_ID: Final = re.compile(r"dev_[0-9A-Z]{26}", re.ASCII)
_STAMP: Final = re.compile(r"[0-9]{10}", re.ASCII)
_NONCE: Final = re.compile(r"[0-9A-Za-z]{16,64}", re.ASCII)
_HEX: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


def signature(key: Secret, method: str, target: str, timestamp: str, nonce: str, body: bytes) -> str:
    """Return the hexadecimal HMAC-SHA256 of five lines: method, path with query, time, nonce, body (docs/device.md)."""
    head = f"{method}\n{target}\n{timestamp}\n{nonce}\n".encode()
    return hmac.new(key.reveal().encode(), head + body + b"\n", hashlib.sha256).hexdigest()


class MachineProof:
    """Lets in machines alone, each request once."""

    def __init__(self, devices: Devices, store: Ephemeral, clock: Clock) -> None:
        self._devices = devices
        self._store = store
        self._clock = clock

    async def check(self, request: web.Request) -> tuple[Device, bytes]:
        """Return who calls and the body as it came.

        Raises Unauthorized: ``device_headers``, ``device_unknown``, ``device_signature`` (the same for a wrong key and
        a changed request), ``device_clock``, ``device_replay``; Busy while replays cannot be told.
        """
        device_id, stamp, nonce, given = (
            request.headers.get(name, "") for name in (DEVICE, TIMESTAMP, NONCE, SIGNATURE)
        )
        if not (
            _ID.fullmatch(device_id) and _STAMP.fullmatch(stamp) and _NONCE.fullmatch(nonce) and _HEX.fullmatch(given)
        ):
            raise Unauthorized(
                "device_headers", f"send {DEVICE}, {TIMESTAMP}, {NONCE} and {SIGNATURE} (docs/device.md)"
            )
        body = await read_body(request, limit=BODY_BYTES, within=_BODY_WITHIN)
        device, key = await self._devices.machine(device_id)
        expected = signature(key, request.method, request.raw_path, stamp, nonce, body)
        if not hmac.compare_digest(expected, given):
            raise Unauthorized("device_signature", "sign method, path with query, time, nonce and body with the key")
        if abs(self._clock.now().timestamp() - int(stamp)) > SKEW_SECONDS:
            raise Unauthorized("device_clock", "set the device's clock")
        # Remembered for as long as its time would be taken for fresh, from either side.
        if not await self._store.allow(f"device:{device_id}:{nonce}", 1, 2 * SKEW_SECONDS):
            raise Unauthorized("device_replay", "send a new nonce with each request")
        return device, body
