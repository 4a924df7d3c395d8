"""Every URL and action of the admin, collected from Django."""

from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Any

from django.contrib import admin
from django.urls import NoReverseMatch, URLPattern, URLResolver, reverse

from integrations.admin import keys
from integrations.admin.customers._actions import ACTIONS as CUSTOMER_ACTIONS
from integrations.admin.settings._setting_pages import ACTIONS as SETTING_ACTIONS
from tests.portal.access.stage import Desk

CATCH_ALL = "(?P<url>.*)$"


@cache
def find_pages() -> dict[str, URLPattern]:
    """Return each URL pattern by name; the old short URL of a row is called `…_bare`."""
    found = {}
    for prefix, pattern in _all_patterns(admin.site.get_urls()):
        route = str(pattern.pattern)
        bare = prefix.strip("/").replace("/", "_") + "_bare"
        name = pattern.name or ("catch_all" if route == CATCH_ALL else bare)
        assert name not in found, f"Two addresses are called {name}."
        found[name] = pattern
    return found


def find_actions() -> set[str]:
    """Return `app_model.action` for every action on the rows of a list."""
    return {
        f"{model._meta.app_label}_{model._meta.model_name}.{name}"
        for model, model_admin in admin.site._registry.items()
        for name in _actions_of(model_admin)
    }


def find_page_actions() -> set[str]:
    """Return `page.action` for the pages with several actions."""
    pages = {
        "integrations_service_keys": keys.ACTIONS,
        "integrations_service_settings": SETTING_ACTIONS,
        "integrations_customer_do": CUSTOMER_ACTIONS,
    }
    return {f"{page}.{action}" for page, actions in pages.items() for action in actions}


def address_of(desk: Desk, name: str, *, action: str = "confirm") -> str:
    """Return the URL of a page about the stage's row of its model."""
    if name == "catch_all":
        return "/admin/nowhere/"
    if name == "app_list":
        return reverse("admin:app_list", args=["exams"])
    if name.endswith("_bare"):
        return address_of(desk, name.removesuffix("_bare") + "_change").removesuffix("change/")
    model = ".".join(name.split("_")[:2])
    row = desk.rows[model].pk if model in desk.rows else desk.stage.people["outsider"].pk
    row = desk.unheld.pk if action == "invite" else row
    known = {
        "object_id": row,
        "id": row,
        "pk": desk.backlog_import.pk if name == "exams_submission_backlog_stop" else row,
        "service_pk": desk.service.pk,
        "name": action,
        "content_type_id": 1,
    }
    wanted = find_pages()[name].pattern.converters
    return reverse(f"admin:{name}", kwargs={each: known[each] for each in wanted})


def addresses_of_nobody() -> Iterator[str]:
    """Return the URL of each page of a row, with unknown and invalid primary keys."""
    for name, pattern in find_pages().items():
        wanted = set(pattern.pattern.converters) - {"name", "content_type_id"}
        for key in ("999999", "abc", "-1", "٩" * 7, "9" * 30, "9" * 5000) if wanted and pattern.name else ():
            with suppress(NoReverseMatch):
                known = dict.fromkeys(wanted, key) | {"name": "gone", "content_type_id": 1}
                yield reverse(
                    f"admin:{name}", kwargs={each: known[each] for each in pattern.pattern.converters}
                )


def _actions_of(model_admin: Any) -> list[str]:
    chosen = [] if model_admin.actions is None else [name for _, name, _ in model_admin._get_base_actions()]
    # The other buttons of the theme have URLs of their own.
    return [*chosen, *model_admin.actions_submit_line]


def _all_patterns(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for each in patterns:
        if isinstance(each, URLResolver):
            yield from _all_patterns(each.url_patterns, prefix + str(each.pattern))
        else:
            yield prefix, each
