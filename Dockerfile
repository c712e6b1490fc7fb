# The container image, with Docker or any other builder that reads Dockerfiles; `npm run image` makes the same files
# into the same layers without a daemon (docs/images.md). Both run scripts/image.mjs, which fetches what
# package-lock.json and scripts/image/debian-packages.json pin by digest: nothing of the stage below gets into the
# image, so its own version decides nothing but whether it can run that script.
#
#   docker buildx build --platform linux/amd64,linux/arm64 --build-arg REVISION=$(git rev-parse HEAD) .
#
# The build runs on this machine's processor for either platform: it only puts files together.
FROM --platform=$BUILDPLATFORM node:24.11.1-bookworm-slim AS files
WORKDIR /portcullis
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
ARG TARGETARCH
# Debian says amd64, Node says x64.
RUN node scripts/image.mjs --arch "$([ "$TARGETARCH" = amd64 ] && echo x64 || echo "$TARGETARCH")" --root /image

FROM scratch
COPY --from=files --chown=0:0 /image/base/ /
COPY --from=files --chown=0:0 /image/application/ /
ARG REVISION=unknown
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="portcullis" \
      org.opencontainers.image.description="Kubernetes network policy, enforced in the Linux kernel and explained" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
ENV PATH=/usr/local/bin
WORKDIR /
ENTRYPOINT ["/usr/local/bin/portcullis"]
CMD ["--help"]
