"""Real Chromium for the tests, with a Chinese font and a home of its own."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.services import finding

ARGUMENTS = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--force-color-profile=srgb")


@dataclass(frozen=True, slots=True)
class Chromium:
    """A browser that is ready to be launched by Playwright."""

    path: Path
    version: str
    args: tuple[str, ...]
    env: dict[str, str]

    def launch_options(self) -> dict[str, Any]:
        """Keyword arguments for Playwright's ``chromium.launch``."""
        return {
            "executable_path": str(self.path),
            "args": list(self.args),
            "env": dict(self.env),
            "headless": True,
            # Root and hardened systems have no sandbox to offer, and every page here is our own.
            "chromium_sandbox": False,
        }


@contextlib.contextmanager
def chromium_with_home() -> Iterator[Chromium]:
    """Find Chromium and a Chinese font, and lend it a home: without one that it can write to it does not start."""
    finding.obtain(["chromium", "font"])
    path = finding.find_chromium()
    if path is None:
        raise finding.ServiceMissing(finding.remedy(["chromium"]))
    with tempfile.TemporaryDirectory(prefix="scenepay-browser-", ignore_cleanup_errors=True) as home:
        env = {**os.environ, "HOME": home, "XDG_CONFIG_HOME": home, "XDG_CACHE_HOME": home}
        yield Chromium(path, finding.version_of(path, finding.CHROMIUM_VERSION) or "unknown", ARGUMENTS, env)
