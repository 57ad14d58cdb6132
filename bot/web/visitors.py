"""Who stands at the cashier: a browser session, and the payer's identity as their wallet gave it to us."""

import hmac
import json
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from bot.kernel.errors import BadRequest, Forbidden
from bot.kernel.ids import random_text
from bot.payments.ports import PayerId, Wallet
from bot.storage.ephemeral_port import Ephemeral
from bot.storage.vault import Vault

COOKIE: Final = "sp_visit"
_SESSION_SECONDS: Final = 7200
_STATE_SECONDS: Final = 600
_CONTEXT: Final = "web.payer"
_ID_CHARS: Final = 32


@dataclass(frozen=True, slots=True)
class Visit:
    """One browser's session. ``fresh`` means that its cookie has still to be set."""

    id: str
    fresh: bool


class Visitors:
    """Sessions and OAuth states. A state is spent once, lives ten minutes and belongs to one browser."""

    def __init__(self, store: Ephemeral, vault: Vault, *, secure: bool) -> None:
        self._store = store
        self._vault = vault
        self._secure = secure

    def visit(self, request: web.Request) -> Visit:
        """Return the session of a browser, a new one when it brings none of our form."""
        given = request.cookies.get(COOKIE, "")
        if len(given) == _ID_CHARS and given.isascii() and given.isalnum():
            return Visit(given, fresh=False)
        return Visit(random_text(_ID_CHARS), fresh=True)

    def remember(self, response: web.StreamResponse, visit: Visit) -> None:
        """Set the cookie of a fresh session."""
        if visit.fresh:
            response.set_cookie(
                COOKIE,
                visit.id,
                max_age=_SESSION_SECONDS,
                path="/",
                httponly=True,
                secure=self._secure,
                samesite="Lax",
            )

    async def payer(self, visit: Visit, wallet: str, merchant_id: str) -> PayerId | None:
        """Return who this browser is to a wallet at a merchant, if it was found out in this session."""
        stored = await self._store.get(self._key(visit.id, wallet, merchant_id))
        if stored is None:
            return None
        return PayerId(**json.loads(self._vault.open(stored, _CONTEXT)))

    async def send_to_wallet(
        self, visit: Visit, wallet: Wallet, *, merchant_id: str, back: str, callback: str
    ) -> web.HTTPSeeOther:
        """Return the redirect to the wallet's sign-in; ``back`` is a path of ours, kept here and never in the URL."""
        state = random_text(_ID_CHARS)
        waiting = json.dumps({"visit": visit.id, "wallet": wallet.name, "merchant": merchant_id, "back": back})
        await self._store.put(f"oauth:{state}", waiting.encode(), _STATE_SECONDS)
        redirect = web.HTTPSeeOther(wallet.authorize_url(callback, state))
        self.remember(redirect, visit)
        return redirect

    async def come_back(self, request: web.Request, wallet: Wallet) -> str:
        """Finish a sign-in and return the path to go on with.

        Raises Forbidden for a state that is unknown, spent, or another browser's; BadRequest without a code.
        """
        state, code = request.query.get("state", ""), request.query.get("code", "")
        if not (len(state) == _ID_CHARS and state.isascii() and state.isalnum()):
            raise Forbidden("oauth_state", "open the payment page again")
        waiting = await self._store.take(f"oauth:{state}")
        if waiting is None:
            raise Forbidden("oauth_state", "open the payment page again")
        expected = json.loads(waiting)
        given = request.cookies.get(COOKIE, "")
        if expected["wallet"] != wallet.name or not hmac.compare_digest(expected["visit"].encode(), given.encode()):
            raise Forbidden("oauth_state", "open the payment page again in the same app")
        if not 0 < len(code) <= 512:
            raise BadRequest("oauth_code", "open the payment page again")
        payer = await wallet.identify(code)
        if payer.snapshot:
            raise Forbidden("oauth_snapshot", "tap 使用完整服务 on the page and open it again")
        await self._keep(given, wallet.name, expected["merchant"], payer)
        return str(expected["back"])

    async def _keep(self, visit_id: str, wallet: str, merchant_id: str, payer: PayerId) -> None:
        value = {
            "wallet": payer.wallet,
            "app_id": payer.app_id,
            "subject": payer.subject,
            "unionid": payer.unionid,
        }
        sealed = self._vault.seal(json.dumps(value), _CONTEXT)
        await self._store.put(self._key(visit_id, wallet, merchant_id), sealed, _SESSION_SECONDS)

    def _key(self, visit_id: str, wallet: str, merchant_id: str) -> str:
        # The session id itself is the bearer's secret, so only its blind form is a key in the store.
        return f"payer:{self._vault.blind(visit_id, _CONTEXT)}:{wallet}:{merchant_id}"
