"""Routes of the media origin, separate from the API."""

from django.urls import path

from sandbox import media

urlpatterns = [path("media/<uuid:capture_uuid>/<str:name>", media.serve, name="media")]
