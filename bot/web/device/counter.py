"""``/till/{device}``: the page on which a cashier types an amount and scans a payer's code."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from bot.billers.catalogue import Catalogue
from bot.billers.devices import PIN_DIGITS, Device, Devices
from bot.kernel.errors import NotFound, Unauthorized
from bot.kernel.ids import random_text
from bot.payments.till import Till
from bot.storage.ephemeral_port import Ephemeral
from bot.storage.vault import Vault
from bot.trail.port import Trail
from bot.web.answers import answer_json, page
from bot.web.bodies import read_body, read_form
from bot.web.device.charges import TillWatch, as_json, parsed, take, waiting
from bot.web.device.proof import BODY_BYTES
from bot.web.middlewares import TRACE
from bot.web.peers import Peers, require_own_page

COOKIE: Final = "sp_till"
SESSION_SECONDS: Final = 12 * 3600
# Guesses of one page's PIN, and of one address, in a quarter of an hour.
TRIES_MAX: Final = 5
TRIES_OF_ADDRESS_MAX: Final = 20
TRIES_SECONDS: Final = 900.0
_SESSION_CHARS: Final = 32
_SESSION: Final = re.compile(rf"[0-9A-Za-z]{{{_SESSION_CHARS}}}", re.ASCII)
_PIN: Final = re.compile(rf"[0-9]{{{PIN_DIGITS}}}", re.ASCII)
_BODY_WITHIN: Final = 5.0
_SCANNER: Final = "https://res.wx.qq.com"
_LIBRARY: Final = f"{_SCANNER}/open/js/jweixin-1.6.0.js"

# Signs a page's address for WeChat's scanner; None where no official account can.
Scanner = Callable[[web.Request, str], Awaitable[Mapping[str, str | int] | None]]


@dataclass(frozen=True, slots=True)
class CounterParts:
    devices: Devices
    catalogue: Catalogue
    till: Till
    watch: TillWatch
    ephemeral: Ephemeral
    vault: Vault
    trail: Trail
    peers: Peers
    scanner: Scanner
    public_url: str


class CounterDoor:
    """The handlers of the cashier's page. A session belongs to one device and ends with it."""

    def __init__(self, parts: CounterParts) -> None:
        self._p = parts

    async def open(self, request: web.Request) -> web.Response:
        """GET: the counter, or the sign-in."""
        device = await self._signed_in(request)
        if device is None:
            return page("counter/sign_in.html", device=request.match_info["device"][:40], problem="")
        item = await self._p.catalogue.item(device.item_id)
        store = await self._p.catalogue.store(device.store_id)
        wx = await self._p.scanner(request, f"{self._p.public_url}{request.raw_path}")
        return page(
            "counter/counter.html",
            script_sources=_SCANNER if wx else "",
            device=device.id,
            payee=item.merchant_name,
            store=store.name,
            name=device.name,
            rule=item.definition.amount,
            wx={**wx, "library": _LIBRARY} if wx else None,
        )

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        """POST: a PIN opens a session; guesses are counted by page and by address before they are looked at."""
        require_own_page(request, self._p.public_url)
        device_id = request.match_info["device"][:40]
        pin = (await read_form(request)).get("pin", "")
        if not await self._may_try(device_id, self._p.peers.address(request) or ""):
            return page("counter/sign_in.html", status=429, device=device_id, problem="limited")
        try:
            if not _PIN.fullmatch(pin):
                raise Unauthorized("pin_wrong")
            device = await self._p.devices.sign_in(device_id, pin)
        except Unauthorized as fault:
            return page("counter/sign_in.html", status=401, device=device_id, problem=fault.code)
        session = random_text(_SESSION_CHARS)
        await self._p.ephemeral.put(self._key(session), device.id.encode(), SESSION_SECONDS)
        answer = web.HTTPSeeOther(f"/till/{device.id}")
        secure = self._p.public_url.startswith("https://")
        answer.set_cookie(
            COOKIE, session, max_age=SESSION_SECONDS, path="/till", httponly=True, secure=secure, samesite="Strict"
        )
        raise answer

    async def sign_out(self, request: web.Request) -> web.StreamResponse:
        """POST: end the session."""
        require_own_page(request, self._p.public_url)
        await self._p.ephemeral.drop(self._key(request.cookies.get(COOKIE, "")))
        answer = web.HTTPSeeOther(f"/till/{request.match_info['device'][:40]}")
        answer.del_cookie(COOKIE, path="/till")
        raise answer

    async def charge(self, request: web.Request) -> web.Response:
        """POST …/charges: take a payment by a scanned code."""
        require_own_page(request, self._p.public_url)
        device = await self._required(request)
        wanted = parsed(await read_body(request, limit=BODY_BYTES, within=_BODY_WITHIN))
        return await take(self._p.till, self._p.trail, device, wanted, request[TRACE])

    async def get(self, request: web.Request) -> web.Response:
        """GET …/charges/{id}: follow a payment."""
        device = await self._required(request)
        shown = await self._p.watch.changed(device, request.match_info["id"], *waiting(request))
        return answer_json(as_json(shown))

    async def cancel(self, request: web.Request) -> web.Response:
        """POST …/charges/{id}/cancel: give a payment up."""
        require_own_page(request, self._p.public_url)
        device = await self._required(request)
        return answer_json(as_json(await self._p.till.cancel(device, request.match_info["id"])))

    async def _may_try(self, device_id: str, address: str) -> bool:
        by_page = await self._p.ephemeral.allow(f"pin:d:{device_id}", TRIES_MAX, TRIES_SECONDS)
        who = self._p.vault.blind(address, "web.till")
        return by_page and await self._p.ephemeral.allow(f"pin:a:{who}", TRIES_OF_ADDRESS_MAX, TRIES_SECONDS)

    async def _required(self, request: web.Request) -> Device:
        device = await self._signed_in(request)
        if device is None:
            raise Unauthorized("signed_out", "sign in again")
        return device

    async def _signed_in(self, request: web.Request) -> Device | None:
        session = request.cookies.get(COOKIE, "")
        if not _SESSION.fullmatch(session):
            return None
        kept = await self._p.ephemeral.get(self._key(session))
        if kept is None or kept.decode() != request.match_info["device"]:
            return None
        try:
            return await self._p.devices.get(kept.decode())
        except NotFound:
            return None

    def _key(self, session: str) -> str:
        # The session itself is the bearer's secret, so only its blind form is a key in the store.
        return f"till:{self._p.vault.blind(session, 'web.till')}"
