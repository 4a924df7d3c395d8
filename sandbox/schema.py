"""What the OpenAPI document says beside the shapes: the key, and how a call is refused."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

DETAIL = {
    "type": "object",
    "properties": {"detail": {"type": "string"}},
    "required": ["detail"],
    "additionalProperties": False,
}
# Field errors are lists of sentences, nested where the body is; a body that is no JSON gets a detail.
FIELD = {"anyOf": [{"type": "array", "minItems": 1}, {"type": "object", "minProperties": 1}]}
ERRORS = {"anyOf": [DETAIL, {"type": "object", "minProperties": 1, "additionalProperties": FIELD}]}
SECONDS = {"schema": {"type": "string"}, "description": "Seconds to wait, or a date."}
METHODS = {"schema": {"type": "string"}, "required": True, "description": "The methods that there are."}


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
        found = {
            "403": _json("No key, or one that is not valid", DETAIL),
            "405": _json("There is no such method here", DETAIL) | {"headers": {"Allow": METHODS}},
            "406": _json("Nothing but JSON can be had", DETAIL),
            # Limits are not kept; a fault answers so.
            "429": _json("Called too often", DETAIL) | {"headers": {"Retry-After": SECONDS}},
        }
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
