# The database clients of compose.yaml: psql, and psycopg for Python.
FROM python:3.11-slim-bookworm
RUN apt-get update \
    && apt-get install -y --no-install-recommends postgresql-client \
    && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir --disable-pip-version-check "psycopg[binary]>=3.2,<4"
COPY pg_client.py /pg_client.py
# as the server's user, who may read the server's data folder
USER 10001:10001
