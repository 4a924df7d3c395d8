from django.db import migrations

import foundation.crypto


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL("DELETE FROM portal_cacherow", migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="cacherow",
            name="value",
            field=foundation.crypto.EncryptedTextField(),
        ),
    ]
