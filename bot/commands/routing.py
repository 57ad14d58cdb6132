"""``route``: shows what the router understands, one JSON object a line."""

import argparse
import io
import json
import sys
from typing import Any

from bot.commands.common import Commands, add_command
from bot.dialogue.acts import Understanding
from bot.dialogue.learned import LearnedRouter
from bot.kernel.clock import SystemClock, business_day
from bot.settings import ConfigFile
from bot.wiring import scenes_of


def add(commands: Commands) -> None:
    parser = add_command(commands, "route", _route, "read lines of text, print what each is understood to be")
    parser.add_argument("--pack", action="append", help="scene packs to load (default: handlers)")


async def _route(arguments: argparse.Namespace) -> int:
    _speak_utf8()
    clock = SystemClock()
    scenes = scenes_of(tuple(arguments.pack or ConfigFile().scene_packs))
    router = LearnedRouter(tuple(scenes.values()), lambda: business_day(clock.now()))
    for line in sys.stdin:
        text = line.rstrip("\n")
        heard = router.understand(text)
        value = {"text": text, **_shown(heard.first)}
        if heard.more:
            value["more"] = [_shown(each) for each in heard.more]
        sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
        sys.stdout.flush()
    return 0


def _shown(understood: Understanding) -> dict[str, Any]:
    return {
        "act": understood.act.value,
        "scene": understood.scene,
        "slots": dict(understood.slots),
        "confidence": round(understood.confidence, 3),
    }


def _speak_utf8() -> None:
    """Read and write UTF-8 whatever the locale says; what is none becomes a sign that nobody understands."""
    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
