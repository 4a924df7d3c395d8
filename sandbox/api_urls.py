"""Routes of the API, always with a closing slash; faults use their names."""

from django.urls import path

from sandbox import api

urlpatterns = [
    path("exams/accessible/", api.Accessible.as_view(), name="accessible"),
    path("exams/download-requests/<uuid:request_uuid>/data/", api.DownloadData.as_view(), name="download"),
    path("download-requests/<uuid:request_uuid>/data/", api.DownloadData.as_view(), name="download"),
    path("exams/applications/", api.Applications.as_view(), name="applications"),
    path("services/customer-confirmations/", api.CustomerConfirmations.as_view(), name="confirm"),
    path("services/confirmed-tokens/", api.ConfirmedTokens.as_view(), name="tokens"),
    path("services/requests/<uuid:request_uuid>/reports/", api.Reports.as_view(), name="report"),
    path("services/requests/<uuid:request_uuid>/report/", api.LegacyReport.as_view(), name="report"),
    path("services/settings/", api.Settings.as_view(), name="settings"),
    path("services/notifications/records/", api.NotificationRecords.as_view(), name="records"),
    path("services/api-keys/", api.Keys.as_view(), name="keys"),
    path("services/api-keys/<str:prefix>/", api.Key.as_view(), name="keys"),
    path("services/applications/", api.CustomizedApplications.as_view(), name="customize"),
    path("services/applications/<uuid:application>/", api.CustomizedApplication.as_view(), name="customize"),
]
