"""Chooses among the gateways that can take a wallet's payment: rules as data, health by a breaker, one order of them.

Everything here is computed from what is given, so the same order in the same circumstances always goes the same way.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from bot.kernel.clock import Clock
from bot.outside.breaker import Patience
from bot.payments.facts import Declined, Unknown, Way

# Refusals that are the gateway's or our configuration's fault and not the payer's: the charge was not made, and
# another gateway may well make it. A limit, a risk verdict or the payer's own account is the same everywhere, so
# those are told to the payer instead of being tried elsewhere.
SWITCHING: Final = frozenset(
    {
        "app_not_bound",
        "bad_request",
        "credentials",
        "currency",
        "merchant",
        "not_allowed",
        "payer_ip_missing",
        "too_late",
        "way_unsupported",
    }
)
# Of these, what every other charge at that account will meet too, whatever its way.
_ACCOUNT_FAULTS: Final = frozenset({"credentials", "merchant"})
PRIORITY: Final = 100

Call = Literal["create", "query"]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """An account of ours at a gateway; a breaker is about one place."""

    gateway: str
    account: str


@dataclass(frozen=True, slots=True)
class Need:
    """What is to be paid, and how. ``amount`` is in fen, None while the payer has not said it."""

    wallet: str
    merchant_id: str
    way: Way
    amount: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """Lets a gateway take a wallet's payments; empty ``merchants`` and ``ways`` mean all of them.

    ``minimum`` and ``maximum`` are fen, both included; ``cost`` is what the gateway takes, in basis points. The lower
    ``priority`` goes first whatever it costs, and among equals the cheaper one. The account is always the merchant's
    own at that gateway, so no rule can lead one merchant's money to another's account.
    """

    wallet: str
    gateway: str
    merchants: frozenset[str] = frozenset()
    ways: frozenset[Way] = frozenset()
    minimum: int = 0
    maximum: int | None = None
    cost: int = 0
    priority: int = PRIORITY

    def fits(self, need: Need) -> bool:
        """Tell whether this rule speaks of such a payment."""
        if self.wallet != need.wallet or (self.ways and need.way not in self.ways):
            return False
        if self.merchants and need.merchant_id not in self.merchants:
            return False
        if need.amount is None:
            return True
        return self.minimum <= need.amount and (self.maximum is None or need.amount <= self.maximum)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place that can take a payment, with what speaks for and against it."""

    place: Place
    priority: int
    cost: int


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of the order's earlier charges of the same way.

    ``refusals`` counts the ``SWITCHING`` ones by place. ``live`` is where a charge is under way, and ``handed`` tells
    that its payer has the means to pay it.
    """

    refusals: Mapping[Place, int] = field(default_factory=dict)
    live: Place | None = None
    handed: bool = False


def effective(rules: Sequence[Rule], wallets: Mapping[str, str]) -> tuple[Rule, ...]:
    """Return the rules that hold: the operator's, and each wallet's own gateway where no rule speaks of that pair."""
    ruled = {(rule.wallet, rule.gateway) for rule in rules}
    own = [Rule(wallet, gateway) for wallet, gateway in wallets.items() if (wallet, gateway) not in ruled]
    return (*rules, *own)


def candidates(
    rules: Sequence[Rule], need: Need, accounts: Mapping[str, str], can: Callable[[str], Collection[Way]]
) -> list[Candidate]:
    """Return every place that is able and allowed to take a payment, the preferred one first.

    ``accounts`` are the merchant's, by gateway. Where several rules speak of one place the kindest one counts.
    """
    found: dict[Place, Candidate] = {}
    for rule in rules:
        account = accounts.get(rule.gateway)
        if not account or not rule.fits(need) or need.way not in can(rule.gateway):
            continue
        candidate = Candidate(Place(rule.gateway, account), rule.priority, rule.cost)
        standing = found.get(candidate.place)
        if standing is None or _rank(candidate) < _rank(standing):
            found[candidate.place] = candidate
    return sorted(found.values(), key=_rank)


def choose(found: Sequence[Candidate], healthy: Callable[[Place], bool], tried: Tried | None = None) -> list[Candidate]:
    """Return the candidates in the order in which they are to be asked; empty when none is well.

    A charge that its payer can pay already stays where it is, since leaving it would only close it. Places that have
    refused this very order come after those that have not.
    """
    past = tried or Tried()

    def stays(candidate: Candidate) -> bool:
        return candidate.place == past.live and (past.handed or healthy(candidate.place))

    well = [candidate for candidate in found if stays(candidate) or healthy(candidate.place)]
    return sorted(well, key=lambda each: (not stays(each), past.refusals.get(each.place, 0), *_rank(each)))


def _rank(candidate: Candidate) -> tuple[int, int, Place]:
    return candidate.priority, candidate.cost, candidate.place


class Health:
    """A breaker for each place, fed by what creates and queries come to.

    Missing answers count, and refusals that no charge at that place can escape; business answers, a decline among
    them, prove that the gateway works. Creates and queries are counted apart, for a gateway whose queries work and
    whose creates do not is of no use. After the rest the next payers try it again, and one failure closes it anew.
    It is of one process: each finds out for itself, within ``failures`` calls.
    """

    def __init__(self, clock: Clock, patience: Patience | None = None) -> None:
        self._clock = clock
        self._patience = patience or Patience()
        self._failures: dict[tuple[Place, Call], int] = {}
        self._rests_until: dict[Place, float] = {}

    def saw(self, place: Place, call: Call, answer: object) -> None:
        """Take note of an answer of the gateway's."""
        key = (place, call)
        if not _trouble(answer):
            self._failures.pop(key, None)
            if not any(entry[0] == place for entry in self._failures):
                self._rests_until.pop(place, None)
            return
        self._failures[key] = self._failures.get(key, 0) + 1
        if self._failures[key] >= self._patience.failures:
            self._rests_until[place] = self._clock.monotonic() + self._patience.rest

    def good(self, place: Place) -> bool:
        """Tell whether new charges may go there now."""
        until = self._rests_until.get(place)
        return until is None or until <= self._clock.monotonic()


def _trouble(answer: object) -> bool:
    if isinstance(answer, Declined):
        return answer.code in _ACCOUNT_FAULTS
    return isinstance(answer, Unknown)
