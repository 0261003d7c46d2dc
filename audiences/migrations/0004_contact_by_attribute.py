"""What finds the contacts with an attribute's value; made without blocking writes, for tables that are large already."""

import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("audiences", "0003_segments")]
    operations = [
        AddIndexConcurrently(
            "contact",
            django.contrib.postgres.indexes.GinIndex(
                django.contrib.postgres.indexes.OpClass("attributes", name="jsonb_path_ops"),
                name="contact_by_attribute",
            ),
        ),
    ]
