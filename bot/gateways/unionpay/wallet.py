"""UnionPay as a wallet: who is paying inside the browser of 云闪付 or of a bank's app."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from bot.gateways.unionpay.account import UnionPayAccount
from bot.gateways.unionpay.client import Client, Silent
from bot.gateways.unionpay.mapping import USER_ID, common, wire_time
from bot.kernel.clock import Clock
from bot.kernel.errors import BadRequest, GatewayTrouble
from bot.kernel.ids import new_out_number
from bot.payments.facts import PayerId

NAME: Final = "unionpay"
# UnionPay comes back with these beside what was in the address; 00 says that the code is there.
CODE_PARAMETER: Final = "userAuthCode"
RESULT_PARAMETER: Final = "respCode"
_STATE: Final = "state"
_CODE: Final = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)
_APP: Final = re.compile(r"UnionPay/[\d.]{1,16} \w{1,32}", re.ASCII)
_SUBJECT: Final = re.compile(r"[\x21-\x7e]{1,64}", re.ASCII)
# Between the code and the app in what ``identify`` takes; no code holds it.
_APART: Final = " "


class UnionPayWallet:
    """Implements payments.ports.Wallet by UnionPay's silent userAuth and the gateway's call for the user's id.

    Whether ``state`` is the one that this browser was given is checked by who gave it (bot.web), before identify.
    """

    name = NAME

    def __init__(self, account: UnionPayAccount, client: Client, clock: Clock) -> None:
        self._account = account
        self._client = client
        self._clock = clock

    def authorize_url(self, back: str, state: str) -> str:
        """Return UnionPay's page that comes back to ``back`` with a code, and with this state as its own parameter.

        ``back`` stands encoded inside, so what it holds of a query comes back as it was.
        """
        apart = "&" if "?" in back else "?"
        redirect = f"{back}{apart}{urlencode({_STATE: state})}"
        return f"{self._account.user_auth_url}?{urlencode({'version': '1.0.0', 'redirectUrl': redirect})}"

    async def identify(self, code: str) -> PayerId:
        """Exchange what ``spent_code`` made of the answer.

        Raises BadRequest for a code that is missing, wrong or used, GatewayTrouble where UnionPay gave no usable
        answer.
        """
        one_time, _, app = code.partition(_APART)
        if not _CODE.fullmatch(one_time):
            raise BadRequest("oauth_code_missing", "open the page again")
        now = self._clock.now()
        form = {
            **common(self._account, USER_ID),
            "orderId": new_out_number("U", now),
            "txnTime": wire_time(now),
            "userAuthCode": one_time,
        }
        if app:
            form["appUpIdentifier"] = app
        reply = await self._client.post(self._account.user_id_path, form)
        if isinstance(reply, Silent):
            raise GatewayTrouble("wallet_silent", reply.reason)
        if reply.code in ("34", "13", "10"):
            raise BadRequest("oauth_code_spent", "open the page again")
        subject = reply.data.get("userId", "")
        if reply.code != "00" or not _SUBJECT.fullmatch(subject):
            raise GatewayTrouble("wallet_refused", resp_code=reply.code)
        return PayerId(self.name, self._account.mer_id, subject)


def app_identifier(user_agent: str) -> str:
    """Return the ``app_up_identifier`` of a browser, ``UnionPay/1.0 CloudPay``; empty where it names none."""
    match = _APP.search(user_agent)
    return match[0] if match else ""


def spent_code(query: Mapping[str, str], app: str) -> str:
    """Return what ``identify`` takes, from the parameters with which UnionPay came back and the app that brought it.

    Empty where UnionPay says that the payer gave no leave. A blank in the code is a ``+`` that was decoded on its way
    (payments.md, trap 16).
    """
    if query.get(RESULT_PARAMETER, "") != "00":
        return ""
    return f"{query.get(CODE_PARAMETER, '').replace(' ', '+')}{_APART}{app}".rstrip()
