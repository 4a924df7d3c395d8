"""Addresses of this app."""

from django.urls import path

from exams.views import reports
from exams.views.media import files
from exams.views.review import clinician_exams, exam, identity, worklist

urlpatterns = [
    path("worklist/", worklist.worklist, name="worklist"),
    path("worklist/search/", worklist.worklist_search, name="worklist_search"),
    path("exams/<uuid:uuid>/", exam.exam, name="exam"),
    path("exams/<uuid:uuid>/status/", exam.exam_status, name="exam_status"),
    path("exams/<uuid:uuid>/claim/", exam.exam_claim, name="exam_claim"),
    path("exams/<uuid:uuid>/return/", exam.exam_return, name="exam_return"),
    path("exams/<uuid:uuid>/take-over/", exam.exam_take_over, name="exam_take_over"),
    path("exams/<uuid:uuid>/check/", exam.exam_check, name="exam_check"),
    path("exams/<uuid:uuid>/split/", identity.exam_split, name="exam_split"),
    path("exams/<uuid:uuid>/report/", reports.report_new, name="report_new"),
    path("reports/<uuid:uuid>/", reports.report, name="report"),
    path("reports/<uuid:uuid>/sign/", reports.report_sign, name="report_sign"),
    path("reports/<uuid:uuid>/discard/", reports.report_discard, name="report_discard"),
    path("reports/<uuid:uuid>/retry/", reports.report_retry, name="report_retry"),
    path("reports/<uuid:uuid>/resolve/", reports.report_resolve, name="report_resolve"),
    path("reports/<uuid:uuid>/pages/", reports.report_pages, name="report_pages"),
    path("reports/<uuid:uuid>/file/", files.report_file, name="report_file"),
    path("reports/<uuid:uuid>/pages/<int:number>/", files.report_page, name="report_page"),
    path("captures/<uuid:uuid>/file/", files.capture_file, name="capture_file"),
    path("captures/<uuid:uuid>/thumbnail/", files.capture_thumbnail, name="capture_thumbnail"),
    path("captures/<uuid:uuid>/preview/", files.capture_preview, name="capture_preview"),
    path("captures/<uuid:uuid>/display/", files.capture_display, name="capture_display"),
    path("captures/<uuid:uuid>/seen/", exam.capture_seen, name="capture_seen"),
    path("my/", clinician_exams.my, name="my"),
]
