"""Who we are at Clarius Cloud: services, keys, customers and links."""

from django.apps import AppConfig

from background.jobs import register


class IntegrationsConfig(AppConfig):
    name = "integrations"
    verbose_name = "Integrations"

    def ready(self) -> None:
        register(name="confirm link", model=self.get_model("Link"), task="integrations.confirm_link")
        register(name="rotate key", model=self.get_model("KeyRotation"), task="integrations.rotate_key")
        register(name="read remote", model=self.get_model("RemoteState"), task="integrations.read_remote")
        register(name="read mirror", model=self.get_model("Mirror"), task="integrations.read_mirror")
