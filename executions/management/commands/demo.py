from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from executions.demo.greeting import as_variables, greeting, read_variables, write_variables
from executions.demo.loading import load_demo


class Command(BaseCommand):
    help = "Loads the demo, writes demo.env in the state folder, and prints how to go on. Harmless to repeat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--print", action="store_true", help="only print again what was loaded")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("The demo makes a superuser; it is loaded only where VOLLEY_ENV=development.")
        variables = read_variables(settings.STATE_DIR)
        if options["print"] and not variables:
            raise CommandError("The demo is not loaded; run this without --print.")
        if not options["print"]:
            variables = as_variables(load_demo(variables), settings.BASE_URL)
            write_variables(settings.STATE_DIR, variables)
        self.stdout.write(greeting(variables, settings.STATE_DIR))
