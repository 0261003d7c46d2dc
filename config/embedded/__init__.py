"""The embedded stack: PostgreSQL, Valkey, web server, Celery worker and beat under one supervisor.

`python -m config.embedded up|test|exec|reset`. Whichever of DATABASE_URL and REDIS_URL is set replaces its service.
"""
