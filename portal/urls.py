"""All URLs of the portal."""

from django.contrib import admin
from django.urls import include, path

from exams.views.webhook import receive
from portal.health import probes
from portal.health.views import fix, show_problems
from portal.pages import views

urlpatterns = [
    # First, since it is requested most often, by a caller that does not retry.
    path("webhooks/clarius/<slug:service>/<str:secret>/", receive, name="webhook"),
    # The Cloud may store the address in an equal form, and nobody follows a redirect for it.
    path("webhooks/clarius/<slug:service>/<str:secret>", receive),
    path("", views.home, name="home"),
    path("health/live/", probes.live, name="health_live"),
    path("health/ready/", probes.ready, name="health_ready"),
    path("accounts/", include("allauth.account.urls")),
    path("", include("accounts.urls")),
    path("", include("integrations.urls")),
    path("", include("exams.urls")),
    path("problems/", show_problems, name="problems"),
    path("problems/<str:key>/fix/", fix, name="problem_fix"),
    path("demo/", include("portal.demo.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "portal.pages.views.bad_request"
handler403 = "portal.pages.views.permission_denied"
handler404 = "portal.pages.views.not_found"
# Used by allauth; Django has no such handler.
handler429 = "portal.pages.views.too_many_requests"
handler500 = "portal.pages.views.server_error"
