"""How we answer: pages for people, JSON for programs, each with the headers that it needs."""

import json
from typing import Final

from aiohttp import web

from bot.web.large import large
from bot.web.serving import SERVER
from bot.words.render import default_renderer, render_page
from bot.words.scripts import Script

# What every answer carries.
COMMON: Final = {
    "X-Content-Type-Options": "nosniff",
    # Our addresses carry tokens, so nobody is told more than the origin; WeChat's H5 payment needs that much.
    "Referrer-Policy": "strict-origin",
    "Cache-Control": "no-store",
    # For whatever is not a page: were it ever shown as one, it could do nothing.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
_HSTS: Final = "max-age=31536000"


def complete(response: web.StreamResponse, trace_id: str, *, secure: bool) -> None:
    """Add what an answer lacks of the common headers; ``secure`` tells that we are reached by https only."""
    headers = response.headers
    headers["Server"] = SERVER
    for name, value in COMMON.items():
        headers.setdefault(name, value)
    if secure:
        headers.setdefault("Strict-Transport-Security", _HSTS)
    # Support and the other side's own log find the story of a request by this number.
    headers["X-Trace-Id"] = trace_id


def page(template: str, *, status: int = 200, script_sources: str = "", **values: object) -> web.Response:
    """Render a page in the simplified script under a policy that admits our own inlined scripts and styles alone.

    ``script_sources`` names hosts whose scripts the page loads besides, such as WeChat's for its scanner.
    """
    text = render_page(template, Script.ZH_HANS, large=large(), **values)
    headers = {"Content-Security-Policy": page_policy(script_sources)}
    return web.Response(status=status, text=text, content_type="text/html", headers=headers)


def page_policy(script_sources: str = "") -> str:
    """Return the Content-Security-Policy of a page: no frames, nothing from elsewhere, scripts by their digest."""
    assets = default_renderer().assets
    scripts = " ".join(filter(None, (assets.script_sources, script_sources))) or "'none'"
    return (
        f"default-src 'none'; script-src {scripts}; "
        f"style-src {assets.style_sources}; img-src 'self' data:; connect-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


def answer_json(value: object, status: int = 200) -> web.Response:
    """Answer a program."""
    text = json.dumps(value, ensure_ascii=False)
    return web.Response(status=status, text=text, content_type="application/json")
