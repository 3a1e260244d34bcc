"""What Django's own test runner runs."""

from __future__ import annotations

from django.db import IntegrityError, connection, transaction
from django.test import TestCase, TransactionTestCase

from .models import Author, Book


class InTransactions(TestCase):
    """Each test is rolled back."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.author = Author.objects.create(name="Ada", email="ada@example.org")

    def test_a_row_is_seen(self) -> None:
        Book.objects.create(title="Notes", author=self.author, price="9.99", pages=3)
        assert str(Book.objects.get(title="Notes").total) == "29.97"

    def test_what_others_made_is_gone(self) -> None:
        assert Book.objects.count() == 0

    def test_an_error_within_a_savepoint(self) -> None:
        with self.assertRaises(IntegrityError), transaction.atomic():
            Author.objects.create(name="Eve", email="ada@example.org")
        assert Author.objects.count() == 1


class Committed(TransactionTestCase):
    """Tables are emptied behind each test."""

    def test_commits_are_real(self) -> None:
        with transaction.atomic():
            Author.objects.create(name="Bob")
        assert Author.objects.filter(name__icontains="bo").exists()
        assert connection.in_atomic_block is False

    def test_sequences_go_on(self) -> None:
        first = Author.objects.create(name="a")
        second = Author.objects.create(name="b")
        assert second.pk == first.pk + 1
