"""Which Cloud is a sandbox, so that it may be given http addresses and its exams are marked DEMO."""

import pytest

from integrations.services.settings.addresses import is_sandbox_address


@pytest.mark.parametrize(
    ("url", "is_sandbox"),
    [
        ("https://cloud.clarius.com", False),
        ("https://cloud.example.com:8443", False),
        ("http://127.0.0.1:8001", True),
        ("https://localhost:8443", True),
        ("http://sandbox:8001", True),
    ],
)
def test_a_cloud_on_this_machine_or_without_tls_is_a_sandbox(url: str, is_sandbox: bool) -> None:
    assert is_sandbox_address(url=url) is is_sandbox
