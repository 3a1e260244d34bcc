"""The models."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower


class Author(models.Model):
    """Who writes."""

    name = models.CharField(max_length=100)
    email = models.EmailField(unique=True, null=True)
    born = models.DateField(null=True, blank=True)
    active = models.BooleanField(default=True)

    class Meta:
        """Order and indexes."""

        ordering = ("name", "id")
        indexes = [models.Index(Lower("name"), name="author_lower"), models.Index(fields=["-born"], name="author_born")]

    def __str__(self) -> str:
        return self.name


class Tag(models.Model):
    """A word for books."""

    slug = models.SlugField(primary_key=True)

    def __str__(self) -> str:
        return self.slug


class Book(models.Model):
    """What is sold."""

    key = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    title = models.CharField(max_length=200, db_index=True)
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="books")
    tags = models.ManyToManyField(Tag, blank=True)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    pages = models.PositiveIntegerField(default=1)
    rating = models.FloatField(null=True, blank=True)
    published = models.DateTimeField(null=True, blank=True)
    length = models.DurationField(null=True, blank=True)
    opens = models.TimeField(null=True, blank=True)
    data = models.JSONField(default=dict, blank=True)
    words = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    cover = models.BinaryField(null=True, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    sold = models.PositiveBigIntegerField(default=0)
    shelf = models.SmallIntegerField(null=True, blank=True)
    total = models.GeneratedField(
        expression=F("price") * F("pages"),
        output_field=models.DecimalField(max_digits=12, decimal_places=2),
        db_persist=True,
    )

    class Meta:
        """Constraints."""

        constraints = [
            models.UniqueConstraint(fields=["author", "title"], name="one_title_per_author"),
            models.CheckConstraint(condition=Q(price__gte=0), name="price_not_negative"),
            models.UniqueConstraint(fields=["shelf"], condition=Q(shelf__gt=0), name="one_per_shelf"),
        ]

    def __str__(self) -> str:
        return self.title


class Loan(models.Model):
    """Who has which book."""

    book = models.OneToOneField(Book, on_delete=models.PROTECT)
    to = models.ForeignKey("auth.User", on_delete=models.SET_NULL, null=True)
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, blank=True)
    note = models.TextField(blank=True, db_comment="what was said")

    def __str__(self) -> str:
        return f"{self.book} to {self.to}"
