"""The operator's commands: serve, work, migrate, look, import, and decide."""

import argparse
import importlib
import sys
from collections.abc import Awaitable, Mapping, Sequence
from typing import Final

import uvloop

from bot.kernel.clock import SystemClock
from bot.kernel.errors import BotError, Misconfigured
from bot.outside import logging

# Which file of ``bot.commands`` brings each command. Only the one that was called is loaded: a killed server must be
# back at once, and the tools of migration, spreadsheets and simulators take longer to load than it takes to start.
_ROOMS: Final[Mapping[str, str]] = {
    "serve": "running",
    "worker": "running",
    "migrate": "migrating",
    "demo": "showing",
    "route": "routing",
    "audit": "books",
    "trace": "books",
    "import-bills": "books",
    "statement": "reconciling",
    "reconcile": "reconciling",
    "settlement": "settling",
    "share-rule": "settling",
    "desk": "desk",
    "qr": "codes",
    "code": "codes",
    "device": "devices",
    "menu": "codes",
    "doctor": "diagnose",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 is well, 1 is a finding or a fault, 2 is a wrong call or configuration."""
    return run(read(sys.argv[1:] if argv is None else argv))


def read(words: Sequence[str]) -> argparse.Namespace:
    """Load the command that is called and read its arguments; ends the program for help and for a wrong call."""
    parser = argparse.ArgumentParser(prog="python -m bot", description=__doc__)
    parser.add_argument("--log-level", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    parser.set_defaults(usual_level="INFO")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    called = next((_ROOMS[word] for word in words if word in _ROOMS), None)
    # Where no command is called, help or a complaint is due, which names them all.
    for room in (called,) if called else dict.fromkeys(_ROOMS.values()):
        importlib.import_module(f"bot.commands.{room}").add(commands)
    return parser.parse_args(words)


def run(arguments: argparse.Namespace) -> int:
    """Carry out what was read and return the exit code of ``main``."""
    logging.configure(SystemClock(), json=not sys.stderr.isatty(), level=arguments.log_level or arguments.usual_level)
    try:
        return _run(arguments.command(arguments))
    except Misconfigured as fault:
        sys.stderr.write(f"{fault.remedy or fault.code}\n")
        return 2
    except BotError as fault:
        sys.stderr.write(f"{fault}\n")
        return 1
    except OSError as fault:
        # A port in use, a file that cannot be written: the system's words say it, a traceback would hide them.
        sys.stderr.write(f"{fault}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def _run(work: Awaitable[int]) -> int:
    async def awaited() -> int:
        return await work

    return uvloop.run(awaited())
