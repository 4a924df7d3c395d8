from django.db import migrations, models

import foundation.crypto


def encrypt_mails(apps, schema_editor):
    for mail in apps.get_model("background", "OutgoingMail").objects.all():
        recipient = foundation.crypto.still_encrypted(mail, "recipient").text
        mail.recipient = recipient
        mail.recipient_digest = foundation.crypto.lookup_digest(recipient.lower())
        mail.body = "" if mail.state == "sent" else foundation.crypto.still_encrypted(mail, "body").text
        mail.save(update_fields=["recipient", "recipient_digest", "body"])


class Migration(migrations.Migration):
    dependencies = [
        ("background", "0001_initial"),
    ]

    operations = [
        migrations.AlterField(
            model_name="outgoingmail",
            name="body",
            field=foundation.crypto.EncryptedTextField(blank=True),
        ),
        migrations.AlterField(
            model_name="outgoingmail",
            name="recipient",
            field=foundation.crypto.EncryptedTextField(),
        ),
        migrations.AddField(
            model_name="outgoingmail",
            name="recipient_digest",
            field=models.CharField(db_index=True, default="", editable=False, max_length=64),
            preserve_default=False,
        ),
        migrations.RunPython(encrypt_mails, migrations.RunPython.noop),
    ]
