"""The Cloud's answers as typed objects; undocumented fields are kept in `extra`."""

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self
from urllib.parse import urljoin

from integrations.clarius import fields
from integrations.clarius.errors import ProtocolError
from integrations.clarius.keys import Secret

Extra = Mapping[str, Any]
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


@dataclass(frozen=True)
class Notification:
    """One submission, as the list describes it; without a time where that cannot be read."""

    request_uuid: uuid.UUID
    exam_uuid: uuid.UUID
    customer_id: str = field(repr=False)
    download_url: str = field(repr=False)
    submitted_at: datetime | None
    extra: Extra = field(default_factory=dict, repr=False)

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Read one; raises ProtocolError that names the field, and the submission where that can be read."""
        source = fields.as_object(value, what="submission")
        request_uuid = fields.identifier(source, "request_uuid")
        try:
            return cls(
                request_uuid=request_uuid,
                exam_uuid=fields.identifier(source, "exam_uuid"),
                customer_id=fields.token(source.get("customer_id"), name="customer_id"),
                download_url=fields.text(source, "download_url"),
                submitted_at=fields.optional(fields.moment, source, "submitted_at"),
                extra=fields.others(
                    source, "request_uuid", "exam_uuid", "customer_id", "download_url", "submitted_at"
                ),
            )
        except ProtocolError as error:
            error.detail = f"submission {request_uuid}"
            raise


@dataclass(frozen=True)
class CaptureLink:
    """A link to a capture, "" where the item has none; it expires, so it is never stored.

    `given` is the link as the Cloud wrote it, which may be relative.
    """

    url: str = field(repr=False)
    given: str = field(default="", repr=False)
    extra: Extra = field(default_factory=dict, repr=False)

    @classmethod
    def from_json(cls, value: Any, *, base: str) -> Self:
        """Read one; an address without a host counts from `base`, the address of the data."""
        source = value if isinstance(value, dict) else {}
        given = url = fields.optional(fields.text, source, "url") or ""
        if url and not _SCHEME.match(url):
            try:
                url = urljoin(base, url)
            except ValueError:
                url = ""
        return cls(url=url, given=given, extra=fields.others(source, "url"))


@dataclass(frozen=True)
class DownloadData:
    """The data of one submission; `raw` is the answer as it came, `captures` None where it lists none."""

    request_uuid: uuid.UUID
    patient: Mapping[str, Any] = field(repr=False)
    captures: tuple[CaptureLink, ...] | None
    extra: Extra = field(repr=False)
    raw: str = field(repr=False)

    @classmethod
    def from_json(cls, value: Any, *, raw: str, base: str = "") -> Self:
        """Read one that came from the address `base`; raises ProtocolError if it names no submission."""
        source = fields.as_object(value, what="submission data")
        patient, captures = source.get("patient"), source.get("captures")
        return cls(
            request_uuid=fields.identifier(source, "request_uuid"),
            patient=patient if isinstance(patient, dict) else {},
            captures=(
                tuple(CaptureLink.from_json(each, base=base) for each in captures)
                if isinstance(captures, list)
                else None
            ),
            extra=fields.others(source, "request_uuid", "patient", "captures"),
            raw=raw,
        )


@dataclass(frozen=True)
class RemoteSettings:
    """The service's settings as the Cloud has them; "" means off."""

    notification_url: str = field(repr=False)
    token_transfer_url: str
    extra: Extra = field(default_factory=dict, repr=False)

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Read them; null counts as off. Raises ProtocolError."""
        source = fields.as_object(value, what="settings")
        known = ("notification_url", "token_transfer_url")
        for name in known:
            if name not in source:
                raise fields.missing(name)
        filled = {name: source[name] if source[name] is not None else "" for name in known}
        return cls(
            notification_url=fields.text(filled, "notification_url"),
            token_transfer_url=fields.text(filled, "token_transfer_url"),
            extra=fields.others(source, *known),
        )


@dataclass(frozen=True)
class NotificationRecord:
    """The Cloud's log of one call to a webhook."""

    logged_at: datetime
    sent_at: datetime
    url: str = field(repr=False)
    method: str
    content: str = field(repr=False)
    response: Any = field(repr=False)
    error: str | None
    extra: Extra = field(default_factory=dict, repr=False)

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Read one; a response has no documented shape and is kept as it is. Raises ProtocolError."""
        source = fields.as_object(value, what="record")
        event = fields.as_object(source.get("event"), what="event")
        request = fields.as_object(event.get("request"), what="request")
        content, error = request.get("content"), event.get("error")
        return cls(
            logged_at=fields.moment(source, "logged_at"),
            sent_at=fields.moment(event, "sent_at"),
            url=fields.text(request, "url"),
            method=fields.text(request, "method"),
            # Documented as text; a Cloud that sends the object itself means the same.
            content=fields.text(request, "content") if isinstance(content, str) else _as_text(content),
            response=event.get("response"),
            error=None if error is None else str(error),
            extra=fields.others(source, "logged_at", "event"),
        )


def _as_text(content: Any) -> str:
    return "" if content is None else json.dumps(content)


@dataclass(frozen=True)
class RemoteKey:
    """An API key as the Cloud lists it, without its secret."""

    prefix: str
    name: str
    created: datetime | None

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Read one; raises ProtocolError."""
        source = fields.as_object(value, what="API key")
        return cls(
            prefix=fields.text(source, "prefix"),
            name=fields.optional(fields.text, source, "name") or "",
            created=fields.optional(fields.moment, source, "created"),
        )


@dataclass(frozen=True)
class CreatedKey(RemoteKey):
    """A new API key; the Cloud shows its secret only once."""

    key: Secret

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Read one; raises ProtocolError."""
        source = fields.as_object(value, what="API key")
        key = fields.text(source, "key")
        # Whatever else cannot be read, the key must not be lost; it begins with its prefix.
        listed = RemoteKey.from_json({"prefix": key.partition(".")[0], **source})
        return cls(prefix=listed.prefix, name=listed.name, created=listed.created, key=Secret(key))


@dataclass(frozen=True)
class Application:
    """An exam preset of the scanner app."""

    uuid: uuid.UUID
    name: str
    extra: Extra = field(default_factory=dict, repr=False)

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Read one; raises ProtocolError."""
        source = fields.as_object(value, what="application")
        return cls(
            uuid=fields.identifier(source, "uuid"),
            name=fields.text(source, "name"),
            extra=fields.others(source, "uuid", "name"),
        )


@dataclass(frozen=True)
class AnnotationGroup:
    """A titled list of labels; labels of linked groups are combined with one another."""

    title: str
    labels: tuple[str, ...]
    linked: bool
    extra: Extra = field(default_factory=dict, repr=False)

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Read one; raises ProtocolError."""
        source = fields.as_object(value, what="annotation group")
        labels = fields.as_list(source.get("labels"), what="labels")
        if not isinstance(source.get("linked"), bool):
            raise fields.missing("linked")
        # They are sent back as they came, so nothing may be removed here.
        return cls(
            title=fields.exact_text(source, "title"),
            labels=tuple(fields.exact_text({"labels": each}, "labels") for each in labels),
            linked=source["linked"],
            extra=fields.others(source, "title", "labels", "linked"),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON for a PUT, undocumented fields included."""
        return {**self.extra, "title": self.title, "labels": list(self.labels), "linked": self.linked}


@dataclass(frozen=True)
class CustomizedApplication:
    """An application whose annotations were customized for the service's users."""

    uuid: uuid.UUID
    name: str
    annotations: tuple[AnnotationGroup, ...]
    extra: Extra = field(default_factory=dict, repr=False)

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Read one; raises ProtocolError."""
        source = fields.as_object(value, what="application")
        groups = fields.as_list(source.get("annotations"), what="annotations")
        return cls(
            uuid=fields.identifier(source, "uuid"),
            name=fields.text(source, "name"),
            annotations=tuple(AnnotationGroup.from_json(each) for each in groups),
            extra=fields.others(source, "uuid", "name", "annotations"),
        )
