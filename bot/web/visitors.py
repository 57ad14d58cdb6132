"""Who stands at the cashier: a browser session, and the payer's identity as their wallet gave it to us."""

import hmac
import json
import re
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from bot.kernel.errors import BadRequest, Forbidden
from bot.kernel.ids import random_text
from bot.payments.facts import PayerId
from bot.payments.ports import SignIn, Wallet
from bot.storage.ephemeral_port import Ephemeral
from bot.storage.vault import Vault

# On https the browser itself sees to it that no neighbouring host can plant a session (RFC 6265bis, __Host-).
COOKIE: Final = "sp_visit"
SECURE_COOKIE: Final = f"__Host-{COOKIE}"
SESSION_SECONDS: Final = 7200
STATE_SECONDS: Final = 600
_CONTEXT: Final = "web.payer"
_ID_CHARS: Final = 32
_ID: Final = re.compile(rf"[0-9A-Za-z]{{{_ID_CHARS}}}", re.ASCII)
_CODE_CHARS_MAX: Final = 512


@dataclass(frozen=True, slots=True)
class Visit:
    """One browser's session. ``fresh`` means that its cookie has still to be set."""

    id: str
    fresh: bool


@dataclass(frozen=True, slots=True)
class At:
    """The operator's account at a gateway, in whose name a wallet tells who pays: an openid belongs to one appid.

    A gateway may take several wallets' payments, and each knows the same person by another name.
    """

    gateway: str
    account: str
    wallet: str

    def __str__(self) -> str:
        return f"{self.gateway}:{self.account}:{self.wallet}"


@dataclass(frozen=True, slots=True)
class Expected:
    """A sign-in that came back to the browser that began it: where it was for, and the path to go on with."""

    at: At
    back: str


class Visitors:
    """Sessions and OAuth states. A state is spent once, lives ten minutes and belongs to one browser and account."""

    def __init__(self, store: Ephemeral, vault: Vault, *, secure: bool) -> None:
        self._store = store
        self._vault = vault
        self._secure = secure
        self._cookie = SECURE_COOKIE if secure else COOKIE

    def visit(self, request: web.Request) -> Visit:
        """Return the session of a browser, a new one when it brings none of our form."""
        given = request.cookies.get(self._cookie, "")
        return Visit(given, fresh=False) if _ID.fullmatch(given) else Visit(random_text(_ID_CHARS), fresh=True)

    def remember(self, response: web.StreamResponse, visit: Visit) -> None:
        """Set the cookie of a fresh session."""
        if visit.fresh:
            response.set_cookie(
                self._cookie,
                visit.id,
                max_age=SESSION_SECONDS,
                path="/",
                httponly=True,
                secure=self._secure,
                samesite="Lax",
            )

    async def payer(self, visit: Visit, at: At) -> PayerId | None:
        """Return who this browser is to an account, if it was found out in this session."""
        if visit.fresh:
            return None
        stored = await self._store.get(self._key(visit.id, at))
        return None if stored is None else PayerId(**self._opened(stored))

    async def send_to_wallet(self, visit: Visit, wallet: Wallet, at: At, *, back: str, callback: str) -> web.HTTPFound:
        """Return the redirect to the wallet's sign-in; ``back`` is a path of ours, kept here and never in the URL."""
        state = random_text(_ID_CHARS)
        begun = {"visit": visit.id, "at": [at.gateway, at.account, at.wallet], "back": back}
        await self._store.put(f"oauth:{state}", self._sealed(begun), STATE_SECONDS)
        redirect = web.HTTPFound(wallet.authorize_url(callback, state))
        self.remember(redirect, visit)
        return redirect

    async def expected(self, request: web.Request, gateway: str, account: str) -> Expected:
        """Spend the state of a sign-in that comes back to the address of this account.

        Raises Forbidden for a state that is unknown, spent, too old, another browser's or another account's.
        """
        state = request.query.get("state", "")
        waiting = await self._store.take(f"oauth:{state}") if _ID.fullmatch(state) else None
        if waiting is None:
            raise Forbidden("oauth_state", "open the payment page again")
        kept = self._opened(waiting)
        at = At(*kept["at"])
        given = request.cookies.get(self._cookie, "")
        ours = hmac.compare_digest(kept["visit"].encode(), given.encode())
        if (at.gateway, at.account) != (gateway, account) or not ours:
            raise Forbidden("oauth_state", "open the payment page again in the same app")
        return Expected(at, str(kept["back"]))

    async def identify(self, request: web.Request, sign_in: SignIn, at: At) -> None:
        """Exchange the code of a sign-in that was ``expected`` and keep who the payer is.

        Raises BadRequest for a missing, wrong or spent code, Forbidden for a snapshot user, GatewayTrouble.
        """
        code = sign_in.code(request.query, request.headers.get("User-Agent", ""))
        if not 0 < len(code) <= _CODE_CHARS_MAX:
            raise BadRequest("oauth_code", "open the payment page again")
        payer = await sign_in.wallet.identify(code)
        if payer.snapshot:
            raise Forbidden("oauth_snapshot", "tap 使用完整服务 on the page and open it again")
        known = {"wallet": payer.wallet, "app_id": payer.app_id, "subject": payer.subject, "unionid": payer.unionid}
        await self._store.put(self._key(self.visit(request).id, at), self._sealed(known), SESSION_SECONDS)

    def _key(self, visit_id: str, at: At) -> str:
        # The session id itself is the bearer's secret, so only its blind form is a key in the store.
        return f"payer:{self._vault.blind(f'{visit_id}:{at}', _CONTEXT)}"

    def _sealed(self, value: dict[str, Any]) -> bytes:
        return self._vault.seal(json.dumps(value), _CONTEXT)

    def _opened(self, stored: bytes) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._vault.open(stored, _CONTEXT))
        return found
