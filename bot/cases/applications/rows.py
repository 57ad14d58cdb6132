"""The rows of applications: what is written down of one, and its moves, for both engines."""

from collections.abc import Mapping
from typing import Final

from bot.cases.applications.states import CORPORATE, PERSONAL, REVOCABLE
from bot.payments.states import Machine, Move

INSERT: Final = """
INSERT INTO applications (id, number, request_key, kind, scene, customer_id, channel, account, state, authority,
  facts_sealed, subject_mask, amount, trace_id, version, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'draft', $9, $10, $11, $12, $13, 1, $14, $14)
ON CONFLICT (request_key) DO NOTHING
"""
INSERT_DOCUMENT: Final = """
INSERT INTO application_documents (id, application_id, kind, media_sealed, received_at) VALUES ($1, $2, $3, $4, $5)
"""
GET: Final = """
SELECT id, number, kind, scene, customer_id, channel, account, state, authority, facts_sealed, subject_mask, amount,
  note, first_by, second_by, reference, trace_id, version, created_at, changed_at
FROM applications WHERE id = $1
"""
BY_REQUEST: Final = """
SELECT id, number, kind, scene, state, amount, note, created_at, changed_at FROM applications WHERE request_key = $1
"""
OF: Final = """
SELECT id, number, kind, scene, state, amount, note, created_at, changed_at FROM applications
WHERE customer_id = $1 AND state <> 'draft' ORDER BY created_at DESC, id DESC LIMIT $2
"""
OF_SCENE: Final = """
SELECT id, number, kind, scene, state, amount, note, created_at, changed_at FROM applications
WHERE customer_id = $1 AND scene = $3 AND state <> 'draft' ORDER BY created_at DESC, id DESC LIMIT $2
"""
DOCUMENTS: Final = "SELECT kind FROM application_documents WHERE application_id = $1 ORDER BY received_at, kind, id"

# The columns of an approval.
FACTS_CONTEXT: Final = "applications.facts"
MEDIA_CONTEXT: Final = "application_documents.media"

_NEXT: Final = "version = version + 1"


def _shared(machine: Machine) -> dict[str, Move]:
    decided = "note = $3, first_by = $4, second_by = $5"
    return {
        "submitted": machine.move("draft", "needs_documents", to="submitted", sets=_NEXT),
        "checking": machine.move("submitted", to="checking", sets=_NEXT),
        "needs_documents": machine.move("submitted", "checking", to="needs_documents", sets=f"{_NEXT}, note = $3"),
        "rejected": machine.move(
            "submitted", "checking", "needs_documents", "approved", to="rejected", sets=f"{_NEXT}, {decided}"
        ),
        "done": machine.move("approved", to="done", sets=f"{_NEXT}, reference = $3"),
        "withdrawn": machine.move(*REVOCABLE, to="withdrawn", sets=_NEXT),
    }


_PERSONAL: Final[Mapping[str, Move]] = {
    **_shared(PERSONAL),
    "approved": PERSONAL.move(
        "submitted", "checking", to="approved", sets=f"{_NEXT}, first_by = $4, second_by = $3", only="$3 <> $4"
    ),
}
_CORPORATE: Final[Mapping[str, Move]] = {
    **_shared(CORPORATE),
    "first_approval": CORPORATE.move("submitted", "checking", to="first_approval", sets=f"{_NEXT}, first_by = $3"),
    # The second name is compared with the first in the very statement that approves.
    "approved": CORPORATE.move(
        "first_approval", to="approved", sets=f"{_NEXT}, second_by = $3", only="first_by = $4 AND first_by <> $3"
    ),
    "back": CORPORATE.move("first_approval", to="checking", sets=f"{_NEXT}, first_by = NULL"),
}


def moves(*, corporate: bool) -> Mapping[str, Move]:
    """Return the moves of one of the two tables, by the state that they lead to; ``back`` undoes a first approval."""
    return _CORPORATE if corporate else _PERSONAL
