"""After a worker is killed during a download, the submission still becomes READY."""

import pytest

from tests.cloud import Cloud
from tests.e2e.acts import compare_captures, connect_and_link, exam_links
from tests.e2e.site import Site
from tests.processes import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


def test_a_worker_killed_while_it_downloads_costs_only_time(site: Site, world: Cloud) -> None:
    customer = world.add_customer()
    clinician = site.person("clinician@example.test")
    connect_and_link(clinician, customer=customer)
    world.fault(match="media", kind="drip", times=50)
    truth = world.submit(customer=customer, patient={"identifier": "E2E-crash"})
    wait_for(lambda: world.calls(path="/media/"), what="The download")
    site.kill_worker()
    (exam,) = exam_links(clinician.visit("/my/"))
    assert "fetching" in clinician.visit(exam).text.casefold()
    world.clear_faults()
    site.start_worker()
    # The lease of the dead worker must expire first.
    count = len(truth.captures)
    clinician.wait_until(exam, f"{count} of {count}", seconds=180)
    compare_captures(clinician, address=exam, truth=truth)
