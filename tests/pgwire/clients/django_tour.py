"""Django: migrate, the ORM, the admin, inspectdb, and its test runner.

``python -m tests.pgwire.clients.django_tour [migrate] [orm] [admin] [inspect] [tests]``; all by default, in this order.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import os
import sys
from decimal import Decimal

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.pgwire.clients.django_site.settings"
django.setup()

from django.contrib.auth.models import Group, User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import IntegrityError, connection, transaction  # noqa: E402
from django.db.models import (  # noqa: E402
    Avg,
    Case,
    Count,
    Exists,
    F,
    Max,
    Min,
    OuterRef,
    Prefetch,
    Q,
    StdDev,
    Subquery,
    Sum,
    Value,
    When,
    Window,
)
from django.db.models import functions as fn  # noqa: E402
from django.test import Client  # noqa: E402

from .django_site.shop.models import Author, Book, Loan, Tag  # noqa: E402


def migrate() -> None:
    """Tables of all applications."""
    call_command("migrate", verbosity=0)
    call_command("migrate", verbosity=0)
    call_command("check", databases=["default"])
    call_command("showmigrations", stdout=io.StringIO())
    call_command("createcachetable", "cache_table")
    call_command("sqlflush", stdout=io.StringIO())
    call_command("sqlsequencereset", "auth", stdout=io.StringIO())


def orm() -> None:
    """Rows in, out, and in between."""
    _write()
    _filters()
    _aggregates()
    _functions()
    _relations()
    _transactions()


def _write() -> None:
    moment = dt.datetime(2024, 2, 29, 12, 30, 15, 123456, tzinfo=dt.UTC)
    ada, bob, _eve = Author.objects.bulk_create(
        [
            Author(name="Ada", email="ada@example.org", born=dt.date(1815, 12, 10)),
            Author(name="Bob", born=dt.date(1970, 1, 1), active=False),
            Author(name="Eve ünïcode", email=None),
        ]
    )
    tags = Tag.objects.bulk_create([Tag(slug="sql"), Tag(slug="python"), Tag(slug="old")])
    for number in range(12):
        book = Book.objects.create(
            title=f"Book {number:02}",
            author=(ada, bob)[number % 2],
            price=Decimal("9.95") + number,
            pages=100 + number,
            rating=None if number == 3 else number / 3,
            published=None if number == 5 else moment - dt.timedelta(days=number, hours=number),
            length=dt.timedelta(days=number, seconds=1, microseconds=5),
            opens=dt.time(number, 30, 1),
            data={"n": number, "list": [1, {"a": None}], "text": "é", "deep": {"yes": number % 2 == 0}},
            words=["a", f"w{number}", 'quote"d', "with, comma"],
            cover=bytes(range(number)),
            address="192.0.2.1" if number else "2001:db8::1",
            sold=2**40 + number,
            shelf=number or None,
        )
        book.tags.set(tags[: number % 4])
    first = Book.objects.get(title="Book 01")
    assert first.length == dt.timedelta(days=1, seconds=1, microseconds=5)
    assert bytes(first.cover or b"") == b"\0"
    assert first.data["deep"] == {"yes": False}
    assert first.words[2] == 'quote"d'
    assert first.total == Decimal("10.95") * 101
    Author.objects.update_or_create(email="ada@example.org", defaults={"name": "Ada L."})
    Author.objects.get_or_create(name="Zoe", defaults={"active": True})
    Author.objects.bulk_create(
        [Author(name="Ada again", email="ada@example.org")],
        update_conflicts=True, unique_fields=["email"], update_fields=["name"],
    )  # fmt: skip
    Author.objects.bulk_create([Author(name="x", email="ada@example.org")], ignore_conflicts=True)
    assert Book.objects.filter(pages__lt=103).update(pages=F("pages") + 1, rating=F("rating") * 2) == 3
    books = list(Book.objects.order_by("title")[:3])
    for book in books:
        book.sold += 1
    Book.objects.bulk_update(books, ["sold"])
    first.title = "Book 01 again"
    first.save(update_fields=["title"])
    Book.objects.filter(title="Book 11").delete()


def _filters() -> None:
    books = Book.objects
    assert books.filter(title__contains="0", title__startswith="Book").exclude(pages=105).count() == 10
    assert books.filter(title__iexact="book 02").count() == 1
    assert books.filter(title__iregex=r"^BOOK 0[2-4]$").count() == 3
    assert books.filter(title__regex=r"^Book \d+$").count() == 10
    assert books.filter(title__endswith="again").exists()
    assert books.filter(published__year=2024, published__month=2).count() > 5
    assert books.filter(published__date=dt.date(2024, 2, 29)).count() == 1
    assert books.filter(published__isnull=True).count() == 1
    assert books.filter(published__week_day=5).count() > 0
    assert books.filter(opens__hour__gte=5, length__gt=dt.timedelta(days=2)).count() > 0
    assert books.filter(pages__in=[103, 104, 105], price__range=(1, 100)).count() == 4
    assert books.filter(data__n=4).count() == 1
    assert books.filter(data__deep__yes=True).count() == 6
    assert books.filter(data__contains={"text": "é"}).count() == 11
    assert books.filter(data__has_key="n").count() == 11
    assert books.filter(data__list__1__a=None).count() == 11
    assert books.filter(words__contains=["a"]).count() == 11
    assert books.filter(words__overlap=["w1", "w2"]).count() == 2
    assert books.filter(words__len=4).count() == 11
    assert books.filter(words__0="a").count() == 11
    assert books.filter(Q(pages=104) | ~Q(author__name="Bob") & Q(rating__isnull=True)).count() >= 1
    assert books.filter(address="192.0.2.1").count() == 10
    assert list(books.order_by("-price").values_list("title", flat=True)[1:3]) == ["Book 09", "Book 08"]
    assert list(books.order_by(F("rating").desc(nulls_last=True)).values("rating"))[-1] == {"rating": None}
    assert books.none().count() == 0
    assert books.filter(pk=books.first().pk).exists()
    assert books.filter(author__in=Author.objects.filter(active=False)).count() == 5
    assert len(books.distinct("author_id").order_by("author_id", "-price")) == 2
    assert books.values("author").distinct().count() == 2
    assert len(books.filter(pages__lt=103).union(books.filter(pages__gt=108), all=True)) == 4
    assert len(books.filter(pages__lt=106).intersection(books.filter(pages__gt=104))) >= 1
    assert len(books.filter(pages__lt=106).difference(books.filter(pages__gt=104))) >= 1
    assert books.in_bulk([books.first().pk])
    assert books.datetimes("published", "month")
    assert books.dates("published", "year")
    assert list(books.order_by("title").iterator(chunk_size=4))
    assert books.order_by("title").explain()


def _aggregates() -> None:
    found = Book.objects.aggregate(
        Avg("pages"), Sum("price"), Max("published"), Min("opens"), Count("rating"), StdDev("rating"), n=Count("*"),
        many=Count("pk", filter=Q(pages__gt=105)),
    )  # fmt: skip
    assert found["n"] == 11, found
    assert found["price__sum"] == Decimal("164.45"), found
    by_author = Author.objects.annotate(n=Count("books"), most=Max("books__price")).order_by("-n", "name")
    assert [(each.name, each.n) for each in by_author][:2] == [("Ada again", 6), ("Bob", 5)]
    assert Author.objects.annotate(n=Count("books")).filter(n__gt=5).values("n").get() == {"n": 6}
    cheapest = Book.objects.filter(author=OuterRef("pk")).order_by("price").values("title")[:1]
    assert Author.objects.annotate(first=Subquery(cheapest)).get(name="Bob").first == "Book 01 again"
    assert Author.objects.filter(Exists(Book.objects.filter(author=OuterRef("pk"), rating__gt=3))).count() == 1
    ranked = Book.objects.annotate(
        place=Window(fn.Rank(), partition_by=F("author"), order_by=F("price").desc()),
        before=Window(fn.Lag("title"), order_by="title"),
        running=Window(Sum("pages"), order_by="title"),
    )
    assert sum(book.place == 1 for book in ranked) == 2
    kinds = Book.objects.annotate(
        kind=Case(When(pages__lt=104, then=Value("short")), When(pages=105, then=Value("odd")), default=Value("long"))
    )
    assert sorted(kinds.values_list("kind").annotate(Count("pk"))) == [("long", 6), ("odd", 1), ("short", 4)]
    from django.contrib.postgres.aggregates import ArrayAgg, BoolAnd, JSONBAgg, StringAgg

    row = Book.objects.aggregate(
        titles=StringAgg("title", ", ", order_by="title"), pages=ArrayAgg("pages", order_by="-pages"),
        all=BoolAnd("author__active"), json=JSONBAgg("shelf", order_by="shelf"),
    )  # fmt: skip
    assert row["titles"].startswith("Book 00, Book 01 again, Book 02"), row
    assert row["pages"][0] == 110, row


def _functions() -> None:
    book = Book.objects.annotate(
        up=fn.Upper("title"), low=fn.Lower("title"), n=fn.Length("title"),
        both=fn.Concat("title", Value("/"), "author__name"),
        part=fn.Substr("title", 1, 4), left=fn.Left("title", 2), rep=fn.Replace("title", Value("o"), Value("0")),
        pad=fn.LPad("title", 10, Value("*")), trim=fn.Trim(Value("  x ")), rev=fn.Reverse("title"),
        at=fn.StrIndex("title", Value("k")), one=fn.Coalesce("rating", Value(1.0)), big=fn.Greatest("pages", Value(3)),
        small=fn.Least("pages", Value(3)), null=fn.NullIf("pages", Value(102)), text=fn.Cast("pages", Tag._meta.pk),
        day=fn.TruncDay("published"), month=fn.TruncMonth("published"), year=fn.ExtractYear("published"),
        week=fn.ExtractWeek("published"), quarter=fn.ExtractQuarter("published"), hour=fn.ExtractHour("published"),
        sqrt=fn.Sqrt("pages"), mod=fn.Mod("pages", 7), round=fn.Round("price"), ceil=fn.Ceil("price"),
        abs=fn.Abs("shelf"),
        power=fn.Power("shelf", 2), md5=fn.MD5("title"), chr=fn.Chr(Value(65)), ord=fn.Ord("title"),
        repeat=fn.Repeat("title", 2), sign=fn.Sign("shelf"), log=fn.Log(10, "pages"), now=fn.Now(),
    ).get(title="Book 02")  # fmt: skip
    assert (book.up, book.n, book.both) == ("BOOK 02", 7, "Book 02/Ada again")
    assert (book.pad, book.at, book.one, book.big) == ("***Book 02", 4, 4 / 3, 103)
    assert (book.day.day, book.year, book.quarter, book.mod) == (27, 2024, 1, 5)
    assert book.md5 == hashlib.md5(b"Book 02").hexdigest()


def _relations() -> None:
    book = Book.objects.select_related("author").get(title="Book 03")
    assert book.author.name == "Bob"
    authors = Author.objects.prefetch_related(Prefetch("books", Book.objects.order_by("-pages")), "books__tags")
    assert [len(author.books.all()) for author in authors] == [6, 5, 0, 0]
    assert set(book.tags.values_list("slug", flat=True)) == {"sql", "python", "old"}
    assert Tag.objects.filter(book__author__name="Bob", book__pages__gt=103).distinct().count() == 3
    user = User.objects.create_user("me", "me@example.org", "secret")
    user.groups.add(Group.objects.create(name="all"))
    loan = Loan.objects.create(book=book, to=user, note="bring it back")
    Loan.objects.create(book=Book.objects.get(title="Book 04"), parent=loan)
    assert Loan.objects.filter(to__groups__name="all", book__author__active=False).get().loan_set.count() == 1
    book.tags.remove("old")
    book.tags.add("old", "sql")
    book.tags.clear()
    user.delete()
    assert Loan.objects.get(pk=loan.pk).to is None


def _transactions() -> None:
    try:
        with transaction.atomic():
            Author.objects.create(name="twice", email="ada@example.org")
    except IntegrityError as error:
        assert "author_email" in str(error) or "shop_author" in str(error), error
    try:
        with transaction.atomic():
            Book.objects.filter(title="Book 02").update(price=-1)
    except IntegrityError as error:
        assert "price_not_negative" in str(error), error
    with transaction.atomic():
        author = Author.objects.select_for_update().get(name="Bob")
        author.active = True
        author.save()
        try:
            with transaction.atomic():
                Author.objects.create(name="inner")
                raise ValueError
        except ValueError:
            pass
        list(Author.objects.select_for_update(skip_locked=True, of=("self",)).filter(active=True))
    assert not Author.objects.filter(name="inner").exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::int + 1, %s", [41, "x"])
        assert cursor.fetchone() == (42, "x")
    Author.objects.filter(name="Zoe").delete()


def admin() -> None:
    """Pages of the admin."""
    User.objects.create_superuser("root", "root@example.org", "secret")
    client = Client()
    assert client.get("/admin/").status_code == 302
    assert client.post("/admin/login/?next=/admin/", {"username": "root", "password": "secret"}).status_code == 302
    book = Book.objects.first()
    assert book is not None
    pages = [
        "/admin/", "/admin/shop/", "/admin/shop/book/", "/admin/shop/book/?q=Book", "/admin/shop/book/?o=-3.2",
        "/admin/shop/book/?published__year=2024", "/admin/shop/book/?tags__slug__exact=sql", "/admin/shop/book/add/",
        f"/admin/shop/book/{book.pk}/change/", f"/admin/shop/book/{book.pk}/history/",
        f"/admin/shop/book/{book.pk}/delete/", "/admin/auth/user/", "/admin/auth/user/1/change/",
        "/admin/auth/group/add/", "/admin/shop/loan/", "/admin/sites/site/", "/admin/flatpages/flatpage/",
    ]  # fmt: skip
    for page in pages:
        found = client.get(page)
        assert found.status_code in (200, 302), (page, found.status_code)
    assert client.post("/admin/shop/tag/add/", {"slug": "new", "_save": "Save"}).status_code == 302
    assert client.post("/admin/shop/tag/new/change/", {"slug": "newer", "_save": "Save"}).status_code == 302
    assert client.post("/admin/shop/tag/new/delete/", {"post": "yes"}).status_code == 302
    assert (
        client.post("/admin/shop/tag/", {"action": "delete_selected", "_selected_action": "newer"}).status_code == 200
    )
    assert client.post("/admin/logout/").status_code in (200, 302)


def inspect() -> None:
    """Models out of tables."""
    out = io.StringIO()
    call_command("inspectdb", include_views=True, stdout=out)
    text = out.getvalue()
    assert "class ShopBook(models.Model)" in text
    assert "author = models.ForeignKey(ShopAuthor, models.DO_NOTHING)" in text
    assert "unique_together = (('author', 'title'),)" in text
    with connection.cursor() as cursor:
        names = connection.introspection.table_names(cursor)
        assert "shop_book" in names
        for name in names:
            connection.introspection.get_constraints(cursor, name)
            connection.introspection.get_sequences(cursor, name)
            connection.introspection.get_relations(cursor, name)


def tests() -> None:
    """Django's test runner makes a database of its own."""
    call_command("test", "tests.pgwire.clients.django_site.shop", verbosity=0, interactive=False)


def main() -> None:
    """Take the parts that are named."""
    parts = {"migrate": migrate, "orm": orm, "admin": admin, "inspect": inspect, "tests": tests}
    for name in sys.argv[1:] or parts:
        parts[name]()


if __name__ == "__main__":
    main()
