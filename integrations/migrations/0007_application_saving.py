from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0006_changes_at_the_cloud"),
    ]

    operations = [
        migrations.AddField(
            model_name="application",
            name="saving_until",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
