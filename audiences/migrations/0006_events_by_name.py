"""The index by name holds events without a contact too: lists by name read it, and would read the whole table else."""

from django.db import migrations

WHOLE = """
DROP INDEX audiences_event_did;
CREATE INDEX audiences_event_did ON audiences_event (workspace_id, name, contact_id, at);
"""
PARTIAL = """
DROP INDEX audiences_event_did;
CREATE INDEX audiences_event_did ON audiences_event (workspace_id, name, contact_id, at) WHERE contact_id IS NOT NULL;
"""


class Migration(migrations.Migration):
    dependencies = [("audiences", "0005_anonymous_identities")]
    operations = [migrations.RunSQL(WHOLE, PARTIAL)]
