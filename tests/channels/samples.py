"""Samples of WeChat's documents, each with where it is printed, and small makers of signed deliveries."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from bot.channels.official.account import OfficialAccount
from bot.channels.wire.crypto import MessageKey
from bot.channels.wire.push import Mode
from bot.channels.wire.signature import sign
from bot.channels.wire.xmltext import cdata
from bot.kernel.masking import Secret

# 消息推送 (developers.weixin.qq.com/miniprogram/dev/framework/server-ability/message-push).
TOKEN = Secret("AAAAA")
AES_KEY = Secret("A" * 43)
APP_ID = "wxba5fad812f8e6fb9"
GH_ID = "gh_97417a04a28d"
OPENID = "o9AgO5Kd5ggOC-bXrbNODIiE3bGY"

VERIFY = {
    "signature": "f464b24fc39322e44b38aa78f5edd27bd1441696",
    "echostr": "4375120948345356249",
    "timestamp": "1714036504",
    "nonce": "1514711492",
}
PLAIN = {
    "signature": "899cf89e464efb63f54ddac96b0a0a235f53aa78",
    "timestamp": "1714037059",
    "nonce": "486452656",
}
PLAIN_BODY = (
    b'{"ToUserName": "gh_97417a04a28d","FromUserName": "o9AgO5Kd5ggOC-bXrbNODIiE3bGY","CreateTime": 1714037059,'
    b'"MsgType": "event","Event": "debug_demo","debug_str": "hello world"}'
)
SAFE = {
    "signature": "6c5c811b55cc85e0e1b54100749188c20beb3f5d",
    "timestamp": "1714112445",
    "nonce": "415670741",
    "openid": OPENID,
    "encrypt_type": "aes",
    "msg_signature": "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3",
}
SAFE_ENCRYPT = (
    "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsXUnnR"
    "8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km3"
    "2IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04="
)
SAFE_MESSAGE = (
    b'{"ToUserName":"gh_97417a04a28d","FromUserName":"o9AgO5Kd5ggOC-bXrbNODIiE3bGY","CreateTime":1714112445,'
    b'"MsgType":"event","Event":"debug_demo","debug_str":"hello world"}'
)
ANSWER_RANDOM = b"707722b803182950"
ANSWER = b'{"demo_resp":"good luck"}'
ANSWER_ENCRYPT = "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ=="
ANSWER_TIMESTAMP = "1713424427"
ANSWER_SIGNATURE = "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1"

# The same page for third-party platforms, whose samples are XML.
COMPONENT_APP_ID = "wx134c8103faa5a59e"
COMPONENT = {
    "timestamp": "1715943329",
    "nonce": "1590219412",
    "openid": OPENID,
    "encrypt_type": "aes",
    "msg_signature": "6c12a4205838198b8fa631b3220723bb07f1015c",
}
COMPONENT_ENCRYPT = (
    "D7yzvUNAL930rd28wf21s4hvXhz0L6Uit/p2Di6C5DHyYGpEgdBRnKjBec34JwoQXicwaZC7fOVihW80F4VtsdvE//1vr7oAbqjDv8KenVp+ajKY"
    "pJnyQ4zMRhIC+a31fCVOMC03FfzV/QuC94kBP55a+Za3sJgvAn+ZbsNqZI5DkyuzkhQN8OBqCzFhizGmy0xpM0MEA4agpvE+RuNO1rhHTtuJB5yl"
    "tw1FiYzecSXJ+y/D2r81VkRn2eYjh2ltsoyfbDR7Is6ookXIFxTfyeNyeHxMeT4KN5WpCDmSbTcUYrbBUlkGLJ9n/rU8YOywma6G7aTb7KZKOqCx"
    "gfoUlYEZPk4FUL/TK7ShriFDMVCLyjQJ15Ob++agDWtcxhfUfe6HIoIpRW8mKNBQiY/Jd1svvuskA1wLef1RTtzKfMpagSCX/laZINmdnX4zrF6k"
    "IaR9P4xQrWXbsTFHTYe0Mg=="
)

# JS-SDK, 附录1.
JS_TICKET = "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg"
JS_NONCE = "Wm3WZYTPz0wzccnW"
JS_TIMESTAMP = 1414587457
JS_URL = "http://mp.weixin.qq.com?params=value"
JS_SIGNATURE = "0f9de62fce790f9a083d5c99e95740ceb90c27ed"

NOW = datetime.fromtimestamp(1715943330, UTC)
STAMP = str(int(NOW.timestamp()))
KEY = MessageKey(AES_KEY, APP_ID)


def account(mode: Mode = Mode.SAFE, **changes: object) -> OfficialAccount:
    settings: dict[str, object] = {
        "key": "main",
        "app_id": APP_ID,
        "secret": Secret("s" * 32),
        "token": TOKEN,
        "aes_keys": () if mode is Mode.PLAIN else (AES_KEY,),
        "mode": mode,
        "api_base": "http://127.0.0.1:1",
    }
    return OfficialAccount(**{**settings, **changes})  # type: ignore[arg-type]


def xml(kind: str = "text", inside: str = "", *, sender: str = OPENID, at: str = STAMP) -> bytes:
    """A message as WeChat writes it: a line each, CDATA around texts."""
    return (
        f"<xml><ToUserName><![CDATA[{GH_ID}]]></ToUserName>\n<FromUserName><![CDATA[{sender}]]></FromUserName>\n"
        f"<CreateTime>{at}</CreateTime>\n<MsgType><![CDATA[{kind}]]></MsgType>\n{inside}</xml>"
    ).encode()


def words(content: str = "交物业费", msg_id: str = "23462346234623462") -> bytes:
    return xml("text", f"<Content>{cdata(content)}</Content>\n<MsgId>{msg_id}</MsgId>\n")


def event(name: str, inside: str = "", **head: str) -> bytes:
    return xml("event", f"<Event><![CDATA[{name}]]></Event>\n{inside}", **head)


@dataclass(frozen=True)
class Delivery:
    """A body and the query of its URL."""

    body: bytes
    query: dict[str, str] = field(default_factory=dict)


def plain(body: bytes, *, nonce: str = "486452656", timestamp: str = STAMP, openid: str = OPENID) -> Delivery:
    query = {"signature": sign(TOKEN, timestamp, nonce), "timestamp": timestamp, "nonce": nonce, "openid": openid}
    return Delivery(body, query)


def safe(
    message: bytes, *, nonce: str = "1590219412", timestamp: str = STAMP, key: MessageKey = KEY, beside: str = ""
) -> Delivery:
    """An encrypted delivery; ``beside`` are the plaintext elements of compatible mode."""
    encrypted = key.encrypt(message)
    query = {
        **plain(b"", nonce=nonce, timestamp=timestamp).query,
        "encrypt_type": "aes",
        "msg_signature": sign(TOKEN, timestamp, nonce, encrypted),
    }
    to = "" if beside else f"<ToUserName><![CDATA[{GH_ID}]]></ToUserName>\n"
    return Delivery(f"<xml>\n{to}{beside}<Encrypt><![CDATA[{encrypted}]]></Encrypt>\n</xml>".encode(), query)
