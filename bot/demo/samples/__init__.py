"""The samples of the demonstration; a new one is a file beside the others and a line here."""

from typing import Final

from bot.demo.samples.first import SAMPLE as FIRST
from bot.demo.samples.value import Sample

SAMPLES: Final[tuple[Sample, ...]] = (FIRST,)
