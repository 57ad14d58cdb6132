"""Style sheets and scripts of pages, put into the page itself and named to the browser by their digest.

Inlined rather than served: the sheet is a few kilobytes, a page opened from a chat is mostly the first of its visit,
and on a phone one round trip less is worth more than the cache; a page whose style cannot fail to arrive also cannot
show half a cashier. Because each text is fixed, its digest in the Content-Security-Policy admits it alone, without
``unsafe-inline`` and without a nonce to keep fresh.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from markupsafe import Markup

_COMMENT: Final = re.compile(r"/\*.*?\*/", re.DOTALL)
_SPACE: Final = re.compile(r"\s+")
_AROUND: Final = re.compile(r" ?([{};,>]) ?")
_ENDS_ELEMENT: Final = re.compile(r"</(?:style|script)|<!--", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Assets:
    """The texts by their path under the templates folder, and the policy's sources for all of them."""

    texts: Mapping[str, Markup]
    style_sources: str
    script_sources: str

    def inline(self, name: str) -> Markup:
        """Return the text for ``<style>`` or ``<script>``; raises KeyError for one that does not exist."""
        return self.texts[name]


def load_assets(root: Path) -> Assets:
    """Read every ``.css`` and ``.js`` below the folder. Raises ValueError for one that would end its own element."""
    styles = {_name(path, root): _smaller(path.read_text("utf-8")) for path in sorted(root.rglob("*.css"))}
    scripts = {_name(path, root): path.read_text("utf-8").strip() for path in sorted(root.rglob("*.js"))}
    for name, text in {**styles, **scripts}.items():
        if _ENDS_ELEMENT.search(text):
            raise ValueError(f"{name} holds a sequence that would end its element")
    marked = {name: Markup(text) for name, text in {**styles, **scripts}.items()}  # noqa: S704  # Files of ours.
    return Assets(marked, _sources(styles.values()), _sources(scripts.values()))


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _smaller(css: str) -> str:
    """Return the sheet without comments and needless space; strings in it hold none that matters."""
    return _AROUND.sub(r"\1", _SPACE.sub(" ", _COMMENT.sub("", css))).strip()


def _sources(texts: Iterable[str]) -> str:
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts)
    return " ".join(f"'sha256-{digest}'" for digest in digests)
