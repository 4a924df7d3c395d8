"""Routes of the media origin, which knows nothing of the API."""

from django.urls import path

from sandbox import media

urlpatterns = [path("media/<uuid:capture_uuid>/<str:name>", media.serve, name="media")]
