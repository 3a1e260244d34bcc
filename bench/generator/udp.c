/* Ping-pong load for UDP echo servers: peers that each have some datagrams under way, on one epoll.
 *
 * Usage: udp PORT PEERS WINDOW BYTES WARM SECONDS PID
 * Prints: datagrams that came back, seconds, and the CPU seconds that process PID used meanwhile. What is lost is sent
 * again after 50 ms of silence.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_EVENTS = 256, BUFFER = 1 << 16 };

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
    char *rest = strrchr(line, ')');
    if (rest == NULL ||
        sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2) {
        fprintf(stderr, "%s cannot be understood\n", path);
        exit(1);
    }
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

int main(int count, char **arguments)
{
    if (count != 8) {
        fprintf(stderr, "usage: %s PORT PEERS WINDOW BYTES WARM SECONDS PID\n", arguments[0]);
        return 2;
    }
    int peers = atoi(arguments[2]), window = atoi(arguments[3]);
    size_t size = (size_t)atol(arguments[4]);
    double warm = atof(arguments[5]), seconds = atof(arguments[6]);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(arguments[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    static char message[BUFFER], answer[BUFFER];
    if (peers < 1 || window < 1 || size > 60000)
        return 2;
    memset(message, 'x', size);
    int poll = epoll_create1(0), *sockets = calloc((size_t)peers, sizeof *sockets);
    if (poll < 0 || sockets == NULL)
        fail("epoll_create1");
    for (int index = 0; index < peers; index++) {
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
            fail("connect");
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        sockets[index] = fd;
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) < 0)
            fail("epoll_ctl");
    }
    unsigned long long trips = 0;
    double began = now(), measured = 0, cpu = 0, at;
    int silent = 1;
    for (;;) {
        at = now();
        if (measured == 0 && at - began >= warm) {
            trips = 0;
            measured = at;
            cpu = cpu_seconds(arguments[7]);
        }
        if (measured != 0 && at - measured >= seconds)
            break;
        if (silent)
            for (int index = 0; index < peers; index++)
                for (int each = 0; each < window; each++)
                    if (send(sockets[index], message, size, 0) < 0 && errno != EAGAIN)
                        fail("send");
        struct epoll_event events[MOST_EVENTS];
        int ready = epoll_wait(poll, events, MOST_EVENTS, 50);
        if (ready < 0 && errno != EINTR)
            fail("epoll_wait");
        silent = ready == 0;
        for (int index = 0; index < ready; index++) {
            int fd = events[index].data.fd;
            for (;;) {
                ssize_t got = recv(fd, answer, sizeof answer, 0);
                if (got < 0 && errno == EAGAIN)
                    break;
                if (got < 0)
                    fail("recv");
                if ((size_t)got != size) {
                    fprintf(stderr, "a datagram of %zd bytes came back\n", got);
                    return 1;
                }
                trips++;
                if (send(fd, message, size, 0) < 0 && errno != EAGAIN)
                    fail("send");
            }
        }
    }
    printf("%llu %.6f %.6f\n", trips, at - measured, cpu_seconds(arguments[7]) - cpu);
    return 0;
}
