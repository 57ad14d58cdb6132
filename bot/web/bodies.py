"""Reads what callers send, bounded in bytes and in time, before anything looks at it."""

import asyncio
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from bot.kernel.errors import BadRequest, BotError, TooLarge

FORM_BYTES: Final = 4 * 1024
FORM_TYPE: Final = "application/x-www-form-urlencoded"
_FIELDS_MAX: Final = 16
_FORM_WITHIN: Final = 5.0


class BodyTimeout(BotError):
    """The body did not arrive in time."""

    http_status = 408


async def read_body(request: web.Request, *, limit: int, within: float) -> bytes:
    """Return the bytes exactly as they came, at most ``limit`` of them, arriving within so many seconds.

    Raises TooLarge (also on the way, for a body that does not tell its length), BodyTimeout, and BadRequest for a
    compressed one: nobody who calls us compresses, and inflating would come before the size is known.
    """
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise BadRequest("content_encoding")
    if (request.content_length or 0) > limit:
        raise TooLarge("body_too_large")
    content = request.content
    if content.is_eof():
        # The usual case: the whole body came with the head, and no timer is needed.
        whole = content.read_nowait(-1)
        if len(whole) > limit:
            raise TooLarge("body_too_large")
        return whole
    body = bytearray()
    try:
        async with asyncio.timeout(within):
            while part := await content.readany():
                body += part
                if len(body) > limit:
                    raise TooLarge("body_too_large")
    except TimeoutError:
        raise BodyTimeout("body_timeout") from None
    return bytes(body)


async def read_form(request: web.Request) -> Mapping[str, str]:
    """Return the fields of a small form. Raises BadRequest for another kind of body or a field that comes twice."""
    if request.content_type != FORM_TYPE:
        raise BadRequest("form_type", f"send {FORM_TYPE}")
    body = await read_body(request, limit=FORM_BYTES, within=_FORM_WITHIN)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_FIELDS_MAX, errors="strict")
    except ValueError:
        raise BadRequest("form", "send the form as the page made it") from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise BadRequest("form", "send each field once")
    return fields
