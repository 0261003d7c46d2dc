# One image for web, worker and beat; compose.yaml shows how they run together.
FROM python:3.13-slim

WORKDIR /srv/volley
COPY bin/uv.txt requirements.lock ./
# The lock also pins what tests and the embedded services need; production runs without those.
RUN python -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir --require-hashes -r uv.txt \
    && /opt/uv/bin/uv venv /opt/volley \
    && /opt/uv/bin/uv pip sync --no-cache --python /opt/volley --require-hashes requirements.lock
COPY . .

ENV PATH=/opt/volley/bin:$PATH VOLLEY_STATE_DIR=/var/lib/volley PYTHONUNBUFFERED=1
RUN useradd --system --home-dir /var/lib/volley --create-home volley
USER volley
EXPOSE 8000
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "config.wsgi:application"]
