from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('executions', '0013_triggered_campaigns'),
    ]

    operations = [
        migrations.AddField(
            model_name='execution',
            name='cut_off_last',
            field=models.DateTimeField(help_text='When cut_off_local is past on the last clocks of the world; known when planning begins.', null=True),
        ),
    ]
