"""The service's API keys, settings and customized applications."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from sandbox import behaviour
from sandbox.models import Application, ServiceKey
from sandbox.pages.answer import done, refused, show
from sandbox.pages.forms import KeyForm
from sandbox.serializers import SettingsSerializer

get_or_post = require_http_methods(["GET", "HEAD", "POST"])


@get_or_post
def keys(request: HttpRequest) -> HttpResponse:
    """List the API keys; a new key is shown once, in the response to the form."""
    form = KeyForm(request.POST or None)
    created = None
    if request.method == "POST" and form.is_valid():
        created = behaviour.create_key(name=form.cleaned_data["name"])[1]
        form = KeyForm()
    return show(request, "keys.html", keys=ServiceKey.objects.all(), form=form, created=created)


@require_POST
def revoke(request: HttpRequest, prefix: str) -> HttpResponse:
    """Revoke a key, as somebody else with access to the service could."""
    if not behaviour.revoke_key(prefix=prefix):
        return refused(request, "This key does not exist or is already revoked.", "sandbox_keys")
    return done(request, f"Key {prefix} was revoked.", "sandbox_keys")


@get_or_post
def settings(request: HttpRequest) -> HttpResponse:
    """Show and change the two settings, by the rules of the API."""
    service = behaviour.service_settings()
    if request.method != "POST":
        return show(request, "settings.html", form=SettingsSerializer(service))
    names = SettingsSerializer.Meta.fields
    form = SettingsSerializer(service, data={name: request.POST.get(name, "") for name in names})
    if not form.is_valid():
        return show(request, "settings.html", status=400, form=form)
    form.save()
    return done(request, "Settings saved.", "sandbox_settings")


@require_safe
def applications(request: HttpRequest) -> HttpResponse:
    """Show the applications as users see them on the scanner, customized ones first."""
    rows = sorted(Application.objects.all(), key=lambda each: each.annotations is None)
    return show(request, "applications.html", applications=rows)
