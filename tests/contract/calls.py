"""The seventeen calls, and which test covers which of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

Test = TypeVar("Test", bound=Callable[..., object])
ROOT = "/api/public/v0/"


@dataclass(frozen=True)
class Call:
    """One call of the provider's documents.

    `client` names what speaks or reads it, `routes` where the sandbox answers it, below its API's root.
    Of the two calls that come to us `ours` is the portal's address and `page` the sandbox's that makes them.
    """

    number: int
    name: str
    client: tuple[str, ...] = ()
    routes: tuple[tuple[str, str], ...] = ()
    ours: str = ""
    page: str = ""


CALLS = (
    Call(1, "token hand-over", ours="/connect/echo/", page="/"),
    Call(
        2,
        "notification",
        client=("Notification.from_json",),
        ours="/webhooks/clarius/echo/secret/",
        page="/notifications/",
    ),
    Call(3, "poll", ("ClariusClient.exam_pages",), (("get", "exams/accessible/"),)),
    Call(
        4,
        "download",
        ("ClariusClient.download_data",),
        (
            ("get", "exams/download-requests/{request_uuid}/data/"),
            ("get", "download-requests/{request_uuid}/data/"),
        ),
    ),
    Call(
        5,
        "customer confirmation",
        ("ClariusClient.confirm_customer",),
        (("post", "services/customer-confirmations/"),),
    ),
    Call(
        6, "active tokens", ("ClariusClient.confirmed_token_pages",), (("get", "services/confirmed-tokens/"),)
    ),
    Call(
        7,
        "report upload",
        ("ClariusClient.upload_report",),
        (
            ("post", "services/requests/{request_uuid}/reports/"),
            ("put", "services/requests/{request_uuid}/report/"),
        ),
    ),
    Call(8, "read settings", ("ClariusClient.get_settings",), (("get", "services/settings/"),)),
    Call(9, "change settings", ("ClariusClient.update_settings",), (("patch", "services/settings/"),)),
    Call(
        10,
        "notification records",
        ("ClariusClient.notification_record_pages",),
        (("get", "services/notifications/records/"),),
    ),
    Call(11, "list API keys", ("ClariusClient.list_api_keys",), (("get", "services/api-keys/"),)),
    Call(12, "create API key", ("ClariusClient.create_api_key",), (("post", "services/api-keys/"),)),
    Call(
        13, "revoke API key", ("ClariusClient.revoke_api_key",), (("delete", "services/api-keys/{prefix}/"),)
    ),
    Call(14, "applications", ("ClariusClient.list_applications",), (("get", "exams/applications/"),)),
    Call(
        15,
        "customized applications",
        ("ClariusClient.list_customized_applications", "ClariusClient.get_customized_application"),
        (("get", "services/applications/"), ("get", "services/applications/{application}/")),
    ),
    Call(
        16,
        "customize",
        ("ClariusClient.customize_application",),
        (("put", "services/applications/{application}/"),),
    ),
    Call(
        17,
        "remove customization",
        ("ClariusClient.remove_customization",),
        (("delete", "services/applications/{application}/"),),
    ),
)


def covers(*numbers: int) -> Callable[[Test], Test]:
    """Declare which calls a test makes; `test_table.py` requires it for every call."""

    def mark(test: Test) -> Test:
        vars(test)["covered_calls"] = numbers
        return test

    return mark
