"""WeChat's platform for one mini-program: who its visitor is, and which phone number they gave."""

from dataclasses import dataclass, field

from bot.channels.platform.client import PlatformClient, text_of
from bot.kernel.errors import GatewayTrouble
from bot.kernel.masking import Secret


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who a ``wx.login`` code stands for; ``session_key`` opens what the phone encrypted and stays on the server."""

    openid: str = field(repr=False)
    unionid: str | None = field(repr=False)
    session_key: Secret


@dataclass(frozen=True, slots=True)
class Phone:
    """A number that the customer gave by pressing a button, without its country code."""

    number: str = field(repr=False)
    country_code: str


class MiniClient(PlatformClient):
    """Calls WeChat for one mini-program; errors as PlatformClient says."""

    async def visitor(self, code: str) -> Visitor:
        """Exchange a ``wx.login`` code (code2Session), good once and for five minutes; raise BadCode for any other."""
        query = {
            "appid": self._app.app_id,
            "secret": self._app.secret.reveal(),
            "js_code": code,
            "grant_type": "authorization_code",
        }
        answer = await self.ask("GET", "/sns/jscode2session", query)
        unionid = answer.get("unionid")
        key = Secret(text_of(answer, "session_key"))
        return Visitor(text_of(answer, "openid"), str(unionid) if unionid else None, key)

    async def phone(self, code: str) -> Phone:
        """Exchange a code of the phone-number button (getPhoneNumber), good once; raise BadCode for any other."""
        answer = await self.post("/wxa/business/getuserphonenumber", {"code": code})
        info = answer.get("phone_info")
        if not isinstance(info, dict):
            raise GatewayTrouble("wechat_bad_answer", field="phone_info")
        return Phone(text_of(info, "purePhoneNumber"), str(info.get("countryCode", "")))
