"""The calls of Clarius Cloud, with the statuses and bodies of the libraries that it probably uses."""

import uuid
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import generics, status
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from sandbox import behaviour, serializers
from sandbox.authentication import key_in_use
from sandbox.fault_bodies import body_of
from sandbox.links import media_url
from sandbox.models import Application, Customer, NotificationRecord, Report, ServiceKey, Submission
from sandbox.notifier import RECORDS_KEPT
from sandbox.pagination import SubmissionPages, TokenPages


class Accessible(generics.ListAPIView[Submission]):
    """Every accessible submission, newest first."""

    serializer_class = serializers.SubmissionSerializer
    pagination_class = SubmissionPages
    queryset = Submission.objects.none()

    def get_queryset(self) -> QuerySet[Submission]:
        rows = behaviour.accessible_submissions()
        if self.request.META.get("sandbox.is_shuffled"):
            rows = rows.order_by("?")
        # A blank filter is ignored, as by django-filter.
        token = self.request.query_params.get("customer_id", "").replace("\x00", "")
        return rows.filter(customer__token=token) if token else rows

    @extend_schema(parameters=[OpenApiParameter("customer_id", str)])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)


class DownloadData(APIView):
    """The data of one submission, with newly signed media links each time."""

    @extend_schema(
        responses={
            200: serializers.DownloadDataSerializer,
            400: OpenApiResponse(OpenApiTypes.OBJECT, description="Still being processed"),
        }
    )
    def get(self, request: Request, request_uuid: uuid.UUID) -> Response:
        submission = get_object_or_404(behaviour.accessible_submissions(), request_uuid=request_uuid)
        if submission.ready_at is not None and submission.ready_at > timezone.now():
            return Response({"detail": "The exam is still being processed."}, status=400)
        links = [{"url": media_url(capture=each)} for each in submission.captures.all()]
        data = {
            "request_uuid": str(submission.request_uuid),
            "patient": submission.patient,
            "captures": links,
        }
        return Response({**submission.extra, **data})


class CustomerConfirmations(APIView):
    """Confirm a customer: a portal account holds its token."""

    @extend_schema(
        request=serializers.ConfirmationSerializer,
        responses={
            200: serializers.ConfirmationSerializer,
            404: OpenApiResponse(OpenApiTypes.OBJECT, description="No such customer"),
        },
    )
    def post(self, request: Request) -> Response:
        form = serializers.ConfirmationSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        if not behaviour.confirm_customer(token=form.validated_data["token"]):
            raise Http404("No Customer matches the given query.")
        return Response(form.validated_data)


class ConfirmedTokens(generics.GenericAPIView[Customer]):
    """The tokens of every confirmed customer."""

    serializer_class = serializers.ConfirmationSerializer
    pagination_class = TokenPages
    queryset = Customer.objects.none()

    @extend_schema(
        parameters=[OpenApiParameter("limit", int), OpenApiParameter("offset", int)],
        responses=serializers.TokenPageSerializer,
    )
    def get(self, request: Request) -> Response:
        rows = Customer.objects.filter(confirmed_at__isnull=False, is_subscribed=True).order_by("id")
        page = self.paginate_queryset(rows.values_list("token", flat=True))
        return self.get_paginated_response(list(page or []))


class Upload(APIView):
    """An uploaded file; one that is too large exceeds the limit of the web server, not of the API."""

    parser_classes = (MultiPartParser,)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if int(request.META.get("CONTENT_LENGTH") or 0) > settings.REPORT_MAX_BYTES:
            page, kind = body_of("html", 413)
            return HttpResponse(page, status=413, content_type=kind)
        return super().dispatch(request, *args, **kwargs)


class Reports(Upload):
    """A report for a submission; each call adds one."""

    @extend_schema(
        request={"multipart/form-data": serializers.ReportSerializer},
        responses={201: serializers.ReceivedReportSerializer},
    )
    def post(self, request: Request, request_uuid: uuid.UUID) -> Response:
        submission = get_object_or_404(Submission, request_uuid=request_uuid)
        form = serializers.ReportSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        report = behaviour.receive_report(
            submission=submission, name=form.validated_data["name"], upload=form.validated_data["file"]
        )
        return Response({"name": report.name}, status=status.HTTP_201_CREATED)


class LegacyReport(Upload):
    """The report call of February 2023: one file, which replaces the previous one."""

    @extend_schema(request={"multipart/form-data": serializers.LegacyReportSerializer}, responses={200: dict})
    def put(self, request: Request, request_uuid: uuid.UUID) -> Response:
        submission = get_object_or_404(Submission, request_uuid=request_uuid)
        form = serializers.LegacyReportSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        earlier = list(Report.objects.filter(submission=submission, name=""))
        behaviour.receive_report(submission=submission, name="", upload=form.validated_data["file"])
        Report.objects.filter(pk__in=[each.pk for each in earlier]).delete()
        return Response({})


class Settings(APIView):
    """The service's settings."""

    @extend_schema(responses=serializers.SettingsSerializer)
    def get(self, request: Request) -> Response:
        return Response(serializers.SettingsSerializer(behaviour.service_settings()).data)

    @extend_schema(request=serializers.SettingsSerializer, responses=serializers.SettingsSerializer)
    def patch(self, request: Request) -> Response:
        form = serializers.SettingsSerializer(behaviour.service_settings(), data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        form.save()
        return Response(form.data)


class NotificationRecords(generics.ListAPIView[NotificationRecord]):
    """The log of notifications, newest first, for 14 days."""

    serializer_class = serializers.RecordSerializer
    pagination_class = SubmissionPages
    queryset = NotificationRecord.objects.none()

    def get_queryset(self) -> QuerySet[NotificationRecord]:
        return NotificationRecord.objects.filter(logged_at__gt=timezone.now() - RECORDS_KEPT)


class Keys(APIView):
    """The service's API keys."""

    @extend_schema(responses=serializers.KeySerializer(many=True))
    def get(self, request: Request) -> Response:
        return Response(serializers.KeySerializer(ServiceKey.objects.filter(revoked=False), many=True).data)

    @extend_schema(request=serializers.KeySerializer, responses={201: serializers.CreatedKeySerializer})
    def post(self, request: Request) -> Response:
        form = serializers.KeySerializer(data=request.data)
        form.is_valid(raise_exception=True)
        key, text = behaviour.create_key(name=form.validated_data["name"])
        return Response({**serializers.KeySerializer(key).data, "key": text}, status=status.HTTP_201_CREATED)


class Key(APIView):
    """One API key, to revoke."""

    @extend_schema(
        responses={204: None, 400: OpenApiResponse(OpenApiTypes.OBJECT, description="The key of this call")}
    )
    def delete(self, request: Request, prefix: str) -> Response:
        if prefix == key_in_use(request._request):
            raise ValidationError({"detail": "The key that authenticates this call cannot be revoked."})
        if not behaviour.revoke_key(prefix=prefix):
            raise Http404("No API key matches the given query.")
        return Response(status=status.HTTP_204_NO_CONTENT)


class Applications(APIView):
    """The applications of Clarius Cloud."""

    @extend_schema(responses=serializers.ApplicationSerializer(many=True))
    def get(self, request: Request) -> Response:
        return Response(serializers.ApplicationSerializer(Application.objects.all(), many=True).data)


class CustomizedApplications(APIView):
    """The applications that were customized for the service's users."""

    @extend_schema(responses=serializers.CustomizedApplicationSerializer(many=True))
    def get(self, request: Request) -> Response:
        rows = Application.objects.filter(annotations__isnull=False)
        return Response(serializers.CustomizedApplicationSerializer(rows, many=True).data)


class CustomizedApplication(APIView):
    """One customized application."""

    @extend_schema(responses=serializers.CustomizedApplicationSerializer)
    def get(self, request: Request, application: uuid.UUID) -> Response:
        row = get_object_or_404(Application, uuid=application, annotations__isnull=False)
        return Response(serializers.CustomizedApplicationSerializer(row).data)

    @extend_schema(
        request=serializers.CustomizationSerializer, responses=serializers.CustomizedApplicationSerializer
    )
    def put(self, request: Request, application: uuid.UUID) -> Response:
        row = get_object_or_404(Application, uuid=application)
        form = serializers.CustomizationSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        row.annotations = form.validated_data["annotations"]
        row.save(update_fields=["annotations"])
        return Response(serializers.CustomizedApplicationSerializer(row).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, application: uuid.UUID) -> Response:
        row = get_object_or_404(Application, uuid=application, annotations__isnull=False)
        row.annotations = None
        row.save(update_fields=["annotations"])
        return Response(status=status.HTTP_204_NO_CONTENT)
