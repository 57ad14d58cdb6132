"""Who is at the other end of a connection, and whether a page of ours made the request."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from aiohttp import web

from bot.kernel.errors import Forbidden, Misconfigured

_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network


class Peers:
    """Tells the caller's address. ``X-Forwarded-For`` counts only where a proxy of the operator's own wrote it."""

    def __init__(self, trusted: Sequence[str] = ()) -> None:
        """``trusted`` are addresses or networks of proxies; raises Misconfigured for anything else."""
        try:
            self._trusted: tuple[_Network, ...] = tuple(ip_network(each, strict=False) for each in trusted)
        except ValueError as fault:
            raise Misconfigured("trusted_proxies", f"list addresses such as 10.0.0.0/8: {fault}") from fault

    def address(self, request: web.Request) -> str | None:
        """Return the address nearest to us that no proxy of ours has; None when even the connection has none.

        Hops are read from the right, because everything left of the first stranger is that stranger's own word.
        """
        nearest = _read(request.remote or "")
        if nearest is None:
            return None
        hops = [part for value in request.headers.getall("X-Forwarded-For", ()) for part in value.split(",")]
        for hop in reversed(hops):
            if not self._trusts(nearest):
                break
            found = _read(hop)
            if found is None:
                break
            nearest = found
        return str(nearest)

    def _trusts(self, address: _Address) -> bool:
        return any(address in network for network in self._trusted)


def require_own_page(request: web.Request, public_url: str) -> None:
    """Raise Forbidden for a request that another site's page made.

    Browsers send ``Origin`` with every POST of a page; one without it comes from a program, and holds no session.
    The host counts as ours too, for operators who serve several names.
    """
    origin = request.headers.get("Origin")
    if origin is None or origin == public_url:
        return
    parts = urlsplit(origin)
    if parts.scheme in ("http", "https") and parts.netloc and parts.netloc == request.host:
        return
    raise Forbidden("cross_site")


def _read(text: str) -> _Address | None:
    """Return an address, without the port that some proxies add to an IPv4 one."""
    text = text.strip().strip("[]")
    if text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
