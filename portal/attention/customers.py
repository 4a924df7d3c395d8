"""Problems of customers: linked here, and not listed by Clarius Cloud."""

from collections.abc import Iterator

from django.db.models import Count, Min

from integrations.models import Customer, Link, Service
from portal.attention.deeds import CONFIRM
from portal.attention.problem import Mend, Problem, list_url


def find_customer_problems() -> Iterator[Problem]:
    """Look at the customers of each active service."""
    missing = Customer.Standing.MISSING
    for service in Service.objects.in_use().order_by("name"):
        rows = Customer.objects.filter(service=service).that_stand(missing).order_by()
        found = rows.aggregate(count=Count("pk"), oldest=Min("missed_at"))
        if found["count"]:
            links = Link.objects.confirmed().filter(customer__in=rows.values("pk"))
            yield Problem(
                "customers_missing",
                f"Clarius Cloud did not list customers of {service.name} that are linked here, so their "
                "exams may not come.",
                "See the customers",
                list_url(Customer, standing=missing.value, service__id__exact=service.pk),
                "customer",
                "integrations.view_customer",
                about=service.slug,
                mend=Mend(rows=links, permission="integrations.operate_link", deeds=(CONFIRM,)),
                **found,
            )
