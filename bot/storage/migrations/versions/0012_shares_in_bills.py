"""Lines of bills about shares and their returns, and the moments at which gateways say that these were carried out."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_KINDS = "kind IN ('payment', 'refund', 'reversal')"
_MORE_KINDS = "kind IN ('payment', 'refund', 'reversal', 'share', 'share_returned')"
_MEASURES = "measure IN ('payment', 'refund', 'reversal', 'flow', 'arrival')"
_MORE_MEASURES = "measure IN ('payment', 'refund', 'reversal', 'share', 'share_returned', 'flow', 'arrival')"


def upgrade() -> None:
    _widen("statement_lines", "ck_statement_lines_kind_known", _KINDS, _MORE_KINDS)
    _widen("recon_differences", "ck_recon_differences_measure_known", _MEASURES, _MORE_MEASURES)
    for table in ("share_parts", "share_returns"):
        op.add_column(table, sa.Column("succeeded_at", INT, nullable=True))
        # Of what is over already nobody has kept more than when we heard of it.
        op.execute(f"UPDATE {table} SET succeeded_at = changed_at WHERE state = 'succeeded'")  # noqa: S608 - Our names.
    for name, table in (("ix_share_parts_given", "share_parts"), ("ix_share_returns_given", "share_returns")):
        op.create_index(
            op.f(name),
            table,
            ["succeeded_at"],
            sqlite_where=sa.text("succeeded_at IS NOT NULL"),
            postgresql_where=sa.text("succeeded_at IS NOT NULL"),
        )
    op.create_index(op.f("ix_shares_out_trade_no"), "shares", ["out_trade_no"])


def _widen(table: str, check: str, old: str, new: str) -> None:
    """Let a check allow more. SQLite cannot change one, so there the table is made anew and its rows move over."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f(check), table, type_="check")
        op.create_check_constraint(op.f(check), table, new)
        return
    bind = op.get_bind()
    listed = bind.exec_driver_sql(
        "SELECT type, name, sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL", (table,)
    ).all()
    [made] = [sql for kind, _, sql in listed if kind == "table"]
    assert old in made, "the table is not the one that this step knows"
    for name in [name for kind, name, _ in listed if kind == "index"]:
        op.execute(f"DROP INDEX {name}")
    op.execute(f"ALTER TABLE {table} RENAME TO {table}_before")
    bind.exec_driver_sql(made.replace(old, new))
    op.execute(f"INSERT INTO {table} SELECT * FROM {table}_before")  # noqa: S608 - Our own names.
    op.execute(f"DROP TABLE {table}_before")
    for sql in [sql for kind, _, sql in listed if kind == "index"]:
        bind.exec_driver_sql(sql)
