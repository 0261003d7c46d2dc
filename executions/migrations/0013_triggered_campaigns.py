"""Triggered campaigns: what is frozen when one is activated, and the executions that events add recipients to."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0001_initial'),
        ('executions', '0012_quiet_hours'),
        ('providers', '0003_http_kinds'),
        ('templates_registry', '0001_initial'),
        ('workspaces', '0002_write_keys'),
    ]

    operations = [
        migrations.CreateModel(
            name='TriggerUse',
            fields=[
                ('pk', models.CompositePrimaryKey('campaign_id', 'contact_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('campaign_id', models.BigIntegerField()),
                ('contact_id', models.BigIntegerField()),
                ('hour', models.DateTimeField()),
                ('count', models.SmallIntegerField()),
                ('last_at', models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name='execution',
            name='accepts_until',
            field=models.DateTimeField(help_text='Events add recipients until then: it runs on.', null=True),
        ),
        migrations.AddField(
            model_name='execution',
            name='event',
            field=models.JSONField(help_text='The business event that launched it.', null=True),
        ),
        migrations.AddField(
            model_name='execution',
            name='occurrence',
            field=models.SmallIntegerField(help_text='It has whom the trigger was promoted for the n-th time within its hour.', null=True),
        ),
        migrations.AddField(
            model_name='recipientdata',
            name='event',
            field=models.JSONField(help_text='Its id, name, at and properties.', null=True),
        ),
        migrations.AlterField(
            model_name='recipientdata',
            name='personalization',
            field=models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict),
        ),
        migrations.CreateModel(
            name='TriggerActivation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_by_kind', models.CharField(default='system', editable=False, max_length=10)),
                ('created_by_id', models.BigIntegerField(editable=False, null=True)),
                ('created_by_name', models.CharField(default='Volley', editable=False, max_length=200)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('campaign_name', models.CharField(max_length=200)),
                ('type', models.CharField(choices=[('email', 'Email'), ('sms', 'SMS'), ('push', 'App push'), ('webpush', 'Web push'), ('whatsapp', 'WhatsApp'), ('webhook', 'Webhook')], max_length=10)),
                ('app_ids', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=100), default=list, size=None)),
                ('tags', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=25), default=list, size=None)),
                ('purpose', models.CharField(choices=[('marketing', 'Marketing'), ('transactional', 'Transactional')], max_length=13)),
                ('on_cap', models.CharField(choices=[('skip', 'Skip whoever is over the cap'), ('defer', 'Wait for the earliest slot')], max_length=5)),
                ('on_unknown', models.CharField(choices=[('hold', 'Hold: nobody is sent to twice'), ('resend', 'Send again: nobody is missed')], max_length=6)),
                ('frequency_capping', models.BooleanField(default=True)),
                ('campaign_personalization', models.JSONField(default=dict)),
                ('personalization', models.JSONField(default=dict)),
                ('rate_per_minute', models.PositiveIntegerField(help_text='Empty: as fast as the provider takes.', null=True)),
                ('definition', models.JSONField()),
                ('counts', models.JSONField(default=dict, help_text='Word of `Became` to number of events.')),
                ('ended_at', models.DateTimeField(help_text='Deactivated: no event from then on is for it.', null=True)),
                ('drops_waiting', models.BooleanField(default=False, help_text='What waited when it ended is not sent.')),
                ('emptied_at', models.DateTimeField(help_text='It has ended, and nothing waits any more.', null=True)),
                ('campaign', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='activations', to='campaigns.campaign')),
                ('provider', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='providers.provider')),
                ('sender', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='providers.sender')),
                ('template_version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='templates_registry.templateversion')),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='workspaces.workspace')),
            ],
        ),
        migrations.AddField(
            model_name='execution',
            name='activation',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='executions', to='executions.triggeractivation'),
        ),
        migrations.AddConstraint(
            model_name='execution',
            constraint=models.UniqueConstraint(fields=('activation', 'accepts_until', 'occurrence'), name='execution_once_per_hour'),
        ),
        migrations.AddConstraint(
            model_name='execution',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('accepts_until__isnull', True), ('occurrence__isnull', True)), models.Q(('accepts_until__isnull', False), ('activation__isnull', False), ('occurrence__isnull', False), ('size__isnull', False)), _connector='OR'), name='execution_standing_whole'),
        ),
        migrations.AddIndex(
            model_name='triggeractivation',
            index=models.Index(condition=models.Q(('emptied_at__isnull', True)), fields=['id'], name='activation_live'),
        ),
        migrations.AddIndex(
            model_name='triggeractivation',
            index=models.Index(fields=['campaign', '-id'], name='activation_by_campaign'),
        ),
        migrations.AddConstraint(
            model_name='triggeractivation',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at__isnull', True)), fields=('campaign',), name='activation_one_at_a_time'),
        ),
    ]
