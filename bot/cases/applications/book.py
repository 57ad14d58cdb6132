"""Applications as their customers work them: handed in whole, looked at, completed, taken back."""

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from bot.billers.port import Refusal
from bot.cases.applications import rows
from bot.cases.applications.kinds import LEGAL_PERSON, LETTER, Kind
from bot.cases.applications.moving import Means, Moving
from bot.cases.applications.values import Document, NewApplication, Progress
from bot.cases.trade.matter import Matter, Unfit
from bot.cases.trade.notes import Held, held
from bot.cases.trade.rates import Terms
from bot.kernel.clock import Clock, business_day, from_micros, to_micros
from bot.kernel.errors import NotFound
from bot.kernel.ids import new_id
from bot.storage.port import Database, Row, Tx
from bot.storage.vault import Vault

_PROOFS: Final = frozenset({LETTER, LEGAL_PERSON})
_NUMBER_DIGITS: Final = 8


class Applications:
    """The room of applications. Everything that a customer gave is sealed; states move by ``Moving`` only."""

    def __init__(
        self, database: Database, vault: Vault, clock: Clock, kinds: Sequence[Kind], terms: Terms | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._kinds = {kind.key: kind for kind in kinds}
        self._means = Means(vault, self._kinds, terms or Terms())
        self.moving = Moving(self._means)

    async def submit(self, new: NewApplication) -> Progress | Refusal:
        """Hand an application in, once for each ``request_key``.

        Refusals: ``blank_wrong``, ``authority_missing``, ``paper_missing``, and what the kind's books say.
        """
        kind, now = self._kind(new.kind), self._clock.now()
        wrong = incomplete(kind, new, now)
        if wrong is not None:
            return wrong
        try:
            return await self._database.effect(lambda tx: self._submit(tx, kind, new, now))
        except Unfit as unfit:
            return Refusal(unfit.code, unfit.facts)

    async def estimate(
        self, kind_key: str, customer_id: str, facts: Mapping[str, str]
    ) -> Mapping[str, object] | Refusal:
        """Return what an application would come to; nothing where its kind has no price. An estimate binds nobody."""
        kind = self._kind(kind_key)
        if kind.estimate is None:
            return {}
        matter = self._matter("", kind.key, customer_id, facts)
        try:
            return await kind.estimate(self._database, matter)
        except Unfit as unfit:
            return Refusal(unfit.code, unfit.facts)

    async def of(self, customer_id: str, scene: str | None = None, limit: int = 5) -> Sequence[Progress]:
        """Return a customer's own applications, newest first."""
        if scene is None:
            found = await self._database.rows(rows.OF, customer_id, limit)
        else:
            found = await self._database.rows(rows.OF_SCENE, customer_id, limit, scene)
        return [self._progress(row) for row in found]

    async def notes(self, customer_id: str) -> Sequence[Held]:
        """Return the notes that lie here for a customer, those that fall due first in front."""
        return await held(self._database, customer_id)

    async def supplement(self, application_id: str, customer_id: str, media_id: str, trace_id: str) -> bool:
        """Add a paper that was asked for and hand the application in again; False where none is asked for."""
        now = self._clock.now()

        async def work(tx: Tx) -> bool:
            row = await tx.row(rows.GET, application_id)
            if row is None or row["customer_id"] != customer_id or row["state"] != "needs_documents":
                return False
            await self._add(tx, application_id, [Document("more", media_id)], now)
            return await self.moving.submit_in(tx, application_id, now, actor=customer_id)

        return await self._database.effect(work)

    async def withdraw(self, application_id: str, customer_id: str) -> bool:
        """Take a customer's own application back; False where that is not possible (any more)."""
        now = self._clock.now()

        async def work(tx: Tx) -> bool:
            row = await tx.row(rows.GET, application_id)
            if row is None or row["customer_id"] != customer_id:
                return False
            return await self.moving.withdraw_in(tx, application_id, now, actor=customer_id)

        return await self._database.effect(work)

    def title(self, kind: str) -> str:
        """Return what customers call a kind; its key where its scene is not open any more."""
        return self._kinds[kind].name if kind in self._kinds else kind

    async def _submit(self, tx: Tx, kind: Kind, new: NewApplication, now: datetime) -> Progress:
        application_id = new_id("app", now)
        # The day and digits by chance: who reads it out tells nobody how many applications there are.
        number = f"SQ{business_day(now):%Y%m%d}{secrets.randbelow(10**_NUMBER_DIGITS):0{_NUMBER_DIGITS}}"
        titled = next((blank for blank in kind.blanks if blank.key == kind.titled), None)
        amount = new.facts.get(kind.amount_of, "")
        inserted = await tx.execute(
            rows.INSERT,
            application_id,
            number,
            new.request_key,
            kind.key,
            kind.scene,
            new.customer_id,
            new.channel,
            new.account,
            new.authority,
            self._means.vault.seal(json.dumps(dict(new.facts), ensure_ascii=False), rows.FACTS_CONTEXT),
            titled.hinted(new.facts.get(titled.key, "")) if titled is not None else "",
            int(amount) if amount else None,
            new.trace_id,
            to_micros(now),
        )
        if inserted:
            await self._add(tx, application_id, new.documents, now)
            await self.moving.submit_in(tx, application_id, now, actor=new.customer_id)
        row = await tx.row(rows.BY_REQUEST, new.request_key)
        assert row is not None, "it was inserted now or before"
        return self._progress(row)

    async def _add(self, tx: Tx, application_id: str, documents: Sequence[Document], now: datetime) -> None:
        for document in documents:
            sealed = self._means.vault.seal(document.media_id, rows.MEDIA_CONTEXT)
            values = (new_id("doc", now), application_id, document.kind, sealed, to_micros(now))
            await tx.execute(rows.INSERT_DOCUMENT, *values)

    def _kind(self, key: str) -> Kind:
        if key not in self._kinds:
            raise NotFound("application_kind_unknown")
        return self._kinds[key]

    def _matter(self, application_id: str, kind: str, customer_id: str, facts: Mapping[str, str]) -> Matter:
        means = self._means
        return Matter(application_id, customer_id, kind, facts, "", means.vault, means.terms, self._clock.now())

    def _progress(self, row: Row) -> Progress:
        return Progress(
            id=row["id"],
            number=row["number"],
            kind=row["kind"],
            scene=row["scene"],
            title=self.title(row["kind"]),
            state=row["state"],
            amount=row["amount"],
            note=row["note"],
            created_at=from_micros(row["created_at"]),
            changed_at=from_micros(row["changed_at"]),
        )


def incomplete(kind: Kind, new: NewApplication, now: datetime) -> Refusal | None:
    """Tell what is missing before an application can be handed in; None where it is whole.

    For a company only its legal person herself applies, or who holds a letter of authority (授权书): either way the
    paper that proves it must lie with the application (domain.md §3.1 card 19).
    """
    today = business_day(now)
    for blank in kind.blanks:
        value = new.facts.get(blank.key, "")
        if (value and not blank.valid(value, today)) or (blank.required and not value):
            return Refusal("blank_wrong", {"label": blank.label})
    sent = {document.kind for document in new.documents}
    if kind.corporate and (new.authority not in _PROOFS or new.authority not in sent):
        return Refusal("authority_missing")
    missing = next((paper for paper in kind.papers if paper.needed and paper.key not in sent), None)
    return Refusal("paper_missing", {"label": missing.label}) if missing is not None else None
