"""Pure rewriting for the web view: addresses, cookies and policies of the product onto the proxy's origin."""

import re
from collections.abc import Iterable
from urllib.parse import urlencode, urlsplit

RESERVED = "/__wechat__"
USER_AGENT = (
    "Mozilla/5.0 (Linux; Android 14; V2309A Build/UP1A.231005.007; wv) AppleWebKit/537.36 "
    "(KHTML, like Gecko) Version/4.0 Chrome/126.0.6478.188 Mobile Safari/537.36 XWEB/1260117 "
    "MMWEBSDK/20240501 MMWEBID/2345 MicroMessenger/8.0.50.2701(0x28003255) WeChat/arm64 "
    "Weixin NetType/WIFI Language/zh_CN ABI/arm64"
)
AUTHORIZE = re.compile(r"https?://[^/\"'\s<>\\]+/connect/oauth2/authorize")
JWEIXIN = re.compile(r"(?:https?:)?//res2?\.wx\.qq\.com/open/js/jweixin-[\w.\-]+\.js")
HEAD = re.compile(r"<head(?:\s[^>]*)?>", re.IGNORECASE)
DOCTYPE = re.compile(r"\s*<!doctype[^>]*>", re.IGNORECASE)
# A web view is no frame and has no memory of transport rules.
DROPPED_DIRECTIVES = frozenset({"frame-ancestors", "upgrade-insecure-requests", "sandbox"})
NEVER_PASSED_BACK = frozenset(
    {
        "connection",
        "content-length",
        "content-encoding",
        "transfer-encoding",
        "keep-alive",
        "upgrade",
        "x-frame-options",
        "strict-transport-security",
        "content-security-policy",
        "content-security-policy-report-only",
        "cross-origin-opener-policy",
        "cross-origin-resource-policy",
        "cross-origin-embedder-policy",
        "location",
        "set-cookie",
    }
)
NEVER_PASSED_ON = frozenset(
    {
        "host",
        "connection",
        "content-length",
        "transfer-encoding",
        "keep-alive",
        "upgrade",
        "user-agent",
        "accept-encoding",
        "origin",
        "referer",
        "cookie",
    }
)
OWN_COOKIE = "wechat_sim_user"


def location(target: str, product: str, view: str) -> str:
    """Where a redirect of the product leads inside the web view."""
    if not urlsplit(target).netloc:
        return target
    found = AUTHORIZE.match(target)
    if found:
        return f"{view}{RESERVED}/authorize{target[found.end() :].partition('#')[0]}"
    if target == product or target.startswith((f"{product}/", f"{product}?")):
        return view + target[len(product) :]
    return f"{view}{RESERVED}/outside?{urlencode({'url': target})}"


def text(body: str, product: str, view: str) -> str:
    """A page, script or JSON with the product's and the platform's addresses moved to the web view."""
    body = AUTHORIZE.sub(f"{view}{RESERVED}/authorize", body)
    body = JWEIXIN.sub(f"{RESERVED}/jweixin.js", body)
    return body.replace(product, view).replace(product.replace("/", "\\/"), view.replace("/", "\\/"))


def injected(page: str, nonce: str = "") -> str:
    """A page with the bridge's script before anything of its own, also before a policy in a meta element."""
    proof = f' nonce="{nonce}"' if nonce else ""
    tag = f'<script src="{RESERVED}/bridge.js"{proof}></script>'
    head = HEAD.search(page)
    if head:
        return page[: head.end()] + tag + page[head.end() :]
    start = DOCTYPE.match(page)
    at = start.end() if start else 0
    return page[:at] + tag + page[at:]


def policy(given: str, product: str, view: str, nonce: str) -> tuple[str, bool]:
    """A Content-Security-Policy that lets the bridge in, and whether the bridge's tag needs the nonce."""
    kept: list[tuple[str, list[str]]] = []
    for directive in given.replace(product, view).split(";"):
        if not directive.strip():
            continue
        name, *sources = directive.split()
        if name.lower() not in DROPPED_DIRECTIVES:
            kept.append((name.lower(), sources))
    names = {name for name, _ in kept}
    guard = next((name for name in ("script-src-elem", "script-src", "default-src") if name in names), "")
    strict = any(name == guard and "'strict-dynamic'" in sources for name, sources in kept)
    result = []
    for name, sources in kept:
        allowed = list(sources)
        if name in (guard, "connect-src"):
            allowed = [source for source in allowed if source != "'none'"]
            if "'self'" not in allowed:
                allowed.append("'self'")
            if name == guard and strict:
                allowed.append(f"'nonce-{nonce}'")
        result.append(" ".join([name, *allowed]))
    return "; ".join(result), strict


def cookie(given: str, *, secure: bool) -> str:
    """A Set-Cookie without the product's domain and, on a plain-text web view, without Secure."""
    first, *attributes = (part.strip() for part in given.split(";"))
    prefixed = first.startswith("__")
    kept = [
        part
        for part in attributes
        if not part.lower().startswith("domain=")
        and (secure or prefixed or part.lower() not in ("secure", "partitioned"))
    ]
    if not secure and not prefixed:
        # SameSite=None is refused without Secure; the phone and its web view are one site.
        kept = ["SameSite=Lax" if part.lower() == "samesite=none" else part for part in kept]
    return "; ".join([first, *kept])


def cookies_on(header: str) -> str:
    """The Cookie header for the product: the browser's own without the simulator's."""
    pairs = (pair.strip() for pair in header.split(";"))
    return "; ".join(pair for pair in pairs if pair and not pair.startswith(f"{OWN_COOKIE}="))


def passed(headers: Iterable[tuple[str, str]], never: frozenset[str]) -> list[tuple[str, str]]:
    """Headers that may cross the proxy."""
    return [(name, value) for name, value in headers if name.lower() not in never]
