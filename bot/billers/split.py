"""How a treatment's cost is shared: the insurance's pool (统筹), the personal account (个账), the patient (自付)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Split:
    """Who bears how much of a bill, in fen; only what the patient bears is ever asked for."""

    total: int
    pool: int
    personal: int

    @property
    def own(self) -> int:
        """The fen that the patient pays: the total without what the insurance bears."""
        return self.total - self.pool - self.personal

    def explains(self, amount: int) -> bool:
        """Tell whether the parts are possible and leave exactly ``amount`` fen to the patient."""
        return min(self.total, self.pool, self.personal) >= 0 and self.own == amount
