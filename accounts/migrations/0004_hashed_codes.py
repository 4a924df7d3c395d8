from django.db import migrations, models

import accounts.models
from foundation.crypto import lookup_digest


def hash_codes(apps, schema_editor):
    for invitation in apps.get_model("accounts", "Invitation").objects.all():
        invitation.code_digest = lookup_digest(invitation.code_digest)
        invitation.save(update_fields=["code_digest"])


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_provisional_accounts"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        migrations.RenameField("invitation", "code", "code_digest"),
        migrations.AlterField(
            model_name="invitation",
            name="code_digest",
            field=models.CharField(
                default=accounts.models.no_code, editable=False, max_length=64, unique=True
            ),
        ),
        migrations.RunPython(hash_codes, migrations.RunPython.noop),
        # Their keys and data were stored in plain text.
        migrations.RunSQL("DELETE FROM django_session", migrations.RunSQL.noop),
    ]
