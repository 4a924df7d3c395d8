"""Steps of every story: connect from the Cloud, view an exam, send a report, read it."""

import hashlib
import re
from pathlib import Path

from tests.cloud import Cloud, CloudCustomer, CloudSubmission
from tests.e2e.forms import Form, Page
from tests.e2e.person import Person
from tests.processes import wait_for


def connect_and_link(person: Person, *, customer: CloudCustomer) -> None:
    """Press Connect in the Cloud, sign up, confirm, and wait until the link is confirmed."""
    assert customer.connect_url
    person.visit(customer.connect_url)
    assert customer.token not in person.here
    person.sign_up()
    assert "/connect/" in person.here
    person.send(person.page.form(having="label"), label=customer.name, institution=customer.institution)
    person.wait_until("/my/", "linked")


def exam_links(page: Page) -> list[str]:
    """Return the addresses of exams on a page, in order."""
    return [link for link in page.links_to("/exams/") if re.fullmatch(r"/exams/[0-9a-f-]{36}/", link)]


def open_exam(person: Person, *, text: str, known: set[str]) -> str:
    """Wait in the worklist for an exam that was not there before, open it and return its address."""

    def new() -> str | None:
        return next((link for link in exam_links(person.visit("/worklist/")) if link not in known), None)

    address = wait_for(new, what="The exam in the worklist")
    assert address is not None
    known.add(address)
    person.wait_until(address, text)
    return address


def compare_captures(person: Person, *, address: str, truth: CloudSubmission) -> None:
    """Download every capture in order and compare it with the original at the Cloud."""

    def all_there() -> list[str] | None:
        links = person.visit(address).links_to("/file/")
        captures = [link for link in links if "/captures/" in link]
        plain = list(dict.fromkeys(link.partition("?")[0] for link in captures))
        return plain if len(plain) == len(truth.captures) else None

    links = wait_for(all_there, what="Every capture")
    assert links is not None
    assert [person.sha256(link) for link in links] == [capture.sha256 for capture in truth.captures]


def send_report(person: Person, *, exam: str, file: Path, name: str = "Echo report") -> str:
    """Upload, read the confirmation page, sign, and wait until it is delivered; returns its address."""
    page = person.visit(exam)
    token = {"csrfmiddlewaretoken": page.form(having="csrfmiddlewaretoken").fields["csrfmiddlewaretoken"]}
    for address in re.findall(r'data-seen="([^"]+)"', page.html):
        # As the viewer does when it displays a capture.
        person.send(Form(action=address, method="post", fields=token), status=204)
    page = person.visit(page.links_to("/report/")[0])
    page = person.send(page.form(having="file"), file=file, name=name)
    assert file.name in page.text
    address = person.here
    if file.suffix == ".pdf":
        wait_for(lambda: person.visit(address).links_to("/pages/1/"), what="The pages of the report")
    ticks = re.findall(r'name="tick" value="([^"]+)"', person.page.html)
    person.send(person.page.form(action="/sign/"), tick=ticks)
    person.wait_until(address, "delivered")
    return address


def compare_report(cloud: Cloud, *, truth: CloudSubmission, file: Path) -> None:
    """Check that the Cloud has this report once, with the same bytes."""
    (arrived,) = cloud.reports(request_uuid=truth.request_uuid)
    assert arrived.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert arrived.size == file.stat().st_size
