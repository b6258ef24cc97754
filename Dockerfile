# `scorer` with its embedded model, on CPUs, without torch: docker build -t sentiment-scorer .
FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY scorer scorer
COPY trainer trainer
COPY exporter exporter
RUN pip install --no-cache-dir --prefix /installed . -c constraints.txt

FROM python:3.13-slim
COPY --from=build /installed /usr/local
USER 1000:1000
WORKDIR /data
ENTRYPOINT ["scorer"]
