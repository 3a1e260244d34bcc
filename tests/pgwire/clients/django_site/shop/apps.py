"""Its configuration."""

from __future__ import annotations

from django.apps import AppConfig


class ShopConfig(AppConfig):
    """With a label of its own."""

    name = "tests.pgwire.clients.django_site.shop"
    label = "shop"
