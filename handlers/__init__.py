"""The scenes that this pack brings; a new one is a file beside the others and a line here."""

from bot.dialogue.scene import Scene
from handlers.consumer.dining import SCENE as DINING
from handlers.consumer.district import SCENE as DISTRICT
from handlers.consumer.housing import SCENE as HOUSING
from handlers.consumer.property import SCENE as PROPERTY
from handlers.consumer.tourism import SCENE as TOURISM
from handlers.consumer.travel import SCENE as TRAVEL
from handlers.industry.account_opening import SCENE as ACCOUNT_OPENING
from handlers.industry.bills import SCENE as BILLS
from handlers.industry.collection import SCENE as COLLECTION
from handlers.industry.financing import SCENE as FINANCING
from handlers.industry.interbank import SCENE as INTERBANK
from handlers.livelihood.campus import SCENE as CAMPUS
from handlers.livelihood.emergency import SCENE as EMERGENCY
from handlers.livelihood.government import SCENE as GOVERNMENT
from handlers.livelihood.hospital import SCENE as HOSPITAL
from handlers.livelihood.insurance import SCENE as INSURANCE
from handlers.livelihood.judicial import SCENE as JUDICIAL
from handlers.livelihood.provident_fund import SCENE as PROVIDENT_FUND
from handlers.livelihood.social_security import SCENE as SOCIAL_SECURITY
from handlers.livelihood.treasury import SCENE as TREASURY
from handlers.utilities.cable_tv import SCENE as CABLE_TV
from handlers.utilities.electricity import SCENE as ELECTRICITY
from handlers.utilities.gas import SCENE as GAS
from handlers.utilities.heating import SCENE as HEATING
from handlers.utilities.telecom import SCENE as TELECOM
from handlers.utilities.water import SCENE as WATER

# The order is that of menus: what most people look for comes first.
SCENES: tuple[Scene, ...] = (
    PROPERTY,
    ELECTRICITY,
    WATER,
    GAS,
    TELECOM,
    TRAVEL,
    CAMPUS,
    HOSPITAL,
    HEATING,
    CABLE_TV,
    DINING,
    DISTRICT,
    TOURISM,
    HOUSING,
    INSURANCE,
    SOCIAL_SECURITY,
    PROVIDENT_FUND,
    GOVERNMENT,
    TREASURY,
    JUDICIAL,
    EMERGENCY,
    ACCOUNT_OPENING,
    COLLECTION,
    BILLS,
    FINANCING,
    INTERBANK,
)
