"""``python -m tests.e2e.scene_table``: the table of ``docs/scenes.md``, scene by scene what was played end to end."""

import sys
from collections.abc import Mapping
from pathlib import Path

from handlers import SCENES
from tests.e2e.scene_play import SECTIONS, SceneFile, scene_files

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scenes.md"
_TITLES = {"query": "asks", "pay": "pays", "part": "part or preset", "receipt": "receipt", "exception": "exception"}


def first_words(file: SceneFile) -> Mapping[str, str]:
    """Return what the customer says first in each section."""
    found: dict[str, str] = {}
    section = ""
    for _, line in file.lines:
        if line.startswith("## "):
            section = line[3:]
        elif line.startswith("> "):
            found.setdefault(section, line[2:])
    return found


def table() -> str:
    """Return the table as Markdown, in the order in which the scenes are registered."""
    files = {file.path.stem: file for file in scene_files()}
    lines = [
        f"| scene | {' | '.join(_TITLES[section] for section in SECTIONS)} |",
        f"|{'---|' * (len(SECTIONS) + 1)}",
    ]
    for scene in SCENES:
        said = first_words(files[scene.key])
        lines.append(f"| {scene.name} | {' | '.join(said.get(section, '') for section in SECTIONS)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(f"{table()}\n")
