"""``demo``: the whole system with simulators, for a visitor."""

import argparse
import sys
from pathlib import Path
from typing import Final

from bot.commands.common import Commands, add_command, signalled
from bot.demo.run import open_demo, welcome
from bot.kernel.clock import SystemClock

_FOLDER: Final = Path("var/demo")


def add(commands: Commands) -> None:
    demo = add_command(commands, "demo", _demo, "run the whole system with simulators and sample bills")
    demo.set_defaults(usual_level="WARNING")
    demo.add_argument("--port", type=int, default=8080, help="0 takes a free one (default 8080)")
    demo.add_argument("--folder", type=Path, default=_FOLDER, help="where the data is kept")
    demo.add_argument("--factor", type=float, default=1.0, help="divides the simulators' pauses")


async def _demo(arguments: argparse.Namespace) -> int:
    stop = signalled()
    async with open_demo(SystemClock(), port=arguments.port, folder=arguments.folder, factor=arguments.factor) as demo:
        sys.stdout.write(welcome(demo))
        sys.stdout.flush()
        await stop.wait()
    return 0
