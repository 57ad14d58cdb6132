"""A machine and a cashier at the shop's till, over the scripted gateway that takes scanned codes."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bot.billers.devices import Devices
from bot.kernel.ids import random_text
from bot.kernel.masking import Secret
from bot.web.device import proof
from tests.payments.scripted_codes import PAYS, ScriptedCodes
from tests.web.rig import MERCHANT, STORE, Browser, Seen, Shop

CHARGES = "/api/device/v1/charges"
GUN = "Mozilla/5.0 (Linux; Android 12; Till) AppleWebKit/537.36 Chrome/120 Mobile Safari/537.36"


@dataclass
class Machine:
    """A till's machine that signs as docs/device.md says."""

    shop: Shop
    id: str
    key: Secret
    browser: Browser

    async def call(self, method: str, path: str, body: bytes = b"", **changes: str) -> Seen:
        """Send a signed request; ``changes`` replace what is sent after it was signed, by header or ``sent_to``."""
        stamp, nonce = str(int(self.shop.clock.now().timestamp())), changes.pop("nonce", random_text(24))
        stamp = changes.pop("stamp", stamp)
        signed = proof.signature(self.key, method, path, stamp, nonce, body)
        headers = {
            proof.DEVICE: self.id,
            proof.TIMESTAMP: stamp,
            proof.NONCE: nonce,
            proof.SIGNATURE: signed,
            "Content-Type": "application/json",
        }
        target = changes.pop("sent_to", path)
        headers |= {name.replace("_", "-"): value for name, value in changes.items()}
        return await self.browser._ask(method, target, headers, body or None)

    async def charge(self, code: str = PAYS, amount: int = 2_550, number: str = "") -> Seen:
        body = {"request_no": number or random_text(16), "amount": amount, "auth_code": code}
        return await self.call("POST", CHARGES, json.dumps(body).encode())

    async def get(self, charge: Any, query: str = "") -> Seen:
        return await self.call("GET", f"{CHARGES}/{charge['id']}{query}")

    async def cancel(self, charge: Any) -> Seen:
        return await self.call("POST", f"{CHARGES}/{charge['id']}/cancel")


def devices(shop: Shop) -> Devices:
    return Devices(shop.house.database, shop.house.vault, shop.house.clock)


async def machine(shop: Shop, name: str = "1号收银机") -> Machine:
    """Put a machine into the shop; the gateway takes scanned codes from now on."""
    if shop.gateway.codes is None:
        shop.gateway.codes = ScriptedCodes(shop.gateway)
    made, key = await devices(shop).add_machine(
        merchant_id=MERCHANT.id, store_id=STORE.id, item_id="itm_meal", name=name
    )
    return Machine(shop, made, key, await shop.browser(GUN))


@asynccontextmanager
async def at_counter(shop: Shop) -> AsyncIterator[tuple[Browser, str, str]]:
    """Yield a cashier's browser, the page's id and its PIN."""
    shop.gateway.codes = ScriptedCodes(shop.gateway)
    made, pin = await devices(shop).add_page(
        merchant_id=MERCHANT.id, store_id=STORE.id, item_id="itm_meal", name="前台"
    )
    yield await shop.browser(GUN), made, pin.reveal()
