"""Structured logs with a trace id on every line and nothing in them that must not be written down."""

import logging
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, TextIO, cast

import structlog
from structlog.typing import FilteringBoundLogger, Processor

from bot.kernel.clock import Clock, SystemClock
from bot.outside.redaction import redact

Line = MutableMapping[str, Any]

_TRACE: Final[ContextVar[str]] = ContextVar("trace_id", default="")
_HANDLER_NAME: Final = "scenepay"
# What it says at INFO of each look at the schema is nothing that an operator asked for.
_WORDY: Final = ("alembic",)


def configure(clock: Clock, *, json: bool = True, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send every log line of the process, libraries' included, through the redaction to ``stream`` (stderr).

    One JSON object a line for machines, or aligned words for a person at a console. Calling again replaces.
    """
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _add_trace,
        _stamp(clock),
        structlog.processors.format_exc_info,
        redact_line,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    renderer: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if json
        else structlog.dev.ConsoleRenderer(colors=False, sort_keys=False)
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.set_name(_HANDLER_NAME)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    for old in [old for old in root.handlers if old.get_name() == _HANDLER_NAME]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name in _WORDY:
        logging.getLogger(name).setLevel(logging.WARNING)


def get_logger(name: str) -> FilteringBoundLogger:
    """Return a logger; events are nouns with a dot (``charge.created``) and facts are keyword arguments."""
    if not structlog.is_configured():
        # A program that forgot to configure must not print unredacted lines either.
        configure(SystemClock(), json=False)
    return cast("FilteringBoundLogger", structlog.get_logger(name))


@contextmanager
def bind_trace(trace_id: str) -> Iterator[None]:
    """Put ``trace_id`` on every line that is logged inside the block, tasks started in it included."""
    token = _TRACE.set(trace_id)
    try:
        yield
    finally:
        _TRACE.reset(token)


def current_trace() -> str:
    """Return the trace id that is bound here, or nothing."""
    return _TRACE.get()


def redact_line(_logger: Any, _method: str, line: Line) -> Line:
    """The redaction as a structlog processor."""
    for key, value in line.items():
        # structlog keeps its own objects under names with an underscore, to be removed later.
        if not key.startswith("_"):
            line[key] = redact(value, key)
    return line


def _add_trace(_logger: Any, _method: str, line: Line) -> Line:
    trace_id = _TRACE.get()
    if trace_id:
        line.setdefault("trace_id", trace_id)
    return line


def _stamp(clock: Clock) -> Processor:
    def stamp(_logger: Any, _method: str, line: Line) -> Line:
        line["at"] = clock.now().isoformat(timespec="milliseconds")
        return line

    return stamp
