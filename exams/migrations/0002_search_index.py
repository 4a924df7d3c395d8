"""Once made an index of names; 0011 makes it of the text in which the worklist searches."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("exams", "0001_initial")]

    operations = []
