"""The web view's rewriting: every way out of the proxy's origin is closed, and policies let the bridge in."""

import pytest

from bot.simulators.wechat import rewrite

PRODUCT, VIEW = "http://127.0.0.1:8080", "http://127.0.0.1:9002"
AUTHORIZE = "https://open.weixin.qq.com/connect/oauth2/authorize?appid=wx1&redirect_uri=a%2Fb&state=s#wechat_redirect"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/cashier/1", "/cashier/1"),
        ("next?x=1", "next?x=1"),
        (f"{PRODUCT}/cashier/1?x=1#a", f"{VIEW}/cashier/1?x=1#a"),
        (PRODUCT, VIEW),
        (f"{PRODUCT}?x=1", f"{VIEW}?x=1"),
        (AUTHORIZE, f"{VIEW}/__wechat__/authorize?appid=wx1&redirect_uri=a%2Fb&state=s"),
        ("http://127.0.0.1:80801/x", f"{VIEW}/__wechat__/outside?url=http%3A%2F%2F127.0.0.1%3A80801%2Fx"),
        ("https://evil.example/", f"{VIEW}/__wechat__/outside?url=https%3A%2F%2Fevil.example%2F"),
        ("//evil.example/", f"{VIEW}/__wechat__/outside?url=%2F%2Fevil.example%2F"),
        (f"{PRODUCT}@evil.example/", f"{VIEW}/__wechat__/outside?url=http%3A%2F%2F127.0.0.1%3A8080%40evil.example%2F"),
    ],
)
def test_where_a_redirect_leads(target: str, expected: str) -> None:
    assert rewrite.location(target, PRODUCT, VIEW) == expected


def test_addresses_in_pages_and_json() -> None:
    body = f'<a href="{PRODUCT}/a">{{"to":"http:\\/\\/127.0.0.1:8080\\/b","login":"{AUTHORIZE}"}}'
    text = rewrite.text(body, PRODUCT, VIEW)

    assert f'href="{VIEW}/a"' in text
    assert "http:\\/\\/127.0.0.1:9002\\/b" in text
    assert f"{VIEW}/__wechat__/authorize?appid=wx1" in text


@pytest.mark.parametrize("host", ["https://res.wx.qq.com", "http://res2.wx.qq.com", "//res.wx.qq.com"])
def test_jweixin_is_ours(host: str) -> None:
    text = rewrite.text(f'<script src="{host}/open/js/jweixin-1.6.0.js"></script>', PRODUCT, VIEW)
    assert text == '<script src="/__wechat__/jweixin.js"></script>'


@pytest.mark.parametrize(
    ("page", "before"),
    [
        ("<!doctype html><html><head><meta http-equiv=Content-Security-Policy></head>", "<meta"),
        ('<HTML><HEAD lang="zh"><title>x</title>', "<title>"),
        ("<!DOCTYPE html><p>x</p>", "<p>"),
        ("<p>x</p>", "<p>"),
        ("<html><header>x</header></html>", "<html>"),
    ],
)
def test_the_bridge_comes_first(page: str, before: str) -> None:
    text = rewrite.injected(page, "n1")
    assert 'bridge.js" nonce="n1"></script>' + before in text
    assert text.lower().startswith(page[:5].lower()) or text.startswith("<script")


@pytest.mark.parametrize(
    ("given", "expected", "nonce"),
    [
        ("default-src 'none'; frame-ancestors 'none'", "default-src 'self'", False),
        ("default-src 'self'; script-src 'none'", "default-src 'self'; script-src 'self'", False),
        ("script-src 'nonce-a' 'strict-dynamic'", "script-src 'nonce-a' 'strict-dynamic' 'self' 'nonce-N'", True),
        ("script-src 'unsafe-inline'", "script-src 'unsafe-inline' 'self'", False),
        (
            "default-src 'none'; script-src-elem 'nonce-a'",
            "default-src 'none'; script-src-elem 'nonce-a' 'self'",
            False,
        ),
        (f"connect-src {PRODUCT}", f"connect-src {VIEW} 'self'", False),
        ("upgrade-insecure-requests; sandbox allow-scripts; img-src data:", "img-src data:", False),
        ("  ;; img-src *;", "img-src *", False),
    ],
)
def test_policies(given: str, expected: str, nonce: bool) -> None:
    assert rewrite.policy(given, PRODUCT, VIEW, "N") == (expected, nonce)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("sid=1; Domain=127.0.0.1; Path=/; Secure; HttpOnly", "sid=1; Path=/; HttpOnly"),
        ("sid=1; SameSite=None; Secure; Partitioned", "sid=1; SameSite=Lax"),
        ("__Host-sid=1; Path=/; Secure", "__Host-sid=1; Path=/; Secure"),
        ("sid=a=b", "sid=a=b"),
    ],
)
def test_cookies_on_a_plain_web_view(given: str, expected: str) -> None:
    assert rewrite.cookie(given, secure=False) == expected


def test_cookies_on_a_tls_web_view_keep_secure() -> None:
    assert rewrite.cookie("sid=1; Secure; Domain=x", secure=True) == "sid=1; Secure"


def test_our_own_cookie_stays_here() -> None:
    assert rewrite.cookies_on(f"a=1; {rewrite.OWN_COOKIE}=oX; b=2") == "a=1; b=2"
    assert rewrite.cookies_on(f"{rewrite.OWN_COOKIE}=oX") == ""


def test_the_user_agent_is_wechats() -> None:
    assert "MicroMessenger/8.0.50" in rewrite.USER_AGENT
    assert rewrite.USER_AGENT.isascii()
