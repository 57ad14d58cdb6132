"""The samples of the demonstration; a new one is a file beside the others and a line here."""

from typing import Final

from bot.demo.samples.campus import SAMPLE as CAMPUS
from bot.demo.samples.district import SAMPLE as DISTRICT
from bot.demo.samples.emergency import SAMPLE as EMERGENCY
from bot.demo.samples.first import SAMPLE as FIRST
from bot.demo.samples.government import SAMPLE as GOVERNMENT
from bot.demo.samples.hospital import SAMPLE as HOSPITAL
from bot.demo.samples.housing import SAMPLE as HOUSING
from bot.demo.samples.industry import SAMPLE as INDUSTRY
from bot.demo.samples.insurance import SAMPLE as INSURANCE
from bot.demo.samples.judicial import SAMPLE as JUDICIAL
from bot.demo.samples.provident_fund import SAMPLE as PROVIDENT_FUND
from bot.demo.samples.social_security import SAMPLE as SOCIAL_SECURITY
from bot.demo.samples.telecom import SAMPLE as TELECOM
from bot.demo.samples.tourism import SAMPLE as TOURISM
from bot.demo.samples.travel import SAMPLE as TRAVEL
from bot.demo.samples.treasury import SAMPLE as TREASURY
from bot.demo.samples.utilities import SAMPLE as UTILITIES
from bot.demo.samples.value import Sample

SAMPLES: Final[tuple[Sample, ...]] = (
    FIRST,
    UTILITIES,
    TELECOM,
    TRAVEL,
    DISTRICT,
    HOUSING,
    EMERGENCY,
    INSURANCE,
    GOVERNMENT,
    TREASURY,
    JUDICIAL,
    PROVIDENT_FUND,
    SOCIAL_SECURITY,
    CAMPUS,
    INDUSTRY,
    TOURISM,
    HOSPITAL,
)
