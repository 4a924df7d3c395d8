"""Addresses of the pages on which people connect."""

from django.urls import path

from integrations.views import connect, links

urlpatterns = [
    path("connect/<slug:service>/", connect.connect, name="connect"),
    # Without the slash as well: a redirect that adds it would repeat the token.
    path("connect/<slug:service>", connect.connect),
    path("connect/<slug:service>/switch/", connect.switch_account, name="connect_switch"),
    path("connect/<slug:service>/<str:token>/", connect.connect_token, name="connect_token"),
    path("connect/<slug:service>/<str:token>", connect.connect_token),
    path("links/<uuid:link>/", links.show_link, name="link"),
    path("links/<uuid:link>/status/", links.link_status, name="link_status"),
    path("links/<uuid:link>/unlink/", links.unlink, name="link_unlink"),
    path("links/<uuid:link>/not-me/", links.dispute_link, name="link_not_me"),
    path("links/<uuid:link>/check/", links.check_link, name="link_check"),
]
