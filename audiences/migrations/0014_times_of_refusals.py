"""A refusal that did not tell when it was said was said when it was received, at the latest."""

from django.db import migrations

RECEIVED = """
UPDATE audiences_address a SET consent_at = coalesce(
    (
        SELECT max(told.recorded_at) FROM audiences_consentchange told
        WHERE told.contact_id = a.contact_id AND told.type = a.type AND told.value = a.value
          AND told.after = 'unsubscribed'
    ),
    a.created_at
)
WHERE a.consent = 'unsubscribed' AND a.consent_at IS NULL
"""


class Migration(migrations.Migration):
    dependencies = [("audiences", "0013_activated_triggers")]

    operations = [migrations.RunSQL(RECEIVED, migrations.RunSQL.noop)]
