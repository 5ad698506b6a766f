# The one image of the controller and of the workers. What is in it is decided in scripts/image/rootfs.ts, which also
# makes it where no container engine runs (`npm run build:image`). The image has no shell and no package manager.
FROM node:26-bookworm-slim AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libatomic1 tzdata \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /project
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN node_modules/.bin/node scripts/image.ts --root /rootfs

FROM scratch
COPY --from=build /rootfs /
# DuckDB queries occupy libuv's threads; with more of them, file and DNS work never waits behind a query.
ENV PATH=/usr/bin NODE_ENV=production NODE_USE_SYSTEM_CA=1 UV_THREADPOOL_SIZE=16
LABEL org.opencontainers.image.title="jobpulse" \
      org.opencontainers.image.description="Labour-market data pipelines as Kubernetes resources: controller and workers" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["/usr/bin/jobpulse"]
