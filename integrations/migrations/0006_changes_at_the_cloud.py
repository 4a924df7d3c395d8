from django.db import migrations, models

import foundation.crypto


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0005_invited_address'),
    ]

    operations = [
        migrations.AddField(
            model_name='service',
            name='unsettled_webhook_secrets',
            field=foundation.crypto.EncryptedTextField(blank=True, default='', editable=False),
        ),
        migrations.AddField(
            model_name='service',
            name='change_until',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
