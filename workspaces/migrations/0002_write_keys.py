"""Write keys become rows of their own, several to an app, each of which can be revoked; those there are stay valid."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import workspaces.models

MOVE = """
INSERT INTO workspaces_writekey (workspace_id, app_id, name, key, created_by_kind, created_by_name)
SELECT workspace_id, id, '', write_key, 'system', 'Volley' FROM workspaces_app
"""


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0001_initial")]
    operations = [
        migrations.CreateModel(
            name="WriteKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("created_by_kind", models.CharField(default="system", editable=False, max_length=10)),
                ("created_by_id", models.BigIntegerField(editable=False, null=True)),
                ("created_by_name", models.CharField(default="Volley", editable=False, max_length=200)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ("name", models.CharField(blank=True, default="", help_text="For yourself: where it is used.", max_length=100)),
                ("key", models.CharField(default=workspaces.models.new_write_key, editable=False, max_length=64, unique=True)),
                ("revoked_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("app", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="write_keys", to="workspaces.app")),
                ("workspace", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="write_keys", to="workspaces.workspace")),
            ],
            options={"abstract": False},
        ),
        migrations.RunSQL(MOVE, migrations.RunSQL.noop),
        migrations.RemoveField(model_name="app", name="write_key"),
    ]
