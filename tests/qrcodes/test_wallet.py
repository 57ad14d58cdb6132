"""The wallet is told from real User-Agents, in the order of payments.md §4.3, and never at the price of an error."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrcodes.wallet import KNOWN_UNIONPAY_APPS, USER_AGENT_CHARS_MAX, Visitor, Wallet, read_user_agent

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
ANDROID = (
    "Mozilla/5.0 (Linux; Android 14; 23127PN0CC Build/UKQ1.230804.001; wv) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Version/4.0 Chrome/116.0.0.0 Mobile Safari/537.36"
)
WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/122.0.0.0 Safari/537.36"
)
MICRO = "MicroMessenger/8.0.47(0x18002f2f) NetType/4G Language/zh_CN"

SEEN = [
    ("WeChat, iPhone", f"{IPHONE} {MICRO}", Visitor(Wallet.WECHAT)),
    ("WeChat, Android", f"{ANDROID} XWEB/1160065 MMWEBSDK/20240301 {MICRO} ABI/arm64", Visitor(Wallet.WECHAT)),
    (
        "WeChat's own browser on Windows, which also says MiniProgramEnv",
        f"{WINDOWS} MicroMessenger/7.0.20.1781(0x6700143B) NetType/WIFI MiniProgramEnv/Windows WindowsWechat/WMPF "
        "WindowsWechat(0x63090a13) XWEB/8555",
        Visitor(Wallet.WECHAT),
    ),
    ("web-view of a mini-program", f"{ANDROID} {MICRO} miniProgram/wx0123456789abcdef", Visitor(Wallet.WECHAT_MINI)),
    (
        "web-view in the developer tools",
        f"{IPHONE} wechatdevtools/1.06.2304272 MicroMessenger/8.0.5 Language/zh_CN webview/100 webdebugger "
        "miniProgramHtmlWebView miniProgram port/45127",
        Visitor(Wallet.WECHAT_MINI),
    ),
    ("企业微信", f"{IPHONE} wxwork/4.1.20 MicroMessenger/7.0.1 Language/zh", Visitor(Wallet.WECOM)),
    ("企业微信, web-view", f"{IPHONE} wxwork/4.1.20 MicroMessenger/7.0.1 miniProgram", Visitor(Wallet.WECOM)),
    (
        "Alipay",
        f"{IPHONE} NebulaSDK/1.8.100112 Nebula PSDType(1) AlipayDefined(nt:4G,ws:320|504|2.0) "
        "AliApp(AP/10.1.32.600) AlipayClient/10.1.32.600 Alipay Language/zh-Hans",
        Visitor(Wallet.ALIPAY),
    ),
    ("Alipay by one of its two tokens", f"{ANDROID} AliApp(AP/10.5.66)", Visitor(Wallet.ALIPAY)),
    (
        "云闪付",
        f"{IPHONE} (com.unionpay.chsp) (cordova 4.5.4) (updebug 0) (version 1008) UnionPay/1.0 CloudPay",
        Visitor(Wallet.UNIONPAY, "CloudPay"),
    ),
    ("云闪付 without the token", f"{IPHONE} (com.unionpay.chsp)", Visitor(Wallet.UNIONPAY, "CloudPay")),
    ("建设银行", f"{ANDROID} UnionPay/1.0 CCBLoongPay", Visitor(Wallet.UNIONPAY, "CCBLoongPay")),
    ("交通银行", f"{ANDROID} UnionPay/1.0 BoComMDB", Visitor(Wallet.UNIONPAY, "BoComMDB")),
    (
        "邮储银行, whose container says mPaaS, Nebula and Alipay",
        f"{IPHONE} NebulaSDK/1.8.100112 Nebula mPaaSClient/10.2.3 AlipayClient/10.2.3 UnionPay/1.0 PSBC",
        Visitor(Wallet.UNIONPAY, "PSBC"),
    ),
    ("京东金融", f"{ANDROID} UnionPay/1.0 JDJR", Visitor(Wallet.UNIONPAY, "JDJR")),
    ("a bank not yet known", f"{ANDROID} UnionPay/1.0.2 NewBank", Visitor(Wallet.UNIONPAY, "NewBank")),
    ("the token alone", f"{ANDROID} UnionPay/1.0", Visitor(Wallet.UNIONPAY)),
    ("Taobao is not the wallet", f"{ANDROID} AliApp(TB/10.30.0) WindVane/8.5.0", Visitor(Wallet.MOBILE)),
    ("a bank app with Nebula only", f"{ANDROID} NebulaSDK/1.8 Nebula mPaaSClient", Visitor(Wallet.MOBILE)),
    ("phone browser", IPHONE + " Version/17.4 Safari/604.1", Visitor(Wallet.MOBILE)),
    ("tablet browser", "Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) AppleWebKit/605.1.15", Visitor(Wallet.MOBILE)),
    (
        "HarmonyOS phone",
        "Mozilla/5.0 (Phone; OpenHarmony 5.0) AppleWebKit/537.36 Chrome/114.0.0.0 Safari/537.36 ArkWeb/4.1 Mobile",
        Visitor(Wallet.MOBILE),
    ),
    (
        "HarmonyOS computer",
        "Mozilla/5.0 (PC; OpenHarmony 5.0) AppleWebKit/537.36 Chrome/114.0.0.0 Safari/537.36 ArkWeb/4.1",
        Visitor(Wallet.DESKTOP),
    ),
    ("Windows", WINDOWS, Visitor(Wallet.DESKTOP)),
    ("Mac", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/17.0 Safari/605.1.15", Visitor(Wallet.DESKTOP)),
    ("Linux", "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0", Visitor(Wallet.DESKTOP)),
    ("a script", "curl/8.4.0", Visitor(Wallet.UNKNOWN)),
    ("a crawler", "Mozilla/5.0 (compatible; SomeBot/2.1)", Visitor(Wallet.UNKNOWN)),
    ("empty", "", Visitor(Wallet.UNKNOWN)),
    ("no header", None, Visitor(Wallet.UNKNOWN)),
]


@pytest.mark.parametrize(("user_agent", "visitor"), [row[1:] for row in SEEN], ids=[row[0] for row in SEEN])
def test_user_agents_from_the_field(user_agent: str | None, visitor: Visitor) -> None:
    assert read_user_agent(user_agent) == visitor


def test_wechat_is_tried_before_unionpay_and_unionpay_before_alipay() -> None:
    everything = f"{ANDROID} AlipayClient/10 UnionPay/1.0 PSBC {MICRO}"

    assert read_user_agent(everything).wallet is Wallet.WECHAT
    assert read_user_agent(everything.replace(MICRO, "")) == Visitor(Wallet.UNIONPAY, "PSBC")
    assert read_user_agent(f"{ANDROID} AlipayClient/10").wallet is Wallet.ALIPAY


@given(st.text(max_size=3000))
def test_any_header_is_answered(user_agent: str) -> None:
    visitor = read_user_agent(user_agent)

    assert visitor.wallet in Wallet
    assert (visitor.app == "") or visitor.wallet is Wallet.UNIONPAY


@given(st.text(max_size=200), st.sampled_from(["MicroMessenger/8", "micromessenger/8"]), st.text(max_size=200))
def test_wechats_token_decides_wherever_it_stands(before: str, token: str, after: str) -> None:
    assert read_user_agent(f"{before} {token} {after}").wallet in {Wallet.WECHAT, Wallet.WECOM, Wallet.WECHAT_MINI}


@given(st.from_regex(r"[A-Za-z0-9_]{1,32}", fullmatch=True))
def test_the_app_id_is_read_as_it_stands_and_its_label_stays_in_a_fixed_set(app: str) -> None:
    visitor = read_user_agent(f"{IPHONE} UnionPay/1.0 {app}")

    assert visitor == Visitor(Wallet.UNIONPAY, app)
    assert visitor.label in {f"unionpay:{known}" for known in KNOWN_UNIONPAY_APPS} | {"unionpay:other"}


@given(st.text(max_size=300).map(lambda noise: f"{ANDROID} {noise}"))
def test_an_app_id_never_carries_anything_but_word_characters(user_agent: str) -> None:
    assert read_user_agent(f"{user_agent} UnionPay/1.0 A<b>").app in {"A", *read_user_agent(user_agent).app.split()}


def test_what_lies_past_the_bound_is_not_read() -> None:
    padding = "x" * (USER_AGENT_CHARS_MAX - 1)

    assert read_user_agent(f"{padding} MicroMessenger/8").wallet is Wallet.UNKNOWN


def test_a_hostile_header_costs_no_more_than_a_long_one() -> None:
    """A regular expression that backtracks would take seconds on these."""
    hostile = ["UnionPay/" + "1." * 5_000_000, "UnionPay/1.0 " * 500_000, "AliApp(" * 1_000_000, " " * 10_000_000]
    started = time.perf_counter()
    for user_agent in hostile:
        read_user_agent(user_agent)

    assert time.perf_counter() - started < 2


def test_the_operators_own_bank_app_goes_before_unionpays_token_and_after_wechats() -> None:
    own = ("ExampleBank/",)

    assert read_user_agent(f"{ANDROID} ExampleBank/7.1 UnionPay/1.0 PSBC", own) == Visitor(Wallet.BANK)
    assert read_user_agent(f"{ANDROID} {MICRO} ExampleBank/7.1", own) == Visitor(Wallet.WECHAT)
    assert read_user_agent(f"{ANDROID} ExampleBank/7.1 UnionPay/1.0 PSBC") == Visitor(Wallet.UNIONPAY, "PSBC")
    assert read_user_agent(f"{ANDROID} Other/7.1", own) == Visitor(Wallet.MOBILE)


@pytest.mark.parametrize(
    ("agent", "identifier"),
    [
        (f"{IPHONE} (com.unionpay.chsp) (version 1008) UnionPay/1.0 CloudPay", "UnionPay/1.0 CloudPay"),
        (f"{ANDROID} UnionPay/1.0.2 NewBank", "UnionPay/1.0.2 NewBank"),
        (f"{IPHONE} (com.unionpay.chsp)", ""),
        (f"{ANDROID} UnionPay/1.0", ""),
    ],
)
def test_the_identifier_is_repeated_as_the_app_says_it(agent: str, identifier: str) -> None:
    assert read_user_agent(agent).identifier == identifier
