"""What the OpenAPI document says beside the shapes: the key, and how a call is refused."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

DETAIL = {"type": "object", "properties": {"detail": {"type": "string"}}, "required": ["detail"]}
# Field errors are lists of sentences, nested where the body is; a body that is no JSON gets a detail.
ERRORS = {"type": "object", "additionalProperties": {}}


class ServiceKeyScheme(OpenApiAuthenticationExtension):
    """Says where the service key stands."""

    target_class = "sandbox.authentication.NoAccounts"
    name = "ServiceKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """Return the header and its form."""
        form = "Service-API-Key <prefix>.<secret>"
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": form}


class RefusalSchema(AutoSchema):
    """Adds the refusals that every call of its kind can meet."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """Return the operation with its refusals."""
        operation = super().get_operation(*args, **kwargs)
        if operation is not None:
            for status, refusal in self._refusals(operation).items():
                operation["responses"].setdefault(status, refusal)
        return operation

    def _refusals(self, operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
        found = {"403": _json("No key, or one that is not valid", DETAIL)}
        bodies = operation.get("requestBody", {}).get("content", {})
        if bodies:
            found["400"] = _json("What is wrong, by field", ERRORS)
            found["415"] = _json("Another kind of body is wanted", DETAIL)
        if "multipart/form-data" in bodies:
            found["413"] = _html("The file is too large")
        if any(each["in"] == "path" for each in operation.get("parameters", [])):
            missing = _json("There is none", DETAIL)
            # An address that no route has is a page, as Django answers it.
            missing["content"].update(_html("")["content"])
            found["404"] = missing
        return found


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _html(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"text/html": {"schema": {"type": "string"}}}}
