"""Events, partitioned by month of receipt, and who an anonymous id turned out to be.

The months that are needed first are made here; afterwards beat makes them ahead.
"""

from django.db import migrations, models
import django.db.models.deletion

from common.partitions import make_partitions

EVENTS = """
CREATE TABLE audiences_event (
    workspace_id bigint NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    received_month date NOT NULL,
    contact_id bigint,
    app_id bigint,
    source text NOT NULL,
    name text NOT NULL,
    at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    anonymous_id text,
    message_id text NOT NULL,
    message_key uuid NOT NULL,
    properties jsonb NOT NULL DEFAULT '{}',
    context jsonb,
    PRIMARY KEY (workspace_id, id, received_month),
    CHECK (received_month = date_trunc('month', received_at AT TIME ZONE 'UTC')::date),
    CHECK (at <= received_at + interval '15 minutes')
) PARTITION BY RANGE (received_month);

CREATE UNIQUE INDEX audiences_event_once ON audiences_event (workspace_id, message_key, received_month);
CREATE INDEX audiences_event_did ON audiences_event (workspace_id, name, contact_id, at) WHERE contact_id IS NOT NULL;
CREATE INDEX audiences_event_contact ON audiences_event (contact_id, id) WHERE contact_id IS NOT NULL;
CREATE INDEX audiences_event_anonymous ON audiences_event (workspace_id, anonymous_id)
    WHERE contact_id IS NULL AND anonymous_id IS NOT NULL;
"""


def make_first_months(apps, schema_editor):
    make_partitions(["audiences_event"])


class Migration(migrations.Migration):
    dependencies = [("audiences", "0001_initial"), ("workspaces", "0001_initial")]
    operations = [
        migrations.CreateModel(
            name="Event",
            fields=[
                ("pk", models.CompositePrimaryKey("workspace_id", "id", "received_month", blank=True, editable=False, primary_key=True, serialize=False)),
                ("workspace_id", models.BigIntegerField()),
                ("id", models.BigIntegerField()),
                ("received_month", models.DateField()),
                ("contact_id", models.BigIntegerField(null=True)),
                ("app_id", models.BigIntegerField(null=True)),
                ("source", models.TextField()),
                ("name", models.TextField()),
                ("at", models.DateTimeField()),
                ("received_at", models.DateTimeField()),
                ("anonymous_id", models.TextField(null=True)),
                ("message_id", models.TextField()),
                ("message_key", models.UUIDField()),
                ("properties", models.JSONField(default=dict)),
                ("context", models.JSONField(null=True)),
            ],
            options={"db_table": "audiences_event", "managed": False},
        ),
        migrations.RunSQL(EVENTS, "DROP TABLE audiences_event"),
        migrations.RunPython(make_first_months, migrations.RunPython.noop),
    ]
