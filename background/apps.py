"""Rows as the queue of everything that happens behind the pages."""

from django.apps import AppConfig

from background.jobs import register


class BackgroundConfig(AppConfig):
    name = "background"
    verbose_name = "Background work"

    def ready(self) -> None:
        register(name="send mail", model=self.get_model("OutgoingMail"), task="background.send_mail")
