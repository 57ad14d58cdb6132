"""Alipay as a wallet: who is paying inside Alipay's own browser."""

from typing import Final
from urllib.parse import urlencode

from bot.gateways.alipay.account import AlipayAccount
from bot.gateways.alipay.client import Client, Silent
from bot.gateways.alipay.mapping import word
from bot.kernel.errors import BadRequest, GatewayTrouble
from bot.payments.facts import PayerId

NAME: Final = "alipay"
TOKEN: Final = "alipay.system.oauth.token"  # noqa: S105 - The name of a method.
_SPENT: Final = frozenset({"isv.code-invalid", "isv.code-is-invalid", "isv.auth-code-invalid", "40002"})


class AlipayWallet:
    """Implements payments.ports.Wallet by the silent sign-in of one application (scope ``auth_base``).

    Whether ``state`` is the one that this browser was given is checked by who gave it (bot.web), before identify.
    """

    name = NAME

    def __init__(self, account: AlipayAccount, client: Client) -> None:
        self._account = account
        self._client = client

    def authorize_url(self, back: str, state: str) -> str:
        """Return Alipay's page that comes back to ``back`` with an auth_code and this state; nobody is asked."""
        query = {"app_id": self._account.app_id, "scope": "auth_base", "redirect_uri": back, "state": state}
        return f"{self._account.authorize_base}?{urlencode(query)}"

    async def identify(self, code: str) -> PayerId:
        """Exchange a one-time code (``auth_code`` of the page's way back).

        Raises BadRequest for one that is wrong, expired or used, GatewayTrouble where Alipay gave no usable answer.
        A refusal need not be proven here: it costs the payer another try and moves nothing.
        """
        if not code:
            raise BadRequest("oauth_code_missing", "open the page again")
        reply = await self._client.send(TOKEN, {"grant_type": "authorization_code", "code": code})
        refusal = reply.reason if isinstance(reply, Silent) or reply.code not in ("", "10000") else ""
        if refusal in _SPENT:
            raise BadRequest("oauth_code_spent", "open the page again")
        if refusal or isinstance(reply, Silent):
            raise GatewayTrouble("wallet_refused", reason=refusal)
        # An application is told one of the two, and every fact of a payment names the payer by the same one.
        subject = word(reply.data, "open_id") or word(reply.data, "user_id")
        if not subject:
            raise GatewayTrouble("wallet_refused", reason="no_user")
        return PayerId(self.name, self._account.app_id, subject)
