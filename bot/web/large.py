"""Large type for who needs it: asked for by the link that the chat hands out, and remembered by the browser."""

from contextvars import ContextVar
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

COOKIE: Final = "large"
_REMEMBERED: Final = 180 * 86_400
_LARGE: ContextVar[bool] = ContextVar("large", default=False)


def large() -> bool:
    """Tell whether the page that is being made is to be in large type."""
    return _LARGE.get()


def large_middleware(*, secure: bool) -> Middleware:
    """Return what reads ``?large=1`` or ``0`` and the cookie that stands for it until somebody says otherwise."""

    def remember(response: web.StreamResponse, asked: str) -> None:
        response.set_cookie(COOKIE, asked, max_age=_REMEMBERED, path="/", httponly=True, secure=secure, samesite="Lax")

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        asked = request.query.get(COOKIE, "")
        asked = asked if asked in ("0", "1") else ""
        token = _LARGE.set((asked or request.cookies.get(COOKIE)) == "1")
        try:
            response = await handler(request)
        except web.HTTPException as way:
            # On the way through the wallet's sign-in the wish would be lost otherwise.
            if asked:
                remember(way, asked)
            raise
        finally:
            _LARGE.reset(token)
        if asked and not response.prepared:
            remember(response, asked)
        return response

    return middleware
