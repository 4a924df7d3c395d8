"""Addresses of this app."""

from django.urls import path

from exams import webhooks

urlpatterns = [
    path("webhooks/clarius/<slug:service>/<str:secret>/", webhooks.receive, name="webhook"),
]
