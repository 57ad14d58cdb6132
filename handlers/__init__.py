"""The scenes that this pack brings; a new one is a file beside the others and a line here."""

from bot.dialogue.scene import Scene
from handlers.consumer.dining import SCENE as DINING
from handlers.consumer.property import SCENE as PROPERTY
from handlers.utilities.electricity import SCENE as ELECTRICITY

SCENES: tuple[Scene, ...] = (
    PROPERTY,
    ELECTRICITY,
    DINING,
)
