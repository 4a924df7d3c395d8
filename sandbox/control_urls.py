"""Routes of the control plane."""

from django.urls import path

from sandbox import control, live

urlpatterns = [
    path("control/keys/", control.keys),
    path("control/keys/<str:prefix>/revoke/", control.revoke),
    path("control/customers/", control.customers),
    path("control/customers/<str:token>/", control.customer),
    path("control/submissions/", control.submissions),
    path("control/submissions/<uuid:request_uuid>/", control.submission),
    path("control/exams/", control.exams),
    path("control/reports/", control.reports),
    path("control/faults/", control.fault_list),
    path("control/links/expire/", control.expire),
    path("control/notifications/", control.notifications),
    path("control/notify-mode/", control.notify_mode),
    path("control/calls/", control.calls),
    path("control/reset/", control.reset),
    path("live/submit/", live.submit, name="live_submit"),
]
