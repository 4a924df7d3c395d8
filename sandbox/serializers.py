"""The provider's data structures and field rules."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from sandbox.models import NotificationRecord, Service, ServiceKey, Submission
from sandbox.notifier import notification_payload

URL_LENGTH = 2000


class SubmissionSerializer(serializers.Serializer[Submission]):
    """One row of the poll."""

    request_uuid = serializers.UUIDField()
    exam_uuid = serializers.UUIDField()
    customer_id = serializers.CharField()
    download_url = serializers.URLField()
    submitted_at = serializers.DateTimeField()

    def to_representation(self, instance: Submission) -> dict[str, Any]:
        return notification_payload(instance, root="exams/download-requests")


class CaptureLinkSerializer(serializers.Serializer[Any]):
    """A capture with its expiring link."""

    url = serializers.URLField()


class DownloadDataSerializer(serializers.Serializer[Any]):
    """The data of one submission."""

    request_uuid = serializers.UUIDField()
    patient = serializers.DictField()
    captures = CaptureLinkSerializer(many=True)


class ConfirmationSerializer(serializers.Serializer[Any]):
    """A customer's token."""

    token = serializers.CharField(max_length=200)


@extend_schema_field({"type": "string", "maxLength": URL_LENGTH, "description": "A URL, or nothing."})
class SettingField(serializers.URLField):
    """A URL that may contain {token}, or an empty text."""

    def __init__(self) -> None:
        super().__init__(allow_blank=True, max_length=URL_LENGTH, required=False)


class SettingsSerializer(serializers.ModelSerializer[Service]):
    """The two settings of a service."""

    notification_url = SettingField()
    token_transfer_url = SettingField()

    class Meta:
        model = Service
        fields = ("notification_url", "token_transfer_url")

    def validate_token_transfer_url(self, value: str) -> str:
        if value and "{token}" not in value:
            raise serializers.ValidationError("The URL must contain {token}.")
        return value


class TokenPageSerializer(serializers.Serializer[Any]):
    """A page of tokens."""

    count = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = serializers.ListField(child=serializers.CharField())


class ReceivedReportSerializer(serializers.Serializer[Any]):
    """The answer to an accepted report."""

    name = serializers.CharField()


class ReportSerializer(serializers.Serializer[Any]):
    """An uploaded report."""

    name = serializers.CharField(max_length=200)
    file = serializers.FileField(max_length=100)


class LegacyReportSerializer(serializers.Serializer[Any]):
    """A report in the version of February 2023: only the file."""

    file = serializers.FileField(max_length=100)


class SentSerializer(serializers.Serializer[Any]):
    """The request to the webhook."""

    url = serializers.CharField()
    method = serializers.CharField()
    content = serializers.CharField()


class TakenSerializer(serializers.Serializer[Any]):
    """The response of the webhook; the documents show null only."""

    status_code = serializers.IntegerField()
    content = serializers.CharField()


class EventSerializer(serializers.Serializer[Any]):
    """One call to the webhook."""

    sent_at = serializers.DateTimeField()
    request = SentSerializer()
    response = TakenSerializer(allow_null=True)
    error = serializers.CharField(allow_null=True)


class RecordSerializer(serializers.Serializer[NotificationRecord]):
    """The record of one notification."""

    logged_at = serializers.DateTimeField()
    event = EventSerializer()

    def to_representation(self, instance: NotificationRecord) -> dict[str, Any]:
        instant = serializers.DateTimeField()
        return {
            "logged_at": instant.to_representation(instance.logged_at),
            "event": {
                "sent_at": instant.to_representation(instance.sent_at),
                "request": {"url": instance.url, "method": "POST", "content": instance.content},
                "response": instance.response,
                "error": instance.error,
            },
        }


class KeySerializer(serializers.ModelSerializer[ServiceKey]):
    """An API key in the list."""

    name = serializers.CharField(max_length=50)

    class Meta:
        model = ServiceKey
        fields = ("prefix", "name", "created")
        read_only_fields = ("prefix", "created")


class CreatedKeySerializer(KeySerializer):
    """A new API key with its text, shown once."""

    key = serializers.CharField(read_only=True)

    class Meta(KeySerializer.Meta):
        fields = (*KeySerializer.Meta.fields, "key")  # type: ignore[assignment]


class ApplicationSerializer(serializers.Serializer[Any]):
    """An exam preset."""

    uuid = serializers.UUIDField()
    name = serializers.CharField()


class AnnotationSerializer(serializers.Serializer[Any]):
    """A titled group of labels."""

    title = serializers.CharField(max_length=200)
    labels = serializers.ListField(child=serializers.CharField(max_length=200))
    linked = serializers.BooleanField()


class CustomizationSerializer(serializers.Serializer[Any]):
    """The body of a PUT."""

    annotations = AnnotationSerializer(many=True)


class CustomizedApplicationSerializer(ApplicationSerializer):
    """A customized exam preset."""

    annotations = AnnotationSerializer(many=True)
