"""Applications and their customizations."""

import uuid

import pytest

from integrations.clarius import AnnotationGroup, Application, ClariusClient, errors
from tests.contract.calls import covers
from tests.contract.conftest import Side
from tests.contract.documents import differences, example

GROUP = AnnotationGroup(title="Contract test", labels=("A4C", "PLAX"), linked=True)


@pytest.fixture
def untouched(client: ClariusClient) -> Application:
    """An application that nobody customized."""
    taken = {each.uuid for each in client.list_customized_applications()}
    free = [each for each in client.list_applications() if each.uuid not in taken]
    if not free:
        pytest.skip("Every application is customized")
    return free[-1]


@covers(14)
def test_applications_are_listed_as_documented(client: ClariusClient, side: Side) -> None:
    listed = {each.name: str(each.uuid) for each in client.list_applications()}
    documented = {each["name"]: each["uuid"] for each in example("current/applications")}
    assert differences(example("current/applications"), side.ask("GET", "exams/applications/")) == []
    if side.sandbox is not None:
        assert listed == listed | documented


@covers(15, 16, 17)
def test_an_application_is_customized_read_changed_and_restored(
    client: ClariusClient, side: Side, untouched: Application, writing: None
) -> None:
    assert client.get_customized_application(uuid=untouched.uuid) is None
    try:
        made = client.customize_application(uuid=untouched.uuid, annotations=[GROUP])
        assert (made.uuid, made.name, made.annotations) == (untouched.uuid, untouched.name, (GROUP,))
        assert client.get_customized_application(uuid=untouched.uuid) == made
        assert made in client.list_customized_applications()
        answer = side.ask("GET", "services/applications/")
        assert differences(example("current/customized-applications"), answer) == []
        emptied = client.customize_application(uuid=untouched.uuid, annotations=[])
        assert emptied.annotations == ()
    finally:
        client.remove_customization(uuid=untouched.uuid)
    assert client.get_customized_application(uuid=untouched.uuid) is None
    assert untouched.uuid not in {each.uuid for each in client.list_customized_applications()}
    client.remove_customization(uuid=untouched.uuid)


@covers(16)
def test_the_documented_customization_is_accepted_unchanged(side: Side, writing: None) -> None:
    if side.sandbox is None:
        pytest.skip("A real Cloud may have other annotations there")
    documented = example("current/customized-application")
    path = f"services/applications/{documented['uuid']}/"
    assert side.ask("PUT", path, json=example("current/customization-payload")) == documented
    assert side.ask("GET", path) == documented
    assert side.ask("GET", "services/applications/") == example("current/customized-applications")


@covers(15, 16, 17)
def test_an_application_that_does_not_exist_cannot_be_customized(
    client: ClariusClient, writing: None
) -> None:
    nowhere = uuid.uuid4()
    assert client.get_customized_application(uuid=nowhere) is None
    with pytest.raises(errors.NotFound):
        client.customize_application(uuid=nowhere, annotations=[GROUP])
    client.remove_customization(uuid=nowhere)
