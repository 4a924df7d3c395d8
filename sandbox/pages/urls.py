"""Routes of the pages."""

from django.urls import path

from sandbox.pages import exams, faults, files, notifications, overview, service, submit

urlpatterns = [
    path("", overview.overview, name="sandbox_overview"),
    path("customers/", overview.add, name="sandbox_customer_add"),
    path("customers/<int:pk>/subscription/", overview.subscription, name="sandbox_subscription"),
    path("submit/", submit.seeded, name="sandbox_submit"),
    path("submit/files/", submit.uploaded, name="sandbox_submit_files"),
    path("submit/<slug:slug>/", submit.seeded, name="sandbox_submit_exam"),
    path("exams/", exams.exams, name="sandbox_exams"),
    path("exams/thumbnails/<slug:slug>/", files.thumbnail, name="sandbox_thumbnail"),
    path("exams/captures/<uuid:uuid>/", files.capture, name="sandbox_capture"),
    path("exams/<uuid:request_uuid>/", exams.exam, name="sandbox_exam"),
    path("exams/<uuid:request_uuid>/again/", submit.again, name="sandbox_submit_again"),
    path("exams/<uuid:request_uuid>/notify/", notifications.resend, name="sandbox_resend"),
    path("reports/", exams.reports, name="sandbox_reports"),
    path("reports/<uuid:uuid>/", files.report, name="sandbox_report"),
    path("notifications/", notifications.notifications, name="sandbox_notifications"),
    path("notifications/mode/", notifications.mode, name="sandbox_notify_mode"),
    path("notifications/forge/", notifications.forge, name="sandbox_forge"),
    path("keys/", service.keys, name="sandbox_keys"),
    path("keys/<str:prefix>/revoke/", service.revoke, name="sandbox_key_revoke"),
    path("settings/", service.settings, name="sandbox_settings"),
    path("applications/", service.applications, name="sandbox_applications"),
    path("faults/", faults.faults, name="sandbox_faults"),
    path("faults/clear/", faults.clear, name="sandbox_faults_clear"),
    path("faults/expire-links/", faults.expire, name="sandbox_links_expire"),
]
