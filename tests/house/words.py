"""Rules about the text of every tracked file: nothing of the machine it was written on gets in."""

import re
from collections.abc import Iterator
from pathlib import Path

# Written in halves, so that this file keeps its own rule.
MACHINE_PATHS = re.compile(r"(?<![\w.:/~-])/(?:wo" r"rk|fa" r"rm)/")
REGISTRIES = re.compile(
    r"\b(?:py"
    r"pi\.org|files\.python"
    r"hosted\.org|registry\.npm"
    r"js\.org|deb\.deb"
    r"ian\.org|/opt/py"
    r"pi)\b"
    r"|--(?:extra-)?index-"
    r"url"
)
BINARY = frozenset({".png", ".jpg", ".jpeg", ".gif", ".ico", ".woff", ".woff2", ".ttf", ".xlsx", ".pdf", ".zip", ".db"})


def foreign_words(root: Path, files: list[Path]) -> Iterator[str]:
    for path in files:
        if path.suffix.lower() in BINARY:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), start=1):
            where = f"{path.relative_to(root)}:{number}"
            if MACHINE_PATHS.search(line):
                yield f"{where}: a path of the machine that this was written on"
            if REGISTRIES.search(line):
                yield f"{where}: the address of a package registry"
