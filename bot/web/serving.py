"""What aiohttp itself tells strangers, and what it writes down about them: neither more than we would."""

import gc
import logging
from typing import Final

from aiohttp import web_response
from aiohttp.http_exceptions import HttpProcessingError

# Ours to give: aiohttp's own name tells its version and Python's.
SERVER: Final = "scenepay"
# A request leaves few cycles behind, so the collector need not look after every few of them.
_YOUNG_MAX: Final = 5_000
_ROUNDS: Final = 20


class _NoGarbage(logging.Filter):
    """Keeps what was no HTTP out of the log: aiohttp would write it down whole, as an error with a traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError):
            record.levelno, record.levelname = logging.INFO, "INFO"
            record.msg, record.args, record.exc_info = "bad request from %s", record.args, None
            return logging.getLogger().isEnabledFor(logging.INFO)
        return True


_NO_GARBAGE: Final = _NoGarbage()


def tame() -> None:
    """Give aiohttp our name and our discretion, for the answers and lines that no hook of ours is asked about."""
    web_response.SERVER_SOFTWARE = SERVER  # type: ignore[attr-defined]  # The constant has no other door.
    logging.getLogger("aiohttp.server").addFilter(_NO_GARBAGE)


def settle() -> None:
    """Leave what the start has built out of all later garbage collections; to be called once, by a process that serves.

    Code, tables and templates live as long as the process, and going through them again and again costs a request
    more than its own rubbish does.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_MAX, _ROUNDS, _ROUNDS)
