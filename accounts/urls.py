"""URLs of preferences and invitations."""

from django.urls import path

from accounts import views

urlpatterns = [
    path("preferences/", views.preferences, name="preferences"),
    path("invitations/<slug:code>/", views.invitation, name="invitation"),
]
