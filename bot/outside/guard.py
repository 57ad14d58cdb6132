"""Keeps requests to addresses that outsiders gave us away from our own network."""

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from bot.kernel.errors import Forbidden

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Forms of IPv6 that carry an IPv4 address inside and would smuggle a private one past the check.
_CARRIERS: Final = (
    ipaddress.IPv6Network("::/96"),
    ipaddress.IPv6Network("::ffff:0:0/96"),
    ipaddress.IPv6Network("64:ff9b::/96"),
    ipaddress.IPv6Network("64:ff9b:1::/48"),
    ipaddress.IPv6Network("2001::/32"),
    ipaddress.IPv6Network("2002::/16"),
)
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")


class AddressRefused(Forbidden):
    """The address is not one of the public internet, or not one that we call for outsiders."""


def is_public(address: Address) -> bool:
    """Tell whether an address is an ordinary one of the internet.

    Private, loopback, link-local (cloud metadata), shared, reserved and multicast ones are not, nor is any IPv6 form
    that carries an IPv4 address.
    """
    if isinstance(address, ipaddress.IPv6Address) and (
        address not in _GLOBAL_UNICAST or any(address in carrier for carrier in _CARRIERS)
    ):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


@dataclass(frozen=True, slots=True)
class Guard:
    """What a request for outsiders may reach."""

    schemes: frozenset[str] = frozenset({"https"})
    ports: frozenset[int] = frozenset({443, 8443})
    allowed: Callable[[Address], bool] = is_public

    def check(self, url: URL) -> None:
        """Refuse by what the URL itself says; names are checked when they are resolved. Raises AddressRefused."""
        if url.scheme not in self.schemes:
            raise AddressRefused("address_refused", "use https")
        if url.user is not None or url.password is not None:
            raise AddressRefused("address_refused", "leave user and password out of the URL")
        if url.port not in self.ports:
            raise AddressRefused("address_refused", "use the ordinary port")
        if not url.host:
            raise AddressRefused("address_refused", "name a host")
        literal = _literal(url.host)
        if literal is not None and not self.allowed(literal):
            raise AddressRefused("address_refused", "name a public host")


class GuardedResolver(AbstractResolver):
    """Answers with checked addresses only; the connection goes to one of them, so a second look-up changes nothing."""

    def __init__(self, inner: AbstractResolver, guard: Guard) -> None:
        self._inner = inner
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        results = await self._inner.resolve(host, port, family)
        for result in results:
            address = _literal(result["host"])
            # One private address among public ones is an attack or a mistake; neither deserves a connection.
            if address is None or not self._guard.allowed(address):
                raise AddressRefused("address_refused", "name a public host")
        return results

    async def close(self) -> None:
        await self._inner.close()


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
