from django.db import migrations

_STORE = "ALTER TABLE executions_batchrecipients ALTER contact_ids SET STORAGE {0}, ALTER address_ids SET STORAGE {0}"


class Migration(migrations.Migration):
    """Compressing the arrays took a quarter of planning, and each chunk decompressed them whole."""

    dependencies = [("executions", "0007_shared_addresses")]

    operations = [migrations.RunSQL(_STORE.format("EXTERNAL"), _STORE.format("EXTENDED"))]
