"""The calls that a service makes to Clarius Cloud, one method for each."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, BinaryIO, Self
from urllib.parse import quote, urlencode
from uuid import UUID

from integrations.clarius import fields
from integrations.clarius.egress import Origin, Resolver, system_resolver
from integrations.clarius.errors import NotFound, ProtocolError, Rejected
from integrations.clarius.keys import Secret
from integrations.clarius.pages import Page, follow_pages, read_steadily
from integrations.clarius.schemas import (
    AnnotationGroup,
    Application,
    CreatedKey,
    CustomizedApplication,
    DownloadData,
    Notification,
    NotificationRecord,
    RemoteKey,
    RemoteSettings,
)
from integrations.clarius.transport import Transport
from integrations.clarius.upload import upload

# Some answers to a repeated confirmation are errors although the customer is confirmed.
_ALREADY_CONFIRMED = re.compile(r"already[ _-](been[ _-])?(confirmed|active|connected|linked)", re.IGNORECASE)


class ClariusClient:
    """A client of Clarius Cloud for one service; create one for each thread and close it.

    Every method raises a subclass of ``errors.ClariusError``, whose ``retryable`` tells whether trying
    again can help and whose ``retry_after`` tells how long to wait. The key is sent only to the origin of
    ``base_url``.
    """

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str | Secret,
        allowed_networks: Iterable[str] = (),
        resolver: Resolver = system_resolver,
    ) -> None:
        """Raises BlockedByPolicy for an address that may not be called, ValueError for an unusable key."""
        key = api_key if isinstance(api_key, Secret) else Secret(api_key)
        prefix, dot, _ = key.reveal().partition(".")
        self._key_prefix = prefix if dot else ""
        self._transport = Transport(
            base_url=base_url, api_key=key, allowed_networks=allowed_networks, resolver=resolver
        )

    @property
    def origin(self) -> Origin:
        """The only origin to which the key is sent."""
        return self._transport.origin

    @property
    def key_prefix(self) -> str:
        """The part of the key that may be shown; empty when the key has none."""
        return self._key_prefix

    @property
    def last_status(self) -> int | None:
        """The status of the latest call; None before the first call and when no answer came."""
        return self._transport.last_status

    @property
    def last_date(self) -> datetime | None:
        """The time of the latest answer by the Cloud's clock; None when the answer has no date."""
        return self._transport.last_date

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- Exams -------------------------------------------------------------------------------------------

    def exam_pages(self, *, customer_id: str | None = None, limit: int = 100) -> Iterator[Page[Notification]]:
        """Yield the accessible submissions page by page, of one customer if given.

        Raises ValueError for an empty customer, since the Cloud would answer with everybody's.
        """
        if customer_id is not None and not customer_id.strip():
            raise ValueError("An empty customer_id would ask for the submissions of everybody.")
        query = {"customer_id": customer_id} if customer_id is not None else {}
        return self._pages("exams/accessible/", Notification.from_json, limit=limit, **query)

    def download_data(self, *, download_url: str) -> DownloadData:
        """Fetch a submission's data from the address the Cloud gave; raises ForeignOrigin for any other."""
        url = self._transport.own_url(download_url).text
        answer = self._transport.call("GET", url)
        return DownloadData.from_json(answer.json(), raw=answer.text(), base=url)

    # --- Customers ---------------------------------------------------------------------------------------

    def confirm_customer(self, *, token: str) -> None:
        """Confirm to the Cloud that an account holds this token; safe to repeat. Raises NotFound."""
        url = self._url("services/customer-confirmations/")
        try:
            # Not retried within the call although that would be safe: the job is scheduled again anyway.
            self._transport.call("POST", url, payload={"token": token})
        except Rejected as error:
            if error.status not in {400, 409} or not _ALREADY_CONFIRMED.search(error.detail):
                raise

    def confirmed_token_pages(self, *, limit: int = 10_000) -> Iterator[Page[str]]:
        """Yield the tokens of every confirmed customer page by page."""
        return self._pages("services/confirmed-tokens/", fields.token, limit=limit)

    # --- Reports -----------------------------------------------------------------------------------------

    def upload_report(
        self,
        *,
        request_uuid: UUID,
        name: str,
        file: BinaryIO,
        file_name: str,
        content_type: str,
        use_put: bool = False,
        on_progress: Callable[[], None] | None = None,
    ) -> None:
        """Send one report, streamed, without a retry.

        `use_put` uses the API of February 2023, which takes one unnamed file. UncertainOutcome means that
        the report may have arrived and a person has to check. Errors of `on_progress` are not caught.
        """
        root = f"services/requests/{request_uuid}/"
        upload(
            self._transport,
            method="PUT" if use_put else "POST",
            url=self._url(root + ("report/" if use_put else "reports/")),
            form={} if use_put else {"name": name},
            file=file,
            file_name=file_name,
            content_type=content_type,
            on_progress=on_progress,
        )

    # --- Settings and records ----------------------------------------------------------------------------

    def get_settings(self) -> RemoteSettings:
        """Read the service's settings; also the call that shows whether a key works."""
        return RemoteSettings.from_json(self._get("services/settings/"))

    def update_settings(
        self, *, notification_url: str | None = None, token_transfer_url: str | None = None
    ) -> RemoteSettings:
        """Change the settings that are given; "" turns one off. Rejected names the refused fields."""
        wanted = {"notification_url": notification_url, "token_transfer_url": token_transfer_url}
        payload = {name: value for name, value in wanted.items() if value is not None}
        answer = self._transport.call("PATCH", self._url("services/settings/"), payload=payload)
        try:
            return RemoteSettings.from_json(answer.json())
        except ProtocolError:
            # The answer to a PATCH is not documented.
            return self.get_settings()

    def notification_record_pages(self, *, limit: int = 100) -> Iterator[Page[NotificationRecord]]:
        """Yield the Cloud's log of its calls to our webhook, kept for 14 days, page by page."""
        return self._pages("services/notifications/records/", NotificationRecord.from_json, limit=limit)

    # --- API keys ----------------------------------------------------------------------------------------

    def list_api_keys(self) -> tuple[RemoteKey, ...]:
        """List the service's keys."""
        return self._all("services/api-keys/", RemoteKey.from_json)

    def create_api_key(self, *, name: str) -> CreatedKey:
        """Create a key; only this answer has its secret, so store it before anything else."""
        answer = self._transport.call("POST", self._url("services/api-keys/"), payload={"name": name})
        return CreatedKey.from_json(answer.json())

    def revoke_api_key(self, *, prefix: str) -> None:
        """Revoke a key other than the one in use; a key that no longer exists counts as revoked.

        Raises ValueError for a prefix that would change the path.
        """
        if not prefix or prefix in {".", ".."}:
            raise ValueError("A part of a path must not be empty.")
        try:
            self._transport.call("DELETE", self._url(f"services/api-keys/{quote(prefix, safe='')}/"))
        except NotFound:
            return

    # --- Applications ------------------------------------------------------------------------------------

    def list_applications(self) -> tuple[Application, ...]:
        """List the applications of Clarius Cloud."""
        return self._all("exams/applications/", Application.from_json)

    def list_customized_applications(self) -> tuple[CustomizedApplication, ...]:
        """List the applications that were customized for this service."""
        return self._all("services/applications/", CustomizedApplication.from_json)

    def get_customized_application(self, *, uuid: UUID) -> CustomizedApplication | None:
        """Return one customization, or None when there is none."""
        try:
            return CustomizedApplication.from_json(self._get(f"services/applications/{uuid}/"))
        except NotFound:
            return None

    def customize_application(
        self, *, uuid: UUID, annotations: Sequence[AnnotationGroup]
    ) -> CustomizedApplication:
        """Replace an application's annotations."""
        answer = self._transport.call(
            "PUT",
            self._url(f"services/applications/{uuid}/"),
            payload={"annotations": [group.to_json() for group in annotations]},
        )
        return CustomizedApplication.from_json(answer.json())

    def remove_customization(self, *, uuid: UUID) -> None:
        """Restore the Cloud's own annotations; does nothing when there is no customization."""
        try:
            self._transport.call("DELETE", self._url(f"services/applications/{uuid}/"))
        except NotFound:
            return

    # --- Transport ---------------------------------------------------------------------------------------

    def _url(self, path: str) -> str:
        return self._transport.url(path)

    def _get(self, path: str) -> Any:
        return self._transport.call("GET", self._url(path)).json()

    def _pages(
        self, path: str, read: Callable[[Any], Any], *, limit: int, **query: str
    ) -> Iterator[Page[Any]]:
        return read_steadily(
            self._transport, self._url(f"{path}?{urlencode({**query, 'limit': limit})}"), read
        )

    def _all(self, path: str, read: Callable[[Any], Any]) -> tuple[Any, ...]:
        """Read a whole list: the documents give it without pages, a later version may not."""
        items: list[Any] = []
        for page in follow_pages(self._transport, self._url(path), read):
            if page.faulty:
                raise page.faulty[0]
            items += page.results
        return tuple(items)
