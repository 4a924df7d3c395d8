"""Index the entries of the audit log by the patients they are about; a trigger fills the index."""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models

from audit import triggers


def install(apps: Any, schema_editor: Any) -> None:
    triggers.install(schema_editor, tables=[triggers.SHOWN])
    triggers.install_index(schema_editor)


def remove(apps: Any, schema_editor: Any) -> None:
    triggers.remove_index(schema_editor)
    triggers.remove(schema_editor, tables=[triggers.SHOWN])


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0002_append_only'),
    ]

    operations = [
        migrations.CreateModel(
            name='ShownPatient',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('patient', models.CharField(max_length=36)),
                ('entry', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='shown', to='audit.entry')),
            ],
            options={
                'default_permissions': (),
                'indexes': [models.Index(fields=['patient', 'entry'], name='audit_shown_by_patient')],
            },
        ),
        migrations.RunPython(install, remove),
    ]
