"""Settings and API keys of the service."""

import uuid

import pytest

from integrations.clarius import ClariusClient, errors
from tests.cloud import Cloud
from tests.contract.calls import covers
from tests.contract.conftest import Side
from tests.contract.documents import differences, example


@covers(8)
def test_settings_are_read(client: ClariusClient) -> None:
    settings = client.get_settings()
    assert settings.token_transfer_url == "" or "{token}" in settings.token_transfer_url


@covers(8)
@pytest.mark.parametrize("key", ["Q4nmtzH5.mvIzWOlklcrFJ3iWaJTFESYCzCe8j6TQ", "Q4nmtzH5", "OWN "])
def test_an_invalid_key_is_refused_with_what_is_wrong_with_its_form(side: Side, key: str) -> None:
    shown = side.key.partition(".")[0] if key == "OWN " else key
    with side.client(key=shown) as client, pytest.raises(errors.KeyRefused) as refused:
        client.get_settings()
    said = "right form" if "." in key else "only the prefix"
    assert said in refused.value.detail
    assert shown not in refused.value.detail


@covers(9)
def test_only_the_given_settings_are_changed(client: ClariusClient, writing: None) -> None:
    before = client.get_settings()
    documented = example("current/settings-payload")["token_transfer_url"]
    try:
        changed = client.update_settings(token_transfer_url=documented)
        assert (changed.token_transfer_url, changed.notification_url) == (documented, before.notification_url)
        assert client.get_settings() == changed
    finally:
        client.update_settings(token_transfer_url=before.token_transfer_url)
    assert client.get_settings() == before


@covers(9)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("token_transfer_url", "https://example.com/without/"),
        ("token_transfer_url", "nonsense {token}"),
        ("notification_url", "nonsense"),
    ],
)
def test_a_refused_setting_is_named_and_nothing_changes(
    client: ClariusClient, writing: None, field: str, value: str
) -> None:
    before = client.get_settings()
    with pytest.raises(errors.Rejected) as refused:
        client.update_settings(**{field: value})
    assert list(refused.value.fields) == [field]
    assert client.get_settings() == before


@covers(9)
def test_an_empty_text_turns_a_setting_off(client: ClariusClient, sandbox: Cloud) -> None:
    client.update_settings(notification_url="https://example.com/hook/")
    assert client.update_settings(notification_url="").notification_url == ""


@covers(11)
def test_the_key_in_use_is_listed_without_its_secret(client: ClariusClient, side: Side) -> None:
    listed = {key.prefix: key for key in client.list_api_keys()}
    assert side.key.partition(".")[0] in listed
    answer = side.ask("GET", "services/api-keys/")
    assert differences(example("current/keys"), answer) == []
    assert all("key" not in each for each in answer)


@covers(11, 12, 13)
def test_a_key_is_created_used_and_revoked(client: ClariusClient, side: Side, writing: None) -> None:
    name = f"contract {uuid.uuid4().hex[:12]}"
    created = client.create_api_key(name=name)
    try:
        assert created.key.reveal().startswith(f"{created.prefix}.")
        with side.client(key=created.key.reveal()) as other:
            assert other.get_settings() == client.get_settings()
        assert name in [key.name for key in client.list_api_keys()]
    finally:
        client.revoke_api_key(prefix=created.prefix)
    assert name not in [key.name for key in client.list_api_keys()]
    with side.client(key=created.key.reveal()) as other, pytest.raises(errors.KeyRefused):
        other.get_settings()
    client.revoke_api_key(prefix=created.prefix)


@covers(12)
def test_a_created_key_looks_as_documented(side: Side, sandbox: Cloud) -> None:
    answer = side.ask("POST", "services/api-keys/", json=example("current/key-payload"))
    assert differences(example("current/key-created"), answer) == []
    documented = example("current/key-created")["key"]
    assert [len(part) for part in answer["key"].split(".")] == [len(part) for part in documented.split(".")]
    assert answer["name"] == "My new api key"


@covers(13)
def test_the_key_in_use_cannot_be_revoked(client: ClariusClient, side: Side, sandbox: Cloud) -> None:
    with pytest.raises(errors.Rejected):
        client.revoke_api_key(prefix=side.key.partition(".")[0])
    client.get_settings()
