"""What the admin shows."""

from __future__ import annotations

from django.contrib import admin

from .models import Author, Book, Loan, Tag


@admin.register(Book)
class BookAdmin(admin.ModelAdmin):
    """A list with search, filters and dates."""

    list_display = ("title", "author", "price", "published")
    list_filter = ("author", "tags", "published")
    search_fields = ("title", "author__name")
    date_hierarchy = "published"
    list_select_related = ("author",)


admin.site.register([Author, Tag, Loan])
