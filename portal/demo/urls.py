"""The demo's shortcuts; each answers 404 outside of the demo."""

from django.urls import path

from portal.demo import views

urlpatterns = [
    path("continue/<slug:role>/", views.continue_as, name="demo_continue"),
    path("live/", views.live, name="demo_live"),
    path("poll/", views.poll, name="demo_poll"),
]
