"""WeChat as a wallet: who is paying inside WeChat's own browser."""

from typing import Final

from bot.channels.official.client import WeChatClient
from bot.channels.platform.errors import BadCode, WeChatError
from bot.kernel.errors import BadRequest, GatewayTrouble
from bot.payments.facts import PayerId

NAME: Final = "wechat"


class WeChatWallet:
    """Implements payments.ports.Wallet by the silent OAuth2 of one official account.

    Whether ``state`` is the one that this browser was given is checked by who gave it (bot.web), before identify.
    """

    name = NAME

    def __init__(self, app_id: str, client: WeChatClient) -> None:
        self._app_id = app_id
        self._client = client

    def authorize_url(self, back: str, state: str) -> str:
        """Return WeChat's page that comes back to ``back`` with a code and this state; nobody is asked anything."""
        return self._client.authorize_url(back, state)

    async def identify(self, code: str) -> PayerId:
        """Exchange a one-time code.

        Raises BadRequest for one that is wrong, expired or used (40029, 42003, 40163), GatewayTrouble where
        WeChat gave no usable answer. A snapshot identity is flagged and must not pay (wechat.md §2.2).
        """
        if not code:
            raise BadRequest("oauth_code_missing", "open the page again")
        try:
            found = await self._client.exchange(code)
        except BadCode as fault:
            raise BadRequest("oauth_code_spent", "open the page again") from fault
        except WeChatError as fault:
            raise GatewayTrouble("wallet_refused", errcode=fault.errcode, rid=fault.rid) from fault
        return PayerId(self.name, self._app_id, found.openid, found.unionid, found.snapshot)
