"""The settings of a service at Clarius Cloud beside the expected ones, and the test of the connection."""

from dataclasses import dataclass

from django.conf import settings
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from audit.entries import add_entry
from foundation.checks import Audience, find
from integrations.admin.desk import Desk, DeskAction
from integrations.admin.desk_forms import PushForm
from integrations.models import RemoteState
from integrations.services.changing import NotDone
from integrations.services.masking import mask_url
from integrations.services.settings.addresses import is_loopback, is_public_https
from integrations.services.settings.push import push_settings, reveal_webhook, rotate_webhook_secret
from integrations.services.settings.remote_state import last_read, read_again, wanted_urls

MANAGE = "integrations.manage_service"
OPERATE = "integrations.operate_service"
Status = RemoteState.Status


@dataclass(frozen=True)
class Row:
    """One setting, as Clarius Cloud has it and as this portal expects it."""

    label: str
    current: str
    expected: str
    status: str
    tone: str


def setting_page(request: HttpRequest, pk: str, *, site: AdminSite) -> HttpResponse:
    """Show the settings; a POST runs the action of a button."""
    desk = Desk(site=site, request=request, pk=pk, permission=MANAGE)
    return desk.run(ACTIONS, page="settings", show=_show) if request.method == "POST" else _show(desk)


def reveal_page(request: HttpRequest, pk: str, *, site: AdminSite) -> HttpResponse:
    """Show the secret URL of the webhook in this response only, and audit that it was shown."""
    desk = Desk(site=site, request=request, pk=pk, permission=OPERATE)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    urls = [reveal_webhook(service=desk.service, **desk.actor)]
    return desk.render("integrations/settings/reveal.html", title="notification URL", urls=urls)


def test_page(request: HttpRequest, pk: str, *, site: AdminSite) -> HttpResponse:
    """Run the checks of `doctor` for this service, on POST, since they call the Cloud."""
    desk = Desk(site=site, request=request, pk=pk, permission=OPERATE)
    if request.method != "POST":
        return desk.back("change")
    # Only the command opens a connection to the broker.
    findings = list(
        find(
            lambda check: Audience.OPERATORS in check.audience and check.code != "broker",
            subjects=[desk.service],
            is_thorough=True,
        )
    )
    add_entry(
        action="service.tested",
        outcome="failed" if any(each.outcome == "failed" for each in findings) else "ok",
        actor=desk.request.user,
        target=desk.service,
        address=desk.actor["address"],
    )
    return desk.render(
        "integrations/settings/findings.html", title="test of the connection", findings=findings
    )


def _show(desk: Desk, *, problem: str = "", form: PushForm | None = None) -> HttpResponse:
    service = desk.service
    state = last_read(service=service)
    initial = {
        "is_notified": service.is_notified and not service.is_poll_only,
        "is_connectable": service.is_connectable and not service.is_poll_only,
    }
    return desk.render(
        "integrations/settings/settings.html",
        title="settings at Clarius Cloud",
        status=400 if problem else 200,
        state=state,
        rows=_rows(desk, state),
        problem=problem,
        form=form or PushForm(initial=initial),
        is_public=is_public_https() and not is_loopback(url=settings.PUBLIC_URL),
        public_url=settings.PUBLIC_URL,
        is_foreign=Status.FOREIGN in (state.notification_status, state.token_transfer_status),
    )


def _rows(desk: Desk, state: RemoteState) -> list[Row]:
    wanted = wanted_urls(service=desk.service)
    rows = []
    for label, name, there, status in (
        ("Notification URL", "notification_url", state.notification_url, state.notification_status),
        ("Token transfer URL", "token_transfer_url", state.token_transfer_url, state.token_transfer_status),
    ):
        expected = (
            "none (poll only)" if wanted is None else mask_url(wanted[name], slug=desk.service.slug) or "off"
        )
        current = there or ("off" if state.read_at else "not read yet")
        tone = "good" if status == Status.SAME else "warn"
        rows.append(Row(label, current, expected, Status(status).label, tone))
    return rows


def _read(desk: Desk) -> str:
    read_again(service=desk.service, **desk.actor)
    return "The settings are up to date."


def _push(desk: Desk) -> str | HttpResponse:
    form = PushForm(desk.request.POST)
    if not form.is_valid():
        return _show(desk, form=form)
    wishes = {
        name: form.cleaned_data[name] for name in ("is_notified", "is_connectable", "may_replace_foreign")
    }
    try:
        push_settings(service=desk.service, **wishes, **desk.actor)
    except NotDone as error:
        form.add_error(None, str(error))
        return _show(desk, form=form)
    return "The settings were saved at Clarius Cloud."


def _rotate_secret(desk: Desk) -> str:
    rotate_webhook_secret(service=desk.service, **desk.actor)
    return "The webhook has a new secret. The old URL works for one more hour."


ACTIONS: dict[str, DeskAction] = {
    "read": _read,
    "push": _push,
    "rotate_secret": _rotate_secret,
}
