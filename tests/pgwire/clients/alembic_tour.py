"""Alembic: a database that is what the models say has no difference, one that is not has the one that was made."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations

from .sqlalchemy_tour import Base, _url

EXPECTED = ["modify_nullable", "modify_type", "remove_column", "remove_constraint", "remove_index", "remove_table"]


def differences(connection: sa.Connection) -> list[Any]:
    """What autogenerate would write."""
    options = {"compare_type": True, "compare_server_default": True}
    return compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata)  # type: ignore[no-any-return]


def main() -> None:
    """All of it."""
    engine = sa.create_engine(_url("psycopg"))
    with engine.begin() as connection:
        Base.metadata.create_all(connection)
    with engine.begin() as connection:
        assert differences(connection) == []
    with engine.begin() as connection:
        _migrate(Operations(MigrationContext.configure(connection)))
    with engine.begin() as connection:
        found = differences(connection)
        kinds = sorted(each[0] for group in found for each in (group if isinstance(group, list) else [group]))
        assert kinds == EXPECTED, found
    with engine.begin() as connection:
        Base.metadata.drop_all(connection)
        connection.execute(sa.text("DROP TABLE extra"))
    engine.dispose()


def _migrate(op: Operations) -> None:
    """The operations of migrations."""
    op.create_table("extra", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(20)))
    op.add_column("team", sa.Column("city", sa.String(30), server_default="here"))
    op.alter_column("team", "name", nullable=True, type_=sa.String(80))
    op.create_index("team_city", "team", ["city"])
    op.create_unique_constraint("team_city_once", "team", ["city", "name"])
    op.create_check_constraint("city_known", "team", "city <> ''")
    op.create_foreign_key("extra_team", "extra", "team", ["id"], ["id"], ondelete="CASCADE")
    op.drop_constraint("extra_team", "extra", type_="foreignkey")
    op.rename_table("extra", "more")
    op.alter_column("more", "name", new_column_name="label", server_default="x")
    op.drop_column("more", "label")
    op.rename_table("more", "extra")
    op.bulk_insert(sa.table("team", sa.column("name", sa.String)), [{"name": "a"}, {"name": "b"}])
    op.execute("UPDATE team SET city = 'there' WHERE name = 'b'")


if __name__ == "__main__":
    main()
