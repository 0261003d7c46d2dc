"""Segments: rules over attributes, events, lists and past campaigns."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audiences", "0002_events"), ("workspaces", "0001_initial")]
    operations = [
        migrations.CreateModel(
            name="Segment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("created_by_kind", models.CharField(default="system", editable=False, max_length=10)),
                ("created_by_id", models.BigIntegerField(editable=False, null=True)),
                ("created_by_name", models.CharField(default="Volley", editable=False, max_length=200)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ("name", models.CharField(max_length=100)),
                ("description", models.CharField(blank=True, default="", max_length=500)),
                ("rule", models.JSONField()),
                ("updated_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ("workspace", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="segments", to="workspaces.workspace")),
            ],
            options={"indexes": [models.Index(fields=["workspace", "-id"], name="segment_by_workspace")]},
        ),
    ]
