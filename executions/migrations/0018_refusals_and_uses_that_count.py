"""Why an event was refused, which execution a contact had its message in, and business executions by their event."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0001_initial'),
        ('executions', '0017_journals_of_silent_claims'),
        ('providers', '0003_http_kinds'),
        ('templates_registry', '0001_initial'),
        ('workspaces', '0002_write_keys'),
    ]

    operations = [
        migrations.AddField(
            model_name='execution',
            name='event_id',
            field=models.BigIntegerField(help_text="That event's id; empty for a retry.", null=True),
        ),
        migrations.AddField(
            model_name='passedover',
            name='why',
            field=models.JSONField(help_text='Of a refused one: code, message and hint.', null=True),
        ),
        migrations.AddField(
            model_name='triggeruse',
            name='activation_id',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='triggeruse',
            name='counted_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name='passedover',
            name='became',
            field=models.CharField(choices=[('promoted', 'A recipient of an execution; for a business event, an execution'), ('stopped', 'A cancelling event came before it was due'), ('again', 'The contact had its message already: once, or within the window'), ('too_often', 'More in an hour than anybody wants: a loop, most likely'), ('dropped', "The trigger was deactivated, or the hour's execution cancelled, while it waited"), ('deleted', 'The contact was deleted while it waited'), ('refused', 'It was not to be launched upon: `PassedOver.why` says why')], max_length=10),
        ),
        migrations.RunSQL(
            "UPDATE executions_execution SET event_id = (event->>'id')::bigint"
            " WHERE event IS NOT NULL AND retry_of_id IS NULL",
            migrations.RunSQL.noop,
        ),
        migrations.AddConstraint(
            model_name='execution',
            constraint=models.UniqueConstraint(fields=('activation', 'event_id'), name='execution_once_per_business_event'),
        ),
    ]
