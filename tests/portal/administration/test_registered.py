"""Every admin page is based on the admin kit."""

import sys

from django.contrib import admin

from foundation.adminkit.base import PortalAdmin


def test_every_registered_page_is_read_only_by_default_and_found_in_its_module() -> None:
    pages = {model._meta.label: type(page) for model, page in admin.site._registry.items()}
    assert len(pages) > 20
    for label, page in pages.items():
        assert issubclass(page, PortalAdmin), label
        # A class made at run time is in no module.
        assert getattr(sys.modules[page.__module__], page.__name__, None) is page, label


def test_what_may_be_changed_in_the_administration_is_listed_here() -> None:
    allowed = {
        model._meta.label_lower: set(page.allows)
        for model, page in admin.site._registry.items()
        if page.allows
    }
    assert allowed == {
        "accounts.invitation": {"add", "delete"},
        "accounts.user": {"change"},
        "auth.group": {"add", "change", "delete"},
        "integrations.customer": {"change"},
        "integrations.revieweraccess": {"add", "delete"},
    }
