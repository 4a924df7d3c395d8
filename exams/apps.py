"""What arrives and what goes back."""

from django.apps import AppConfig, apps

from background.jobs import register


class ExamsConfig(AppConfig):
    name = "exams"
    verbose_name = "Exams"

    def ready(self) -> None:
        register(name="fetch submission", model=self.get_model("Submission"), task="exams.fetch_submission")
        register(name="preview capture", model=self.get_model("Capture"), task="exams.preview_capture")
        register(name="deliver report", model=self.get_model("Report"), task="exams.deliver_report")
        service = apps.get_model("integrations", "Service")
        register(name="poll service", model=service, task="exams.poll_service")
        register(name="release early exams", model=self.get_model("Release"), task="exams.release_early")
        register(name="read answers again", model=self.get_model("FieldMap"), task="exams.read_again")
