# The images of the charts: `docker build --target controller .` and `docker build --target loadtester .`
ARG PYTHON_VERSION=3.11

# Everything that is locked is fetched and held to its hash; what the images need is then taken from there and from
# nowhere else.
FROM python:${PYTHON_VERSION}-slim-bookworm AS wheels
COPY requirements.lock /build/
RUN pip download --disable-pip-version-check --require-hashes --no-deps --only-binary=:all: \
    --dest=/wheels --requirement=/build/requirements.lock

FROM python:${PYTHON_VERSION}-slim-bookworm AS build
COPY pyproject.toml README.md LICENSE /build/
COPY canary_core /build/canary_core
COPY ports /build/ports
COPY adapters /build/adapters
COPY sims /build/sims
COPY --from=wheels /wheels /wheels
RUN python -m venv /opt/canary \
    && /opt/canary/bin/pip install --disable-pip-version-check --no-cache-dir --no-index --find-links=/wheels \
    "/build[controller,loadtester]" \
    && /opt/canary/bin/pip uninstall --yes pip setuptools

FROM python:${PYTHON_VERSION}-slim-bookworm AS base
# No name is needed: a number is what `runAsNonRoot` can check.
COPY --from=build /opt/canary /opt/canary
ENV PATH=/opt/canary/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
EXPOSE 8080
ENTRYPOINT ["canary"]

FROM base AS loadtester
RUN apt-get update \
    && apt-get install --yes --no-install-recommends curl hey \
    && rm -rf /var/lib/apt/lists/*
USER 10001:10001
CMD ["loadtester", "-port=8080"]

# The last one is built where no target is named.
FROM base AS controller
USER 10001:10001
CMD ["controller"]
