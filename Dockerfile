# The server in an image of its own: the binary, the C library it needs, certificates, and nothing else, no shell either.
#   docker build -t strowger .
#   docker run -p 8080:8080 -v strowger:/var/lib/strowger -v ./strowger.toml:/etc/strowger/strowger.toml strowger

FROM rust:1.95-slim-bookworm AS build
# What fails within a pipe fails the build.
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends make gcc libc6-dev ca-certificates && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p strowger

# The root of the image: what `ldd` names, who may be whom, and whom to trust.
RUN root=/root-of-image; \
    mkdir -p $root/usr/bin $root/etc/ssl/certs $root/etc/strowger $root/var/lib/strowger $root/var/cache/strowger $root/tmp; \
    cp target/release/strowger $root/usr/bin/; \
    ldd target/release/strowger | grep -o '/[^ ]*' | sort -u | while read -r library; do \
        mkdir -p "$root$(dirname "$library")"; cp -L "$library" "$root$library"; done; \
    for name in libnss_dns.so.2 libnss_files.so.2 libresolv.so.2; do \
        find /lib /usr/lib -name "$name" -exec cp -L --parents {} $root \; ; done; \
    cp /etc/ssl/certs/ca-certificates.crt $root/etc/ssl/certs/; \
    echo 'strowger:x:65532:65532::/var/lib/strowger:/usr/sbin/nologin' > $root/etc/passwd; \
    echo 'strowger:x:65532:' > $root/etc/group; \
    echo 'hosts: files dns' > $root/etc/nsswitch.conf; \
    cp packaging/container.toml $root/etc/strowger/strowger.toml; \
    chmod 1777 $root/tmp; \
    chown -R 65532:65532 $root/var/lib/strowger $root/var/cache/strowger; \
    chmod 700 $root/var/lib/strowger $root/var/cache/strowger

FROM scratch
COPY --from=build /root-of-image /
USER 65532:65532
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
EXPOSE 8080
VOLUME /var/lib/strowger
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/usr/bin/strowger", "health"]
ENTRYPOINT ["/usr/bin/strowger"]
CMD ["serve", "--config", "/etc/strowger/strowger.toml"]
