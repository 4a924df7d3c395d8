"""Call the API from the command line: `python -m integrations.clarius settings`.

Set CLARIUS_BASE_URL, CLARIUS_API_KEY and CLARIUS_ALLOWED_NETWORKS in the environment; answers are JSON.
"""

import argparse
import dataclasses
import json
import mimetypes
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from integrations.clarius import ClariusClient, Page, errors, key_problem

DEFAULT_BASE_URL = "https://cloud.clarius.com"


def main(arguments: list[str] | None = None) -> int:
    """Make one call and print its answer; return 1 with a sentence on standard error when it failed."""
    options = _parser().parse_args(arguments)
    key = os.environ.get("CLARIUS_API_KEY", "")
    problem = key_problem(key)
    if problem:
        return _fail(f"{problem} Set CLARIUS_API_KEY.")
    networks = [each for each in os.environ.get("CLARIUS_ALLOWED_NETWORKS", "").split(",") if each]
    base_url = os.environ.get("CLARIUS_BASE_URL", DEFAULT_BASE_URL)
    try:
        with ClariusClient(base_url=base_url, api_key=key, allowed_networks=networks) as client:
            print(json.dumps(_plain(CALLS[options.call](client, options)), indent=2, ensure_ascii=False))
    except errors.ClariusError as error:
        return _fail(" ".join(part for part in (error.message, error.detail) if part))
    except (OSError, ValueError) as error:
        return _fail(str(error))
    return 0


def _fail(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


def _items(pages: Iterator[Page[Any]]) -> list[Any]:
    return [item for page in pages for item in page.results]


def _upload(client: ClariusClient, options: argparse.Namespace) -> dict[str, str]:
    path = Path(options.file)
    with path.open("rb") as file:
        client.upload_report(
            request_uuid=uuid.UUID(options.request_uuid),
            name=options.name or path.stem,
            file=file,
            file_name=path.name,
            content_type=mimetypes.guess_type(path.name)[0] or "application/octet-stream",
        )
    return {"status": "delivered"}


def _confirm(client: ClariusClient, options: argparse.Namespace) -> dict[str, str]:
    client.confirm_customer(token=options.token)
    return {"status": "confirmed"}


CALLS: dict[str, Callable[[ClariusClient, argparse.Namespace], Any]] = {
    "settings": lambda client, options: client.get_settings(),
    "keys": lambda client, options: client.list_api_keys(),
    "exams": lambda client, options: _items(client.exam_pages(customer_id=options.customer)),
    "tokens": lambda client, options: _items(client.confirmed_token_pages()),
    "records": lambda client, options: _items(client.notification_record_pages()),
    "applications": lambda client, options: {
        "all": client.list_applications(),
        "customized": client.list_customized_applications(),
    },
    "download": lambda client, options: client.download_data(download_url=options.url),
    "confirm": _confirm,
    "upload-report": _upload,
}


HELP = {
    "settings": "show where the Cloud sends notifications and tokens",
    "keys": "list the API keys",
    "exams": "list the accessible submissions",
    "tokens": "list the tokens of confirmed customers",
    "records": "list the notifications that the Cloud sent in the last 14 days",
    "applications": "list all applications and the customized ones",
    "download": "show the data of a submission",
    "confirm": "confirm to the Cloud that an account holds a token",
    "upload-report": "send a report for a submission",
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m integrations.clarius", description=__doc__)
    calls = parser.add_subparsers(dest="call", required=True)
    for name in CALLS:
        call = calls.add_parser(name, help=HELP[name])
        if name == "exams":
            call.add_argument("--customer", help="a customer's token, as --customer=TOKEN")
        elif name == "download":
            call.add_argument("url", help="the download_url of a submission")
        elif name == "confirm":
            call.add_argument("token", help="put it after --, since it may begin with a dash")
        elif name == "upload-report":
            call.add_argument("request_uuid")
            call.add_argument("file")
            call.add_argument("--name", help="shown in the Services dialog")
    return parser


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        named = {each.name: _plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
        return {name: each for name, each in named.items() if name != "raw"}
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
