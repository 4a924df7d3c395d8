"""Every list and page of the admin writes times with a named month, in the reader's zone."""

import re
from typing import Any

from django.contrib import admin
from django.db.models import DateTimeField

from audit.models import Entry
from integrations.models import Application, Service
from tests.portal.access.stage import Desk
from tests.portal.administration.times import WRITTEN

# "March 4, 1970, 10:02 a.m.", "04/03/1970" and "1970-03-04 10:02", as a theme may write it.
FOREIGN = re.compile(r">[^<]*(?:[A-Z][a-z]{2,8}\.? \d{1,2}, \d{4}|\d+/\d+/\d{4}|\d{4}-\d\d-\d\d \d\d:)")


def _get(desk: Desk, model: Any, end: str = "") -> Any:
    address = f"/admin/{model._meta.app_label}/{model._meta.model_name}/{end}"
    answer = desk.browsers["superuser"].get(address)
    assert answer.status_code == 200, address
    return answer


def _moments_of(model: Any) -> set[str]:
    return {each.name for each in model._meta.fields if isinstance(each, DateTimeField)}


def _shown(answer: Any) -> set[str]:
    """The fields that the page of a row shows."""
    lines = (line for fieldset in answer.context.get("adminform") or () for line in fieldset)
    return {getattr(name, "__name__", name) for line in lines for name in line.fields}


def test_every_column_of_every_list_is_written_as_the_portal_writes_moments(desk: Desk) -> None:
    seen = 0
    for model, shown in admin.site._registry.items():
        page = _get(desk, model).content.decode()
        assert FOREIGN.findall(page) == [], model
        # The audit log cannot be changed, so its times are real.
        expected = "<time datetime=" if model is Entry else WRITTEN
        for name in _moments_of(model).intersection(shown.list_display):
            cells = re.findall(rf'<t[dh] class="field-{name} .*?>(.*?)</t[dh]>', page, re.DOTALL)
            assert cells and all(expected in cell for cell in cells), (model, name, cells)
            seen += 1
    assert seen > 20


def test_every_moment_on_every_page_of_a_row_is_written_so(desk: Desk) -> None:
    seen = 0
    for model in admin.site._registry:
        answer = _get(desk, model, f"{desk.rows[model._meta.label_lower].pk}/change/")
        page = answer.content.decode()
        assert FOREIGN.findall(page) == [], model
        shown = _shown(answer) & _moments_of(model)
        # The time of an audit entry is real; the page of an application is its editor.
        least = 0 if model in (Entry, Application) else len(shown)
        assert page.count(WRITTEN) >= least, (model, shown)
        seen += least
    assert seen > 60


def test_a_birth_date_is_no_moment_and_keeps_its_day(desk: Desk) -> None:
    patient = desk.rows["exams.patient"]
    page = _get(desk, type(patient), f"{patient.pk}/change/").content.decode()
    assert "06 May 1931" in page


def test_lists_are_still_ordered_by_their_moments(desk: Desk) -> None:
    place = admin.site._registry[Service].list_display.index("polled_at") + 1
    answer = _get(desk, Service, f"?o=-{place}")
    assert answer.context["cl"].get_ordering_field_columns() == {place: "desc"}
    assert answer.context["cl"].get_ordering(None, Service.objects.all())[0] == "-polled_at"


def test_the_history_of_a_row_has_a_named_month_too(desk: Desk) -> None:
    browser, customer = desk.browsers["superuser"], desk.rows["integrations.customer"]
    address = f"/admin/integrations/customer/{customer.pk}/"
    browser.post(f"{address}change/", {"label": "Dr. Other", "institution": ""})
    page = browser.get(f"{address}history/").content.decode()
    assert re.search(r"\d\d [A-Z][a-z]{2} \d{4}, \d\d:\d\d", page)
    assert FOREIGN.findall(page) == []


def test_every_page_says_whose_clock_it_is(desk: Desk) -> None:
    page = _get(desk, Service).content.decode()
    assert "Times are in America/New_York; point at one to see it in UTC." in page
