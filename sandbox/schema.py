"""Additions to the OpenAPI document: the API key and the refusals of a call."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

DETAIL = {
    "type": "object",
    "properties": {"detail": {"type": "string"}},
    "required": ["detail"],
    "additionalProperties": False,
}
# Field errors are lists of sentences, nested like the body. A body that is not JSON gets a detail.
FIELD = {"anyOf": [{"type": "array", "minItems": 1}, {"type": "object", "minProperties": 1}]}
ERRORS = {"anyOf": [DETAIL, {"type": "object", "minProperties": 1, "additionalProperties": FIELD}]}
SECONDS = {"schema": {"type": "string"}, "description": "Seconds to wait, or a date"}
METHODS = {"schema": {"type": "string"}, "required": True, "description": "The allowed methods"}


class ServiceKeyScheme(OpenApiAuthenticationExtension):
    """Describes the header with the API key."""

    target_class = "sandbox.authentication.NoAccounts"
    name = "ServiceKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """Return the header and its format."""
        form = "Service-API-Key <prefix>.<secret>"
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": form}


class RefusalSchema(AutoSchema):
    """Adds the refusals that a call of its kind can receive."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """Return the operation with its refusals."""
        operation = super().get_operation(*args, **kwargs)
        if operation is not None:
            for status, refusal in self._refusals(operation).items():
                operation["responses"].setdefault(status, refusal)
        return operation

    def _refusals(self, operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
        found = {
            "403": _json("The API key is missing or not valid", DETAIL),
            "405": _json("The method is not allowed", DETAIL) | {"headers": {"Allow": METHODS}},
            "406": _json("Only JSON is available", DETAIL),
            # The sandbox has no rate limit; only a fault returns this.
            "429": _json("Too many requests", DETAIL) | {"headers": {"Retry-After": SECONDS}},
        }
        bodies = operation.get("requestBody", {}).get("content", {})
        if bodies:
            found["400"] = _json("Errors by field", ERRORS)
            found["415"] = _json("The body has an unsupported type", DETAIL)
        if "multipart/form-data" in bodies:
            found["413"] = _html("The file is too large")
        if any(each["in"] == "path" for each in operation.get("parameters", [])):
            missing = _json("The object does not exist", DETAIL)
            # Django answers an unknown address with a page.
            missing["content"].update(_html("")["content"])
            found["404"] = missing
        return found


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _html(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"text/html": {"schema": {"type": "string"}}}}
