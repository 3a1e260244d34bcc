# The servers of Socket Workers in one image; which one runs is the first argument:
#
#   docker build -t socketworkers .
#   docker run -p 127.0.0.1:2525:2525 -v mail:/data socketworkers smtp --insecure
#   docker run -p 127.0.0.1:1883:1883 -v mqtt:/data socketworkers mqtt --insecure
#   docker run -p 127.0.0.1:5432:5432 -v pgwire:/data socketworkers pgwire --auth "host all all all trust"
#
# /data is the data folder and the only place that is written. The process is no root, and needs none of root's rights.

FROM python:3.11-slim-bookworm AS build
RUN python -m venv /opt/socketworkers
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY core core
COPY apps apps
RUN /opt/socketworkers/bin/pip install --no-cache-dir --disable-pip-version-check ".[all]"

FROM python:3.11-slim-bookworm
COPY --from=build /opt/socketworkers /opt/socketworkers
RUN groupadd --gid 10001 worker \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin worker \
    && install -d -o worker -g worker -m 0700 /data

# Within a container the other machines are the container's network; still nothing starts for them without --domain,
# --require-auth, users of the broker, or --insecure.
ENV PATH=/opt/socketworkers/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SOCKETWORKERS_SMTP_HOST=0.0.0.0 \
    SOCKETWORKERS_SMTP_DATA=/data/smtp \
    SOCKETWORKERS_SMTP_METRICS=127.0.0.1:9090 \
    SOCKETWORKERS_MQTT_HOST=0.0.0.0 \
    SOCKETWORKERS_MQTT_DATA=/data/mqtt \
    SOCKETWORKERS_MQTT_METRICS=127.0.0.1:9090 \
    SOCKETWORKERS_PGWIRE_HOST=0.0.0.0 \
    SOCKETWORKERS_PGWIRE_DATA=/data/pgwire \
    SOCKETWORKERS_PGWIRE_METRICS=127.0.0.1:9090

USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 2525 2465 2110 2995 1883 8883 5432 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=5s --start-period=10s --retries=3 \
    CMD ["socketworkers", "ready", "--metrics", "127.0.0.1:9090"]
ENTRYPOINT ["run-app"]
CMD ["smtp"]
