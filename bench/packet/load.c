/*
 * Load for bench/packet.ts. Plain sockets, one thread: what is measured is the kernel's path, not a runtime.
 *   load serve ADDRESS PORT               accepts TCP connections, reads until the peer ends; swallows UDP
 *   load connect ADDRESS PORT SECONDS     prints "CONNECTIONS_PER_SECOND P50_NANOSECONDS"
 *   load packets ADDRESS PORT SECONDS     one connected UDP flow of small packets; prints "PACKETS_PER_SECOND"
 *   load stream ADDRESS PORT SECONDS      one TCP stream; prints "BYTES_PER_SECOND"
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

static int by_size(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static void serve(struct sockaddr_in *address) {
  static char buffer[1 << 18];
  int one = 1;
  int tcp = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0);
  setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(tcp, (void *)address, sizeof *address) || listen(tcp, 4096)) die("listen");
  if (bind(udp, (void *)address, sizeof *address)) die("bind");
  printf("ready\n");
  fflush(stdout);
  struct pollfd watch[2] = {{tcp, POLLIN, 0}, {udp, POLLIN, 0}};
  for (;;) {
    if (poll(watch, 2, -1) < 0) continue;
    while (watch[1].revents && recv(udp, buffer, sizeof buffer, MSG_DONTWAIT) >= 0) {}
    if (!watch[0].revents) continue;
    int peer = accept(tcp, NULL, NULL);
    if (peer < 0) continue;
    while (read(peer, buffer, sizeof buffer) > 0) {}
    close(peer);
  }
}

static int dial(struct sockaddr_in *address) {
  int s = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(s, (void *)address, sizeof *address)) die("connect");
  return s;
}

static void connect_loop(struct sockaddr_in *address, double seconds) {
  static uint32_t took[1 << 21];
  size_t count = 0;
  struct linger abort_at_close = {1, 0}; /* a reset: no port waits in TIME_WAIT */
  double start = now(), end = start + seconds, at = start;
  while (at < end && count < sizeof took / sizeof *took) {
    int s = dial(address);
    double after = now();
    took[count++] = (uint32_t)((after - at) * 1e9);
    setsockopt(s, SOL_SOCKET, SO_LINGER, &abort_at_close, sizeof abort_at_close);
    close(s);
    at = now();
  }
  qsort(took, count, sizeof *took, by_size);
  printf("%.1f %u\n", count / (at - start), took[count / 2]);
}

static void packet_loop(struct sockaddr_in *address, double seconds) {
  int s = socket(AF_INET, SOCK_DGRAM, 0);
  if (connect(s, (void *)address, sizeof *address)) die("connect");
  char payload[64] = {0};
  size_t count = 0;
  double start = now(), end = start + seconds;
  while (now() < end)
    for (int i = 0; i < 64; i++) count += send(s, payload, sizeof payload, 0) > 0 || errno == ECONNREFUSED;
  printf("%.1f\n", count / (now() - start));
}

static void stream_loop(struct sockaddr_in *address, double seconds) {
  static char payload[1 << 16];
  int s = dial(address);
  double total = 0, start = now(), end = start + seconds;
  while (now() < end) {
    ssize_t n = write(s, payload, sizeof payload);
    if (n < 0) die("write");
    total += n;
  }
  printf("%.1f\n", total / (now() - start));
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  signal(SIGPIPE, SIG_IGN);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[3]))};
  if (inet_pton(AF_INET, argv[2], &address.sin_addr) != 1) return 2;
  double seconds = argc > 4 ? atof(argv[4]) : 1;
  if (!strcmp(argv[1], "serve")) serve(&address);
  else if (!strcmp(argv[1], "connect")) connect_loop(&address, seconds);
  else if (!strcmp(argv[1], "packets")) packet_loop(&address, seconds);
  else if (!strcmp(argv[1], "stream")) stream_loop(&address, seconds);
  else return 2;
  return 0;
}
