"""The events that campaigns are sent upon, and those that wait to be promoted: a queue, so it is vacuumed as one."""

import django.db.models.deletion
from django.db import migrations, models

QUEUE = """
ALTER TABLE audiences_triggerhit SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000)
"""


class Migration(migrations.Migration):

    dependencies = [
        ('audiences', '0008_reading_uploads'),
        ('workspaces', '0002_write_keys'),
    ]

    operations = [
        migrations.CreateModel(
            name='TriggerHit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('workspace_id', models.BigIntegerField()),
                ('activation_id', models.BigIntegerField()),
                ('contact_id', models.BigIntegerField(null=True)),
                ('event_id', models.BigIntegerField()),
                ('received_month', models.DateField()),
                ('at', models.DateTimeField(help_text="The event's own time.")),
                ('due_at', models.DateTimeField()),
            ],
            options={
                'indexes': [models.Index(fields=['activation_id', 'due_at'], name='hit_due')],
            },
        ),
        migrations.CreateModel(
            name='EventTrigger',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('campaign_id', models.BigIntegerField(unique=True)),
                ('event_name', models.CharField(max_length=200)),
                ('conditions', models.JSONField(default=list)),
                ('delay_seconds', models.PositiveIntegerField(default=0)),
                ('per_contact', models.CharField(choices=[('every', 'Every time'), ('window', 'Once in a window'), ('once', 'Once for all')], default='every', max_length=6)),
                ('window_seconds', models.PositiveIntegerField(null=True)),
                ('cancel_event', models.CharField(blank=True, default='', help_text='Empty: nothing stops it.', max_length=200)),
                ('cancel_conditions', models.JSONField(default=list)),
                ('business', models.BooleanField(default=False)),
                ('audience', models.JSONField(help_text='Of a business event, as a launch takes it.', null=True)),
                ('activation_id', models.BigIntegerField(help_text='Empty: it is not active.', null=True)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='workspaces.workspace')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('activation_id__isnull', False)), fields=['workspace', 'event_name'], name='trigger_by_event')],
                'constraints': [models.CheckConstraint(condition=models.Q(('per_contact__in', ['every', 'window', 'once'])), name='trigger_per_contact_known'), models.CheckConstraint(condition=models.Q(models.Q(('per_contact', 'window'), ('window_seconds__gte', 1)), models.Q(models.Q(('per_contact', 'window'), _negated=True), ('window_seconds__isnull', True)), _connector='OR'), name='trigger_window_where_asked'), models.CheckConstraint(condition=models.Q(models.Q(('audience__isnull', False), ('business', True)), models.Q(('audience__isnull', True), ('business', False)), _connector='OR'), name='trigger_audience_of_business')],
            },
        ),
        migrations.RunSQL(QUEUE, migrations.RunSQL.noop),
    ]
