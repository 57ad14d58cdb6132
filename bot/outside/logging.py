"""Structured logs with a trace id on every line and nothing in them that must not be written down."""

import logging
import sys
from collections.abc import MutableMapping
from contextvars import ContextVar, Token
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
    return cast("FilteringBoundLogger", _Logger(name))


class _Logger:
    """Makes structlog's logger once for each configuration; structlog's own stand-in makes one for every line."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._processors: object = None
        self._made: Any = None

    def __getattr__(self, method: str) -> Any:
        processors = structlog.get_config()["processors"]
        if processors is not self._processors:
            self._made, self._processors = structlog.get_logger(self._name).bind(), processors
        return getattr(self._made, method)


class _Bound:
    """Binds on entry and restores on leaving; every request passes here, and a generator would cost thrice as much."""

    __slots__ = ("_token", "_trace_id")

    def __init__(self, trace_id: str) -> None:
        self._trace_id = trace_id

    def __enter__(self) -> None:
        self._token: Token[str] = _TRACE.set(self._trace_id)

    def __exit__(self, *_: object) -> None:
        _TRACE.reset(self._token)


def bind_trace(trace_id: str) -> _Bound:
    """Put ``trace_id`` on every line that is logged inside the block, tasks started in it included."""
    return _Bound(trace_id)


def rebind_trace(trace_id: str) -> None:
    """Go on under another trace id until the block of ``bind_trace`` ends, which restores what was before it."""
    _TRACE.set(trace_id)


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
