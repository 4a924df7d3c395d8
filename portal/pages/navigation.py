"""The sidebar of the administration. Every registered model is in one of its groups."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse

Item = dict[str, Any]

# Pages that do not list a model: title, URL name, icon, permission ("": every administrator).
PAGES = {
    "Today": [
        ("Back to the portal", "home", "arrow_back", ""),
        ("Today", "admin:index", "today", ""),
        ("Problems", "problems", "notification_important", ""),
        ("Backlog", "admin:exams_submission_backlog", "history", "exams.view_submission"),
    ],
}
# The models of each group, in order, with their icons. Other models are in the group of their app.
MODELS = {
    "Today": {"integrations.service": "cloud"},
    "Exams": {
        "exams.submission": "inbox",
        "exams.report": "description",
        "exams.capture": "image",
        "exams.exam": "ecg_heart",
        "exams.patient": "personal_injury",
        "exams.fieldmap": "account_tree",
    },
    "People": {
        "accounts.user": "person",
        "accounts.invitation": "mail",
        "accounts.grant": "verified_user",
        "auth.group": "group",
        "integrations.revieweraccess": "badge",
        "account.emailaddress": "alternate_email",
    },
    "Clarius Cloud": {
        "integrations.apikey": "key",
        "integrations.customer": "handshake",
        "integrations.link": "link",
        "integrations.application": "apps",
        "integrations.notificationrecord": "receipt_long",
    },
    "Background": {
        "exams.pollrun": "route",
        "exams.rejectednotification": "block",
        "exams.maintenancetask": "cleaning_services",
        "background.outgoingmail": "outgoing_mail",
        "background.heartbeat": "monitor_heart",
    },
    "Audit": {"audit.entry": "fact_check"},
}
# Shorter than the plural, which counts rows.
TITLES = {"audit.entry": "Audit log", "exams.maintenancetask": "Maintenance"}
# The groups of models that are not named above, by app.
GROUP_OF_APP = {
    "exams": "Background",
    "accounts": "People",
    "integrations": "Clarius Cloud",
    "audit": "Audit",
}


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups with the pages that this administrator may open."""
    groups: dict[str, list[Item]] = {name: [] for name in (*PAGES, *MODELS)}
    for name, pages in PAGES.items():
        groups[name] += [_page(request, *page) for page in pages]
    for model in _sorted_models():
        label = model._meta.label_lower
        groups[_group(model)].append(_list(request, model, _icon(label)))
    current = _current(request, [item for items in groups.values() for item in items])
    return [
        {
            "title": name,
            "separator": bool(place),
            "items": [item | {"active": item["link"] == current} for item in items if item["link"]],
        }
        for place, (name, items) in enumerate(groups.items())
    ]


def account_links(request: HttpRequest) -> list[dict[str, str]]:
    """Return the entries of the account menu."""
    return [
        {"title": "Portal", "link": reverse("home")},
        {"title": "Preferences", "link": reverse("preferences")},
    ]


def favicon(request: HttpRequest) -> str:
    """Return the address of the portal's icon."""
    return static("portal/mark.svg")


def stylesheet(request: HttpRequest) -> str:
    """Return the address of the stylesheet that the administration adds to its theme."""
    return static("portal/admin.css")


def _page(request: HttpRequest, title: str, name: str, icon: str, permission: str) -> Item:
    try:
        link = reverse(name)
    except NoReverseMatch:
        link = ""
    is_allowed = not permission or request.user.has_perm(permission)
    return {"title": title, "icon": icon, "link": link, "permission": lambda request: is_allowed}


def _list(request: HttpRequest, model: Any, icon: str) -> Item:
    is_allowed = _may_open(request, model)
    title = TITLES.get(model._meta.label_lower, str(model._meta.verbose_name_plural))
    return {
        "title": title[:1].upper() + title[1:],
        "icon": icon,
        "link": reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"),
        "permission": lambda request: is_allowed,
    }


def _may_open(request: HttpRequest, model: Any) -> bool:
    site = admin.site._registry[model]
    return bool(site.has_module_permission(request) and site.has_view_or_change_permission(request))


def _sorted_models() -> list[Any]:
    order = [label for models in MODELS.values() for label in models]
    place = {label: at for at, label in enumerate(order)}
    models = admin.site._registry
    return sorted(
        models,
        key=lambda model: (place.get(model._meta.label_lower, len(order)), model._meta.label_lower),
    )


def _group(model: Any) -> str:
    label = model._meta.label_lower
    named = (name for name, models in MODELS.items() if label in models)
    return next(named, GROUP_OF_APP.get(model._meta.app_label, "Background"))


def _icon(label: str) -> str:
    return next((models[label] for models in MODELS.values() if label in models), "list")


def _current(request: HttpRequest, items: list[Item]) -> str:
    """Return the link of the current page: the longest that its address starts with."""
    index = reverse("admin:index")
    matching = [item["link"] for item in items if item["link"] and request.path.startswith(item["link"])]
    longest = max(matching, key=len, default="")
    return "" if longest in (index, "/") and request.path != index else longest
