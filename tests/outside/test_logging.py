"""The trace id on every line, and loggers that follow the configuration of the moment."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from bot.kernel.clock import ManualClock
from bot.outside.logging import bind_trace, configure, current_trace, get_logger, rebind_trace

CLOCK = ManualClock(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    configure(CLOCK, stream=stream)
    yield stream
    structlog.reset_defaults()
    root = logging.getLogger()
    root.removeHandler(next(handler for handler in root.handlers if handler.get_name() == "scenepay"))
    root.setLevel(logging.WARNING)


def written(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_logger_follows_each_new_configuration(lines: io.StringIO) -> None:
    log = get_logger("bot.x")
    log.info("first")
    log.debug("quiet")
    later = io.StringIO()
    configure(CLOCK, stream=later, level="DEBUG")
    log.debug("second")

    assert [line["event"] for line in written(lines)] == ["first"]
    assert [(line["event"], line["logger"]) for line in written(later)] == [("second", "bot.x")]


def test_another_trace_holds_until_the_block_ends(lines: io.StringIO) -> None:
    log = get_logger("bot.x")
    with bind_trace("trc_outer"):
        with bind_trace("trc_request"):
            rebind_trace("trc_order")
            log.info("inside")
        log.info("outside")

    assert [line["trace_id"] for line in written(lines)] == ["trc_order", "trc_outer"]
    assert current_trace() == ""


def test_an_error_ends_the_block_too() -> None:
    with pytest.raises(ValueError, match="over"), bind_trace("trc_1"):
        rebind_trace("trc_2")
        raise ValueError("over")

    assert current_trace() == ""


async def test_what_one_task_binds_no_other_sees() -> None:
    bound = asyncio.Event()

    async def one() -> str:
        with bind_trace("trc_one"):
            rebind_trace("trc_other")
            bound.set()
            await asyncio.sleep(0)
            return current_trace()

    task = asyncio.create_task(one())
    await bound.wait()

    assert current_trace() == ""
    assert await task == "trc_other"
