"""Finds the biller that answers for an item: our own books, or the connector that the item names."""

from collections.abc import Mapping

from bot.billers.catalogue import Catalogue
from bot.billers.port import SceneBiller
from bot.kernel.errors import Misconfigured


class Billers:
    """Implements ``Directory``. ``remote`` maps a connector's key, as items name it, to its biller."""

    def __init__(self, catalogue: Catalogue, hosted: SceneBiller, remote: Mapping[str, SceneBiller]) -> None:
        self._catalogue = catalogue
        self._hosted = hosted
        self._remote = remote

    async def biller(self, item_id: str) -> SceneBiller:
        """Raises NotFound for an unknown item and Misconfigured for one whose connector nobody configured."""
        item = await self._catalogue.item(item_id)
        if item.hosted:
            return self._hosted
        found = self._remote.get(item.biller)
        if found is None:
            raise Misconfigured("connector_missing", f"configure [connectors.{item.biller}] for item {item_id}")
        return found
