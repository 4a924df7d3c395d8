"""The API, its schema, the control plane and the pages."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

urlpatterns = [
    path("api/public/v0/", include("sandbox.api_urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("sandbox/", include("sandbox.control_urls")),
    path("", include("sandbox.pages.urls")),
]

handler400 = "sandbox.pages.answer.bad_request"
