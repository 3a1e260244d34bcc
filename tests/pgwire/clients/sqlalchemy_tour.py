"""SQLAlchemy: tables, reflection and the ORM, by psycopg or asyncpg.

``python -m tests.pgwire.clients.sqlalchemy_tour psycopg|asyncpg``.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import decimal
import enum
import os
import sys
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import create_async_engine


class Color(enum.Enum):
    """An enumerated type."""

    RED = "red"
    GREEN = "green"


class Base(orm.DeclarativeBase):
    """Of all tables."""


membership = sa.Table(
    "membership",
    Base.metadata,
    sa.Column("person_id", sa.ForeignKey("person.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("team_id", sa.ForeignKey("team.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("since", sa.Date, server_default=sa.text("'2020-01-01'")),
)


class Team(Base):
    """Several people."""

    __tablename__ = "team"
    __table_args__ = (sa.UniqueConstraint("name", name="team_name"), {"comment": "teams"})

    id: orm.Mapped[int] = orm.mapped_column(sa.Identity(start=10), primary_key=True)
    name: orm.Mapped[str] = orm.mapped_column(sa.String(40))
    people: orm.Mapped[list[Person]] = orm.relationship(secondary=membership, back_populates="teams")


class Person(Base):
    """With a column of every kind."""

    __tablename__ = "person"
    __table_args__ = (
        sa.CheckConstraint("age >= 0", name="age_not_negative"),
        sa.Index("person_lower", sa.func.lower(sa.column("name"))),
        sa.Index("person_age", sa.text("age DESC"), postgresql_where=sa.text("age > 17")),
    )

    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str] = orm.mapped_column(sa.Text, index=True)
    age: orm.Mapped[int | None]
    big: orm.Mapped[int | None] = orm.mapped_column(sa.BigInteger)
    small: orm.Mapped[int | None] = orm.mapped_column(sa.SmallInteger)
    score: orm.Mapped[float | None] = orm.mapped_column(sa.Double)
    real: orm.Mapped[float | None] = orm.mapped_column(sa.REAL)
    money: orm.Mapped[decimal.Decimal | None] = orm.mapped_column(sa.Numeric(10, 3))
    born: orm.Mapped[dt.date | None]
    woken: orm.Mapped[dt.time | None]
    seen: orm.Mapped[dt.datetime | None] = orm.mapped_column(sa.DateTime(timezone=True))
    local: orm.Mapped[dt.datetime | None]
    period: orm.Mapped[dt.timedelta | None] = orm.mapped_column(sa.Interval)
    key: orm.Mapped[uuid.UUID | None]
    blob: orm.Mapped[bytes | None]
    flag: orm.Mapped[bool] = orm.mapped_column(server_default=sa.false())
    color: orm.Mapped[Color | None] = orm.mapped_column(sa.Enum(Color, name="color"))
    data: orm.Mapped[Any | None] = orm.mapped_column(pg.JSONB)
    plain: orm.Mapped[Any | None] = orm.mapped_column(sa.JSON)
    words: orm.Mapped[list[str] | None] = orm.mapped_column(pg.ARRAY(sa.Text))
    grid: orm.Mapped[list[list[int]] | None] = orm.mapped_column(pg.ARRAY(sa.Integer, dimensions=2))
    double: orm.Mapped[int | None] = orm.mapped_column(sa.Computed("age * 2", persisted=True))
    boss_id: orm.Mapped[int | None] = orm.mapped_column(sa.ForeignKey("person.id", ondelete="SET NULL"))
    boss: orm.Mapped[Person | None] = orm.relationship(remote_side=[id])
    teams: orm.Mapped[list[Team]] = orm.relationship(secondary=membership, back_populates="people")


def create(connection: sa.Connection) -> None:
    """All tables, twice; and a view."""
    Base.metadata.drop_all(connection)
    Base.metadata.create_all(connection)
    Base.metadata.create_all(connection)
    connection.execute(sa.text("CREATE SCHEMA IF NOT EXISTS other"))
    sa.Table(
        "far", sa.MetaData(), sa.Column("id", sa.Integer, sa.ForeignKey(Person.id), primary_key=True), schema="other"
    ).create(connection, checkfirst=True)
    connection.execute(sa.text("CREATE VIEW adults AS SELECT id, name FROM person WHERE age > 17"))


def reflect(connection: sa.Connection) -> None:
    """What the catalogue says of them."""
    inspector = sa.inspect(connection)
    assert set(inspector.get_table_names()) == {"person", "team", "membership"}
    assert inspector.get_view_names() == ["adults"]
    assert {"public", "other", "information_schema"} <= set(inspector.get_schema_names())
    assert "age > 17" in (inspector.get_view_definition("adults") or "")
    columns = {column["name"]: column for column in inspector.get_columns("person")}
    assert isinstance(columns["money"]["type"], sa.NUMERIC)
    assert columns["money"]["type"].scale == 3
    assert columns["double"]["computed"]["sqltext"] == "(age * 2)"
    assert isinstance(columns["words"]["type"], pg.ARRAY)
    assert inspector.get_pk_constraint("membership")["constrained_columns"] == ["person_id", "team_id"]
    assert inspector.get_foreign_keys("person")[0]["options"] == {"ondelete": "SET NULL"}
    indexes = {index["name"]: index for index in inspector.get_indexes("person")}
    assert indexes["person_lower"]["expressions"] == ["lower(name)"]
    assert indexes["person_age"]["dialect_options"]["postgresql_where"] == "(age > 17)"
    assert inspector.get_check_constraints("person") == [
        {"name": "age_not_negative", "sqltext": "age >= 0", "comment": None}
    ]
    assert inspector.get_unique_constraints("team")[0]["name"] == "team_name"
    assert inspector.get_table_comment("team") == {"text": "teams"}
    assert inspector.get_columns("team")[0]["identity"]["start"] == 10
    assert inspector.get_sequence_names()
    assert inspector.has_table("far", schema="other")
    assert not inspector.has_table("nowhere")
    enums = inspector.get_enums()  # type: ignore[attr-defined]
    assert enums[0]["labels"] == ["RED", "GREEN"]
    found = sa.MetaData()
    found.reflect(connection, views=True)
    found.reflect(connection, schema="other")
    assert {"person", "team", "membership", "adults", "other.far"} <= set(found.tables)


def work(connection: sa.Connection) -> None:
    """The ORM."""
    with orm.Session(connection, join_transaction_mode="create_savepoint") as session:
        _fill(session)
        session.commit()
        _ask(session)
        _change(session)
        session.commit()
    _core(connection)


def _fill(session: orm.Session) -> None:
    boss = Person(
        name="Ada", age=36, big=2**60, small=-5, score=0.1, real=1.5, money=decimal.Decimal("12.345"),
        born=dt.date(1815, 12, 10), woken=dt.time(6, 30), seen=dt.datetime(2024, 2, 29, 1, 2, 3, 4, dt.UTC),
        local=dt.datetime(1999, 12, 31, 23, 59), period=dt.timedelta(days=3, seconds=7, microseconds=9),
        key=uuid.UUID(int=5), blob=b"\0\xff", flag=True, color=Color.GREEN, data={"a": [1, 2.50, None, {"b": "ü"}]},
        plain=[1, "x"], words=["a", "b c", 'd"e', ""], grid=[[1, 2], [3, 4]],
    )  # fmt: skip
    teams = [Team(name=name) for name in ("red", "blue")]
    session.add_all([boss, *teams])
    session.flush()
    for number in range(8):
        session.add(Person(name=f"p{number}", age=number * 5, boss=boss, teams=teams[: number % 3], data={"n": number}))


def _ask(session: orm.Session) -> None:
    ada = session.scalars(sa.select(Person).where(Person.name == "Ada")).one()
    assert (ada.big, ada.money, ada.period) == (2**60, decimal.Decimal("12.345"), dt.timedelta(3, 7, 9))
    assert (ada.blob, ada.key, ada.color) == (b"\0\xff", uuid.UUID(int=5), Color.GREEN)
    assert ada.data == {"a": [1, 2.5, None, {"b": "ü"}]}
    assert (ada.words, ada.grid, ada.double) == (["a", "b c", 'd"e', ""], [[1, 2], [3, 4]], 72)
    assert ada.seen == dt.datetime(2024, 2, 29, 1, 2, 3, 4, dt.UTC)
    ask = session.scalar
    assert ask(sa.select(sa.func.count()).select_from(Person)) == 9
    assert ask(sa.select(sa.func.sum(Person.age)).where(Person.boss == ada)) == 140
    assert ask(sa.select(Person.name).order_by(Person.age.desc()).offset(1).limit(1)) == "p7"
    assert ask(sa.select(Person.data["a"][3]["b"].astext).where(Person.id == ada.id)) == "ü"
    assert ask(sa.select(Person.name).where(Person.data.contains({"n": 3}))) == "p3"
    assert ask(sa.select(sa.func.array_length(Person.words, 1)).where(sa.literal("b c") == sa.any_(Person.words))) == 4
    assert ask(sa.select(Person.words[2]).where(Person.id == ada.id)) == "b c"
    assert ask(sa.select(sa.func.string_agg(Team.name, ", "))) in ("red, blue", "blue, red")
    assert ask(sa.select(sa.exists().where(Person.age > 30))) is True
    assert ask(sa.select(sa.func.coalesce(sa.func.max(Person.score), 0))) == 0.1
    assert ask(sa.select(sa.extract("year", Person.born)).where(Person.id == ada.id)) == 1815
    teams = session.scalars(sa.select(Team).options(orm.selectinload(Team.people)).order_by(Team.name)).all()
    assert [len(team.people) for team in teams] == [2, 5]
    people = session.scalars(sa.select(Person).options(orm.joinedload(Person.teams)).order_by(Person.id)).unique().all()
    assert len(people) == 9
    boss = orm.aliased(Person)
    rows = session.execute(
        sa.select(boss.name, sa.func.count(), sa.func.avg(Person.age)).join(boss, Person.boss).group_by(boss.name)
    ).all()
    assert rows[0][:2] == ("Ada", 8)
    ranked = sa.select(
        Person.name, sa.func.row_number().over(partition_by=Person.boss_id, order_by=Person.age.desc()).label("n")
    ).subquery()
    assert session.execute(sa.select(ranked).where(ranked.c.n == 1)).all()
    tree = (
        sa.select(Person.id, sa.literal(0).label("depth")).where(Person.boss_id.is_(None)).cte("tree", recursive=True)
    )
    tree = tree.union_all(sa.select(Person.id, tree.c.depth + 1).join(tree, Person.boss_id == tree.c.id))
    assert ask(sa.select(sa.func.max(tree.c.depth))) == 1
    older = sa.select(Person.name).where(Person.age > 30)
    assert len(session.execute(older.union(sa.select(Team.name))).all()) == 4
    assert len(session.execute(older.except_(sa.select(Person.name).where(Person.name == "Ada"))).all()) == 1
    latest = sa.select(Person.id).where(Person.boss_id == boss.id).order_by(Person.age.desc()).limit(2).lateral()
    assert len(session.execute(sa.select(boss.name, latest.c.id).join(latest, sa.true())).all()) == 2
    assert session.execute(sa.select(Person.name).where(sa.tuple_(Person.name, Person.age).in_([("p1", 5)]))).all()
    assert session.execute(sa.select(sa.case((Person.age > 17, "adult"), else_="child")).distinct()).all()
    assert session.execute(sa.select(sa.func.generate_series(1, 3))).scalars().all() == [1, 2, 3]
    assert session.execute(sa.select(Person.flag).distinct().order_by(Person.flag)).all()
    assert session.execute(
        sa.select(Person).ext(pg.distinct_on(Person.boss_id)).order_by(Person.boss_id, Person.age)
    ).all()


def _change(session: orm.Session) -> None:
    person = session.scalars(sa.select(Person).where(Person.name == "p1").with_for_update()).one()
    person.age = 99
    person.words = ["new"]
    session.flush()
    session.execute(sa.update(Person).where(Person.name == "p2").values(age=Person.age + 1))
    ids = session.execute(sa.delete(Person).where(Person.name.in_(["p3", "p4"])).returning(Person.id)).scalars().all()
    assert len(ids) == 2
    session.delete(person)
    session.flush()
    try:
        with session.begin_nested():
            session.add(Team(name="red"))
            session.flush()
    except IntegrityError as error:
        assert "team_name" in str(error)
    else:
        raise AssertionError("twice the same name")
    insert = pg.insert(Team).values([{"name": "red"}, {"name": "green"}])
    session.execute(insert.on_conflict_do_update(constraint="team_name", set_={"name": insert.excluded.name + "!"}))
    session.execute(insert.on_conflict_do_nothing())
    assert set(session.scalars(sa.select(Team.name))) == {"red", "red!", "blue", "green"}
    session.bulk_save_objects([Person(name=f"bulk{n}") for n in range(50)])


def _core(connection: sa.Connection) -> None:
    with connection.begin_nested() as savepoint:
        connection.execute(sa.insert(Team), [{"name": f"t{n}"} for n in range(5)])
        savepoint.rollback()
    assert connection.scalar(sa.select(sa.func.count()).select_from(Team)) == 4
    assert connection.execute(sa.text("SELECT :a + 1"), {"a": 1}).scalar() == 2
    assert connection.dialect.server_version_info is not None
    assert connection.get_isolation_level() == "READ COMMITTED"


def drop(connection: sa.Connection) -> None:
    """Everything is gone again."""
    connection.execute(sa.text("DROP VIEW adults"))
    connection.execute(sa.text("DROP SCHEMA other CASCADE"))
    Base.metadata.drop_all(connection)
    assert sa.inspect(connection).get_table_names() == []


PARTS = (create, reflect, work, drop)


def _url(driver: str) -> str:
    user, host, port = (os.environ.get(f"PG{name}") for name in ("USER", "HOST", "PORT"))
    return f"postgresql+{driver}://{user}@{host}:{port}/{os.environ.get('PGDATABASE')}"


def tour() -> None:
    """By psycopg."""
    engine = sa.create_engine(_url("psycopg"))
    for part in PARTS:
        with engine.begin() as connection:
            part(connection)
    with engine.connect().execution_options(isolation_level="SERIALIZABLE") as connection:
        assert connection.get_isolation_level() == "SERIALIZABLE"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("SELECT 1"))
    engine.dispose()


async def async_tour() -> None:
    """By asyncpg."""
    engine = create_async_engine(_url("asyncpg"))
    for part in PARTS:
        async with engine.begin() as connection:
            await connection.run_sync(part)
    await engine.dispose()


if __name__ == "__main__":
    if sys.argv[1:] == ["asyncpg"]:
        asyncio.run(async_tour())
    else:
        tour()
