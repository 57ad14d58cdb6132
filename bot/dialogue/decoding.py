"""Reads QR and bar codes out of pictures: bounded in bytes, pixels, codes and time, and never on the event loop."""

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from io import BytesIO
from typing import Final

import zxingcpp
from PIL import Image

from bot.kernel.errors import BotError, Busy

BYTES_MAX: Final = 5 * 1024 * 1024
# What a phone's camera makes at most; anything larger is a bomb or a poster.
PIXELS_MAX: Final = 26_000_000
# Codes are read as well in a picture of this many pixels a side, and much sooner.
_SIDE_MAX: Final = 2_000
_CODES_MAX: Final = 8
_TEXT_MAX: Final = 512
_FORMATS: Final = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
_CODES: Final = ("QRCode", "MicroQRCode", "DataMatrix", "PDF417", "Aztec", "Code128", "Code39", "ITF")
_THREADS: Final = 2
_WAITING_MAX: Final = 8
# How long a customer waits for a picture to be read, in seconds.
_WITHIN: Final = 2.5


class Unreadable(BotError):
    """The bytes are no picture that we read: another format, damaged, or too large."""

    def __init__(self) -> None:
        super().__init__("picture_unreadable")


def read_codes(picture: bytes) -> tuple[str, ...]:
    """Return the texts of the codes in a picture, each once; raises Unreadable.

    The size is judged by the header alone, before a single pixel is unpacked.
    """
    if not 0 < len(picture) <= BYTES_MAX:
        raise Unreadable
    try:
        with Image.open(BytesIO(picture), formats=_FORMATS) as opened:
            if opened.width * opened.height > PIXELS_MAX:
                raise Unreadable
            # A JPEG is unpacked at an eighth to the full of its size, whichever is still large enough.
            opened.draft("L", (_SIDE_MAX, _SIDE_MAX))
            grey = _grey(opened)
            grey.thumbnail((_SIDE_MAX, _SIDE_MAX))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as fault:
        raise Unreadable from fault
    found = zxingcpp.read_barcodes(grey, formats=_formats(), text_mode=zxingcpp.TextMode.Plain)
    texts = (code.text.strip() for code in found[:_CODES_MAX])
    return tuple(dict.fromkeys(text for text in texts if 0 < len(text) <= _TEXT_MAX))


def _formats() -> zxingcpp.BarcodeFormats:
    """Return the kinds of codes that bills carry; made for each call, since the library counts what outlives it."""
    return zxingcpp.BarcodeFormats([getattr(zxingcpp.BarcodeFormat, name) for name in _CODES])


def _grey(opened: Image.Image) -> Image.Image:
    """Return a picture in shades of grey, on white where it is transparent, as a code is meant to be seen."""
    if opened.mode not in ("RGBA", "LA", "PA") and "transparency" not in opened.info:
        return opened.convert("L")
    coloured = opened.convert("RGBA")
    ground = Image.new("RGBA", coloured.size, "white")
    return Image.alpha_composite(ground, coloured).convert("L")


class PictureReader:
    """Reads pictures in threads of its own, a few at a time. ``close`` lets go of them."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="pictures")
        self._waiting = 0

    async def read(self, picture: bytes) -> tuple[str, ...]:
        """Return the texts of the codes in a picture; raises Unreadable, and Busy where too many wait or it takes long.

        A thread cannot be ended from outside; that it ends soon is what the limits on pixels are for.
        """
        if self._waiting >= _WAITING_MAX:
            raise Busy("pictures_crowded")
        self._waiting += 1
        work = self._pool.submit(read_codes, picture)
        loop = asyncio.get_running_loop()
        work.add_done_callback(lambda done: _back_on(loop, self._done, done))
        try:
            async with asyncio.timeout(_WITHIN):
                return await asyncio.wrap_future(work)
        except TimeoutError:
            raise Busy("picture_takes_long") from None

    def close(self) -> None:
        """End the threads; what waits is given up."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _done(self, _: Future[tuple[str, ...]]) -> None:
        self._waiting -= 1


def _back_on(loop: asyncio.AbstractEventLoop, call: object, done: Future[tuple[str, ...]]) -> None:
    assert callable(call)
    if not loop.is_closed():
        loop.call_soon_threadsafe(call, done)
