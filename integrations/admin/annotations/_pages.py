"""The editor of one application's annotations, and the pages beside it."""

import uuid
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.text import slugify

from audit.entries import add_entry
from foundation.address import client_address
from foundation.adminkit.question import Question, ask
from foundation.adminkit.requests import actor_of
from integrations.admin.annotations._form import Draft, can_carry, drafts_of, groups_of, read_drafts
from integrations.cloud import CloudProblem
from integrations.models import AnnotationSnapshot, Application
from integrations.services.annotations.editing import (
    Actor,
    ChangedMeanwhile,
    base_of,
    customize_application,
    read_application,
    remove_customization,
)
from integrations.services.annotations.groups import (
    MOST_GROUPS,
    NotValid,
    combine,
    export_json,
    import_json,
    read_groups,
)
from integrations.services.changing import NotDone

# The newest snapshots; the list of snapshots has all of them.
SNAPSHOTS_SHOWN = 20
SAVED = "The annotations were saved at Clarius Cloud."
EMPTIED = "The scanner no longer shows annotations for {}."
REMOVED = "The customization was removed. The scanner shows Clarius's own annotations."
READ = "The annotations are up to date."
CHANGED = (
    "Someone changed the annotations at Clarius Cloud after you opened this page. Nothing was saved. "
    "Below are the current ones; saving replaces them."
)
NO_GROUPS = (
    "There is no group. Press “Show no annotations” if the scanner should show none, or “Remove "
    "customization” to restore Clarius's own."
)

FULL = f"A page holds at most {MOST_GROUPS} groups."


class AnnotationPages:
    """The pages about the annotations of one application, for one request."""

    def __init__(self, owner: Any, request: HttpRequest, application: Application) -> None:
        self._owner = owner
        self._request = request
        self._application = application
        self._may_write = owner.has_customize_permission(request)
        if not owner.has_view_permission(request):
            raise PermissionDenied

    def show(self, page: str) -> HttpResponse:
        """Return the page of this name; raises Http404 and PermissionDenied."""
        if page == "export":
            return self._export()
        if page == "edit" and self._request.method != "POST":
            return self._edit()
        if not self._may_write:
            raise PermissionDenied
        pages = {"edit": self._save, "preview": self._preview, "remove": self._remove, "import": self._import}
        return pages[page]()

    # --- Reading -----------------------------------------------------------------------------------------

    def _edit(self) -> HttpResponse:
        wanted = self._request.GET.get("snapshot")
        if wanted is None:
            return self._editor(self._stored())
        snapshot = self._snapshots().filter(uuid=wanted).first() if _is_uuid(wanted) else None
        if snapshot is None:
            raise Http404
        if not snapshot.is_customized:
            return HttpResponseRedirect(self._url("remove"))
        when = f"{snapshot.taken_at:%d %b %Y %H:%M} UTC"
        note = f"These are the annotations of {when}. Nothing is written until you save."
        return self._editor(drafts_of(read_groups(snapshot.annotations)), note=note)

    def _stored(self) -> list[Draft]:
        return drafts_of(read_groups(self._application.annotations))

    def _export(self) -> HttpResponse:
        add_entry(
            action="annotations.exported",
            actor=self._request.user,
            target=self._application,
            address=client_address(self._request),
        )
        name = slugify(self._application.name) or str(self._application.remote_uuid)
        answer = HttpResponse(export_json(application=self._application), content_type="application/json")
        answer["Content-Disposition"] = f'attachment; filename="annotations-{name}.json"'
        return answer

    # --- Writing -----------------------------------------------------------------------------------------

    def _save(self) -> HttpResponse:
        drafts, wish = read_drafts(self._request.POST), self._request.POST.get("do", "save")
        if wish == "read":
            return self._read_again()
        if wish == "none":
            return self._show_none(drafts)
        if wish in ("add", "preview"):
            is_full = wish == "add" and len(drafts) >= MOST_GROUPS
            more = [Draft()] if wish == "add" and not is_full else []
            problems = [FULL] if is_full else []
            return self._editor([*drafts, *more], problems=problems, base=self._sent_base())
        groups = groups_of(drafts)
        if not groups:
            return self._editor(drafts, problems=[NO_GROUPS], base=self._sent_base())
        base = self._sent_base()
        problems = self._try(partial(customize_application, groups=groups, base=base))
        if problems == [CHANGED]:
            return self._editor(drafts, problems=problems, theirs=self._application)
        return self._editor(drafts, problems=problems, base=base) if problems else self._done(SAVED)

    def _read_again(self) -> HttpResponse:
        problems = self._try(read_application)
        return self._editor(self._stored(), problems=problems) if problems else self._done(READ)

    def _show_none(self, drafts: Sequence[Draft]) -> HttpResponse:
        application, is_confirmed = self._application, bool(self._request.POST.get("confirmed"))
        problems: list[str] = []
        if is_confirmed:
            problems = self._try(partial(customize_application, groups=[], base=self._sent_base()))
            if not problems:
                return self._done(EMPTIED.format(application))
        return self._ask(
            problems,
            button="Show no annotations",
            explanation=f"The scanner will show no annotations for {application}.",
            warning="Unsaved changes in the editor are lost."
            if not is_confirmed and self._differs(drafts)
            else "",
            target=self._url("change"),
            not_needed="" if application.annotations or not application.is_customized else "shows none",
            hidden=(("do", "none"), ("confirmed", "yes")),
        )

    def _remove(self) -> HttpResponse:
        application = self._application
        problems: list[str] = []
        if self._request.method == "POST":
            problems = self._try(partial(remove_customization, base=self._sent_base()))
            if not problems:
                return self._done(REMOVED)
        return self._ask(
            problems,
            button="Remove customization",
            explanation=f"The scanner will show Clarius's own annotations for {application} again.",
            target=self._url("remove"),
            not_needed="" if application.is_customized else "is not customized",
        )

    def _ask(
        self,
        problems: list[str],
        *,
        button: str,
        explanation: str,
        not_needed: str,
        hidden: Sequence[tuple[str, str]] = (),
        **about: Any,
    ) -> HttpResponse:
        application, facts = self._application, []
        if not_needed:
            button, explanation = "", f"{application} {not_needed}."
        elif application.is_customized:
            explanation += " The current annotations are kept under “Earlier versions”."
            groups = read_groups(application.annotations)
            facts = [(f"{each.title}{' (linked)' * each.linked}", ", ".join(each.labels)) for each in groups]
        question = Question(
            title=f"Annotations: {application}",
            button=button,
            back=self._url("change"),
            explanation=explanation,
            problems=problems,
            is_grave=True,
            facts=facts,
            hidden=(("base", base_of(application)), *hidden),
            **about,
        )
        return ask(self._request, question, site=self._owner.admin_site, opts=self._owner.opts)

    def _try(self, service: Callable[..., None]) -> list[str]:
        """Call the service for this application and person, and return the problems."""
        try:
            service(application=self._application, actor=self._actor())
        except NotValid as error:
            return error.problems
        except (CloudProblem, NotDone) as error:
            return [str(error)]
        except ChangedMeanwhile:
            return [CHANGED]
        return []

    def _import(self) -> HttpResponse:
        problems: list[str] = []
        if self._request.method == "POST":
            file = self._request.FILES.get("file")
            try:
                if file is None:
                    raise NotValid(["Choose a file."])
                groups = import_json(content=file.read())
            except NotValid as error:
                problems = error.problems
            else:
                note = "These are the annotations of the file. Nothing is written until you save."
                return self._editor(drafts_of(groups), note=note)
        return self._page("integrations/annotations/import.html", problems=problems)

    def _preview(self) -> HttpResponse:
        if self._request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        groups = groups_of(read_drafts(self._request.POST))
        context = {"groups": groups, "combined": combine(groups)}
        return render(self._request, "integrations/annotations/_preview.html", context)

    # --- Drawing -----------------------------------------------------------------------------------------

    def _editor(
        self,
        drafts: Sequence[Draft],
        *,
        problems: Sequence[str] = (),
        note: str = "",
        base: str = "",
        theirs: Application | None = None,
    ) -> HttpResponse:
        groups = groups_of(drafts)
        return self._page(
            "integrations/annotations/editor.html",
            drafts=drafts or [Draft()],
            most=MOST_GROUPS,
            is_carried=can_carry(drafts),
            groups=groups,
            combined=combine(groups),
            problems=problems,
            note=note,
            base=base or base_of(self._application),
            theirs=theirs,
            is_unsaved=self._differs(drafts),
            snapshots=self._snapshots()[:SNAPSHOTS_SHOWN],
        )

    def _differs(self, drafts: Sequence[Draft]) -> bool:
        """Return whether the drafts differ from the groups that Clarius Cloud had when it was last read."""
        return groups_of(drafts) != groups_of(self._stored())

    def _page(self, template: str, **context: Any) -> HttpResponse:
        common = self._owner.admin_site.each_context(self._request) | {
            "opts": self._owner.opts,
            "title": f"Annotations: {self._application}",
            "application": self._application,
            "may_write": self._may_write,
            "base": base_of(self._application),
            "urls": {name: self._url(name) for name in ("change", "remove", "import", "export", "preview")},
        }
        return render(self._request, template, common | context)

    def _done(self, message: str) -> HttpResponse:
        messages.success(self._request, message)
        return HttpResponseRedirect(self._url("change"))

    def _url(self, name: str) -> str:
        return reverse(f"admin:integrations_application_{name}", args=[self._application.pk])

    def _sent_base(self) -> str:
        return str(self._request.POST.get("base", ""))

    def _actor(self) -> Actor:
        return Actor(**actor_of(self._request))

    def _snapshots(self) -> Any:
        return AnnotationSnapshot.objects.filter(application=self._application).select_related("taken_by")


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
