# The emulator alone: no compiler, no pip, no root. Explained in docs/dev-server.md.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY emulator ./emulator
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .
RUN python -m venv --without-pip /opt/oss-emulator \
    && pip --python /opt/oss-emulator/bin/python install --no-cache-dir "$(echo /wheels/oss_emulator-*.whl)[tls,image]"

FROM python:${PYTHON}-slim
COPY --from=build /opt/oss-emulator /opt/oss-emulator
RUN useradd --uid 10001 --no-create-home emulator \
    && install --directory --owner=emulator /data
ENV PATH=/opt/oss-emulator/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    OSS_EMULATOR_SERVER_HOST=0.0.0.0 \
    OSS_EMULATOR_LOG_REQUESTS=true
# By number, so that Kubernetes can see that it is not root.
USER 10001
# The objects lie in /data/oss-data.
WORKDIR /data
EXPOSE 8280
HEALTHCHECK --interval=2s --timeout=3s --start-period=10s --retries=5 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8280/_emulator/health', timeout=2)"]
CMD ["oss-emulator", "serve"]
