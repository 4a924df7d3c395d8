"""Another client of the same Cloud, and the editor's form as a browser sends it."""

from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import requests
from django.test import Client

from integrations.models import Application, Service, Sync
from integrations.services.sync import read_now

CARDIAC = UUID("2e79155f-811c-4d29-9b49-807b20013518")
SIDES = {"title": "Side", "labels": ["Left", "Right"], "linked": True}
VIEWS = {"title": "View", "labels": ["Apical", "Short axis"], "linked": True}
NOTES = {"title": "Notes", "labels": ["Repeat"], "linked": False}
APPLICATION_PATH = f"services/applications/{CARDIAC}/"


class Elsewhere:
    """Another client of the same Cloud, with its own key."""

    def __init__(self, cloud: Any) -> None:
        self._url = f"{cloud.url}/api/public/v0/services/applications/{CARDIAC}/"
        self._headers = {"Authorization": f"Service-API-Key {cloud.new_key(name='elsewhere')}"}

    def put(self, *groups: dict[str, Any]) -> None:
        answer = requests.put(self._url, json={"annotations": groups}, headers=self._headers, timeout=10)
        assert answer.status_code == 200

    def get(self) -> Any:
        answer = requests.get(self._url, headers=self._headers, timeout=10)
        return answer.json()["annotations"] if answer.status_code == 200 else None


class _Form(HTMLParser):
    """Collects the fields that a browser sends for the untouched form of the editor."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._is_inside = False
        self._area = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        about = dict(attributes)
        self._is_inside |= tag == "form" and "annotation-editor" in (about.get("class") or "")
        name = about.get("name")
        if not self._is_inside or not name or tag not in ("input", "textarea"):
            return
        if tag == "textarea":
            self._area, self.fields[name] = name, ""
        elif about.get("type") != "checkbox" or "checked" in about:
            # A field of one line drops line breaks.
            self.fields[name] = (about.get("value") or "").replace("\n", "").replace("\r", "")

    def handle_endtag(self, tag: str) -> None:
        self._is_inside &= tag != "form"
        if tag == "textarea" and self._area:
            self.fields[self._area] = self.fields[self._area].removeprefix("\n").replace("\n", "\r\n")
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self.fields[self._area] += data


def page_of(application: Application, name: str = "change") -> str:
    """Return the path of a page about an application."""
    return f"/admin/integrations/application/{application.pk}/{name}/"


def opened(client: Client, application: Application, **query: str) -> dict[str, str]:
    """Open the editor and return the fields of its form."""
    form = _Form()
    form.feed(client.get(page_of(application), query).content.decode())
    return form.fields


def sent(client: Client, application: Application, fields: dict[str, str], **more: str) -> Any:
    """Send the form with the button to save, or with the given one."""
    return client.post(page_of(application), {"do": "save"} | fields | more)


def read_application(service: Service) -> Application:
    """Read the applications and return the one under test."""
    sync = read_now(service=service, kind=Sync.Kind.APPLICATIONS)
    assert sync is not None
    assert sync.problem == ""
    return Application.objects.get(remote_uuid=CARDIAC)


def scripted_application(scripted: Any, service: Service, groups: list[dict[str, Any]]) -> Application:
    """Let the scripted Cloud answer with these groups, whatever is written to it, and read them."""

    def answer() -> Any:
        return 200, {"uuid": str(CARDIAC), "name": "Cardiac", "annotations": groups}

    for method in ("GET", "PUT"):
        scripted.script(method, APPLICATION_PATH, answer)
    catalogue = [{"uuid": str(CARDIAC), "name": "Cardiac"}]
    scripted.script("GET", "exams/applications/", lambda: (200, catalogue))
    scripted.script("GET", "services/applications/", lambda: (200, [answer()[1]]))
    return read_application(service)


def asked_base(page: Any) -> str:
    """The fingerprint with which the page was opened."""
    return str(dict(page.context["question"].hidden)["base"])
