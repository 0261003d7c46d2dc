"""The ledger and the receipts: partitioned by month of launch, without a default partition.

A row in a default partition would block making its month, and forbid detaching one without a lock.
Partitions are made ahead by `executions.partitions`.
"""

from django.db import migrations

LEDGER = """
CREATE TABLE executions_delivery (
    launched_on date NOT NULL,
    execution_id bigint NOT NULL,
    contact_id bigint NOT NULL,
    address_id bigint NOT NULL,
    workspace_id bigint NOT NULL,
    outcome smallint NOT NULL CHECK (outcome BETWEEN 1 AND 4),
    attempts smallint NOT NULL,
    provider_id bigint,
    sent_at timestamptz,
    recorded_at timestamptz NOT NULL,
    reason text,
    detail text,
    provider_response text,
    PRIMARY KEY (launched_on, execution_id, contact_id, address_id)
) PARTITION BY RANGE (launched_on);

CREATE TABLE executions_receipt (
    launched_on date NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    execution_id bigint NOT NULL,
    contact_id bigint NOT NULL,
    address_id bigint NOT NULL,
    workspace_id bigint NOT NULL,
    kind text NOT NULL,
    at timestamptz NOT NULL,
    data jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (launched_on, id)
) PARTITION BY RANGE (launched_on);

CREATE INDEX executions_receipt_delivery ON executions_receipt (launched_on, execution_id, contact_id, address_id);

ALTER TABLE executions_batch SET (fillfactor = 60);
ALTER TABLE executions_frequencyuse SET (fillfactor = 70);
"""


class Migration(migrations.Migration):
    dependencies = [("executions", "0001_initial")]
    operations = [
        migrations.RunSQL(LEDGER, "DROP TABLE executions_delivery, executions_receipt"),
    ]
