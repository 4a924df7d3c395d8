"""The provider's shapes and field rules."""

from typing import Any

from django.conf import settings
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
    """Where a capture can be fetched for a while."""

    url = serializers.URLField()


class DownloadDataSerializer(serializers.Serializer[Any]):
    """The data of one submission."""

    request_uuid = serializers.UUIDField()
    patient = serializers.DictField()
    captures = CaptureLinkSerializer(many=True)


class ConfirmationSerializer(serializers.Serializer[Any]):
    """A token that an account took."""

    token = serializers.CharField(max_length=200)


class SettingsSerializer(serializers.ModelSerializer[Service]):
    """The two settings of a service."""

    notification_url = serializers.URLField(allow_blank=True, max_length=URL_LENGTH, required=False)
    token_transfer_url = serializers.URLField(allow_blank=True, max_length=URL_LENGTH, required=False)

    class Meta:
        model = Service
        fields = ("notification_url", "token_transfer_url")

    def validate_token_transfer_url(self, value: str) -> str:
        if value and "{token}" not in value:
            raise serializers.ValidationError("The URL must contain {token}.")
        return value


class ReportSerializer(serializers.Serializer[Any]):
    """A report as it is uploaded."""

    name = serializers.CharField(max_length=200)
    file = serializers.FileField(max_length=100)

    def validate_file(self, value: Any) -> Any:
        if value.size > settings.REPORT_MAX_BYTES:
            raise serializers.ValidationError("The file is too large.")
        return value


class LegacyReportSerializer(serializers.Serializer[Any]):
    """A report as the edition of February 2023 took it: the file alone."""

    file = serializers.FileField(max_length=100)


class RecordSerializer(serializers.Serializer[NotificationRecord]):
    """The log of one notification."""

    logged_at = serializers.DateTimeField()
    event = serializers.DictField()

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
    """An API key as it is listed."""

    name = serializers.CharField(max_length=50)

    class Meta:
        model = ServiceKey
        fields = ("prefix", "name", "created")
        read_only_fields = ("prefix", "created")


class CreatedKeySerializer(KeySerializer):
    """A new API key, with its text this once."""

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
    """What a PUT sends."""

    annotations = AnnotationSerializer(many=True)


class CustomizedApplicationSerializer(ApplicationSerializer):
    """A customized exam preset."""

    annotations = AnnotationSerializer(many=True)
