# syntax=docker/dockerfile:1
ARG PYTHON=docker.io/library/python:3.12-slim

FROM ${PYTHON} AS build
WORKDIR /src
RUN python -m venv /opt/campaign-export
# The dependencies first: they change less often than the program, and their layer is kept.
COPY requirements.lock ./
RUN /opt/campaign-export/bin/pip install --no-cache-dir --no-compile --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY exporter exporter
COPY jobs jobs
# What nobody runs goes: tests, sources in C, Arrow's RPC. What stays is compiled here, since a
# read-only root cannot keep what Python compiles, by hash and not by time, so that two builds give the same bytes.
RUN /opt/campaign-export/bin/pip install --no-cache-dir --no-compile --no-deps . \
 && /opt/campaign-export/bin/pip uninstall -y pip \
 && find /opt/campaign-export -name tests -type d -path '*site-packages/*' -prune -exec rm -rf {} + \
 && find /opt/campaign-export -type f -regex '.*\.\(c\|cc\|h\|hpp\|pyx\|pxd\|pxi\)' -delete \
 && find /opt/campaign-export -path '*/pyarrow/*' -name '*flight*' -delete \
 && find /opt/campaign-export -name __pycache__ -type d -prune -exec rm -rf {} + \
 && python -m compileall -q --invalidation-mode unchecked-hash /opt/campaign-export/lib

FROM ${PYTHON}
LABEL org.opencontainers.image.title="campaign-export" \
      org.opencontainers.image.description="Every campaign of a Kore.ai account, out of its API and into files people trust." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://example.com/campaign-exporter"
COPY --from=build /opt/campaign-export /opt/campaign-export
# State (the ledger) lives on the volume too, so that the root file system can be read-only.
ENV PATH=/opt/campaign-export/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/data \
    XDG_STATE_HOME=/data/.state
RUN mkdir /data && chown 10001:10001 /data
USER 10001:10001
WORKDIR /data
VOLUME /data
HEALTHCHECK NONE
ENTRYPOINT ["campaign-export"]
CMD ["--help"]
