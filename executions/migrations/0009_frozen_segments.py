"""Who was in the segments of an audience when it was planned."""

import django.db.models.deletion
from django.db import migrations, models

import common.bits


class Migration(migrations.Migration):
    dependencies = [("executions", "0008_uncompressed_recipients")]
    operations = [
        migrations.AddField(
            model_name="execution",
            name="frozen_at",
            field=models.DateTimeField(help_text="The now of its segments' rules; see FrozenSegment.", null=True),
        ),
        migrations.CreateModel(
            name="FrozenSegment",
            fields=[
                ("pk", models.CompositePrimaryKey("execution_id", "segment_id", "block", blank=True, editable=False, primary_key=True, serialize=False)),
                ("segment_id", models.BigIntegerField()),
                ("block", models.BigIntegerField()),
                ("members", common.bits.BitsField(length=256)),
                ("execution", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="executions.execution")),
            ],
        ),
    ]
