"""Login, logout and the phone number."""

from collections.abc import Mapping

from bot.channels.miniprogram.client import MiniClient
from bot.channels.miniprogram.inbound import CHANNEL
from bot.channels.platform.errors import BadCode, WeChatError
from bot.customers.identities import Identities
from bot.kernel.errors import BadRequest, Busy, Forbidden, GatewayTrouble, NotFound
from bot.kernel.masking import mask_phone
from bot.web.mini.call import Call, Program
from bot.web.mini.models import Done, LoginAnswer, LoginAsk, LogoutAsk, PhoneAnswer, PhoneAsk
from bot.web.mini.sessions import SESSION_SECONDS, Sessions

# WeChat holds this person for a risk and gives no session (code2Session).
_RISKY = 40226


class Entry:
    """The handlers about who calls."""

    def __init__(self, programs: Mapping[str, Program], identities: Identities, sessions: Sessions) -> None:
        """``programs`` by their appid."""
        self._programs = programs
        self._identities = identities
        self._sessions = sessions

    async def login(self, call: Call) -> LoginAnswer:
        """Raises NotFound(``app_unknown``), BadRequest(``login_code``), Forbidden(``login_refused``)."""
        asked = call.ask(LoginAsk)
        program = self._programs.get(asked.appid)
        if program is None:
            raise NotFound("app_unknown", "configure [mini.<account>] with this appid")
        try:
            visitor = await program.client.visitor(asked.code)
        except WeChatError as fault:
            raise _refused(fault, "login_code", "call wx.login again: a code is good once, for five minutes") from fault
        customer = await self._identities.recognise(CHANNEL, program.key, visitor.openid, unionid=visitor.unionid)
        token = await self._sessions.begin(customer.id, program.key, program.app_id, visitor)
        return LoginAnswer(token=token, expires_in=SESSION_SECONDS)

    async def logout(self, call: Call) -> Done:
        if call.ask(LogoutAsk).everywhere:
            await self._sessions.end_all(call.session.customer_id)
        await self._sessions.end(call.session)
        return Done()

    async def phone(self, call: Call) -> PhoneAnswer:
        """Raises BadRequest(``phone_code``)."""
        try:
            phone = await self._client(call).phone(call.ask(PhoneAsk).code)
        except WeChatError as fault:
            raise _refused(fault, "phone_code", "let the customer press the button again") from fault
        return PhoneAnswer(phone=phone.number, phone_mask=mask_phone(phone.number), country_code=phone.country_code)

    def _client(self, call: Call) -> MiniClient:
        return self._programs[call.session.app_id].client


def _refused(fault: WeChatError, code: str, remedy: str) -> BadRequest | Forbidden | Busy | GatewayTrouble:
    if isinstance(fault, BadCode):
        return BadRequest(code, remedy)
    if fault.errcode == _RISKY:
        return Forbidden("login_refused", "WeChat refuses this person for now")
    if fault.retryable:
        return Busy("wechat_busy", "try again in a minute")
    return GatewayTrouble("wechat_refused", errcode=fault.errcode, rid=fault.rid)
