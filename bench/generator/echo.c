/* Ping-pong load for echo servers: connections that each have one message under way, on one epoll.
 *
 * Usage: echo PORT CONNECTIONS BYTES WARM SECONDS PID
 * Prints: round trips, seconds, and the CPU seconds that process PID used meanwhile. A generator in Python would be the
 * limit itself, and ratios between servers would be ratios between generators.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_EVENTS = 256, BUFFER = 1 << 18 };

struct connection {
    int fd;
    size_t missing; /* of the answer */
    size_t unsent;  /* of the message */
};

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* utime and stime of proc(5), in seconds */
static double cpu_seconds(const char *pid)
{
    char path[64], line[1024];
    unsigned long user, system;
    snprintf(path, sizeof path, "/proc/%s/stat", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail(path);
    size_t length = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[length] = 0;
    char *rest = strrchr(line, ')'); /* the name of a program may hold anything */
    if (rest == NULL ||
        sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2) {
        fprintf(stderr, "%s cannot be understood\n", path);
        exit(1);
    }
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static void send_rest(int poll, struct connection *peer, const char *message, size_t size)
{
    size_t before = peer->unsent;
    while (peer->unsent > 0) {
        ssize_t sent = send(peer->fd, message + size - peer->unsent, peer->unsent, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EAGAIN)
                break;
            fail("send");
        }
        peer->unsent -= (size_t)sent;
    }
    int was_waiting = before > 0 && before < size;
    if (peer->unsent > 0 || was_waiting) {
        struct epoll_event event = {.events = EPOLLIN | (peer->unsent > 0 ? EPOLLOUT : 0), .data.ptr = peer};
        if (epoll_ctl(poll, EPOLL_CTL_MOD, peer->fd, &event) < 0)
            fail("epoll_ctl");
    }
}

int main(int count, char **arguments)
{
    if (count != 7) {
        fprintf(stderr, "usage: %s PORT CONNECTIONS BYTES WARM SECONDS PID\n", arguments[0]);
        return 2;
    }
    int connections = atoi(arguments[2]);
    size_t size = (size_t)atol(arguments[3]);
    double warm = atof(arguments[4]), seconds = atof(arguments[5]);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(arguments[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connections < 1 || size < 1 || size > BUFFER) {
        fprintf(stderr, "at least one connection, and messages of 1 to %d bytes\n", BUFFER);
        return 2;
    }
    static char message[BUFFER], answer[BUFFER];
    memset(message, 'x', size);
    int poll = epoll_create1(0);
    struct connection *peers = calloc((size_t)connections, sizeof *peers);
    if (poll < 0 || peers == NULL)
        fail("epoll_create1");
    for (int index = 0; index < connections; index++) {
        int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
            fail("connect");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        peers[index] = (struct connection){.fd = fd, .missing = size, .unsent = size};
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &peers[index]};
        if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) < 0)
            fail("epoll_ctl");
    }
    for (int index = 0; index < connections; index++)
        send_rest(poll, &peers[index], message, size);
    unsigned long long trips = 0;
    double began = now(), measured = 0, cpu = 0, at;
    for (;;) {
        at = now();
        if (measured == 0 && at - began >= warm) {
            trips = 0;
            measured = at;
            cpu = cpu_seconds(arguments[6]);
        }
        if (measured != 0 && at - measured >= seconds)
            break;
        struct epoll_event events[MOST_EVENTS];
        int ready = epoll_wait(poll, events, MOST_EVENTS, 1000);
        if (ready < 0 && errno != EINTR)
            fail("epoll_wait");
        for (int index = 0; index < ready; index++) {
            struct connection *peer = events[index].data.ptr;
            if (events[index].events & EPOLLOUT)
                send_rest(poll, peer, message, size);
            if (!(events[index].events & ~EPOLLOUT))
                continue;
            ssize_t got = recv(peer->fd, answer, sizeof answer, 0);
            if (got < 0 && errno == EAGAIN)
                continue;
            if (got <= 0 || (size_t)got > peer->missing) {
                fprintf(stderr, "the server ended a connection, or sent more than it got\n");
                return 1;
            }
            peer->missing -= (size_t)got;
            if (peer->missing == 0) {
                trips++;
                peer->missing = peer->unsent = size;
                send_rest(poll, peer, message, size);
            }
        }
    }
    printf("%llu %.6f %.6f\n", trips, at - measured, cpu_seconds(arguments[6]) - cpu);
    return 0;
}
