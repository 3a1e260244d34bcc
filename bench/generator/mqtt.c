/* A load generator for MQTT 3.1.1 brokers: one thread, one epoll, a closed loop.
 *
 * mqtt flow PORT PUBLISHERS SUBSCRIBERS QOS SIZE WINDOW SECONDS CLEAN   deliveries (and publishes) per second
 * mqtt churn PORT AT_A_TIME SECONDS                                     connect, CONNACK, disconnect per second
 * mqtt idle PORT COUNT                                                  opens COUNT subscribed clients, waits for stdin
 *
 * In a flow at most WINDOW messages of all publishers together are under way at a time, so that no broker has to drop
 * any. With CLEAN 0 the subscribers have sessions that last.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { IN = 1 << 18, OUT = 1 << 18 };

struct client {
    int fd, publisher, number, ready, watching;
    uint8_t *in;
    size_t in_used, in_size;
    uint8_t *out;
    size_t out_begin, out_end;
    uint16_t id;
};

static int poller, port, qos, clean_session = 1, publishers, subscribers;
static size_t size;
static int64_t window, sent, acknowledged, received, ready;
static struct client *clients;
static char tag[32];

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static void fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static void watch(struct client *c, int writing) {
    if (c->watching == writing) return;
    struct epoll_event event = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event);
    c->watching = writing;
}

static void flush(struct client *c) {
    while (c->out_begin < c->out_end) {
        ssize_t n = send(c->fd, c->out + c->out_begin, c->out_end - c->out_begin, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EAGAIN) break;
            fail("send");
        }
        c->out_begin += n;
    }
    if (c->out_begin == c->out_end) c->out_begin = c->out_end = 0;
    watch(c, c->out_end > c->out_begin);
}

static uint8_t *room(struct client *c, size_t n) {
    if (c->out_end + n > OUT && c->out_begin) {
        memmove(c->out, c->out + c->out_begin, c->out_end - c->out_begin);
        c->out_end -= c->out_begin;
        c->out_begin = 0;
    }
    if (c->out_end + n > OUT) return NULL;
    uint8_t *place = c->out + c->out_end;
    c->out_end += n;
    return place;
}

static void put4(struct client *c, uint8_t first, const uint8_t *id) {
    uint8_t *p = room(c, 4);
    if (!p) { fprintf(stderr, "the output is full\n"); exit(1); }
    p[0] = first;
    p[1] = 2;
    p[2] = id[0];
    p[3] = id[1];
}

static size_t put_length(uint8_t *p, size_t n) {
    size_t used = 0;
    do {
        p[used] = n & 127;
        n >>= 7;
        if (n) p[used] |= 128;
        used++;
    } while (n);
    return used;
}

static void put_connect(struct client *c) {
    char name[64];
    size_t n = sprintf(name, "%s-%c%d", tag, c->publisher ? 'p' : 's', c->number);
    uint8_t *p = room(c, 14 + n);
    uint8_t head[] = {0x10, 12 + n, 0, 4, 'M', 'Q', 'T', 'T', 4, c->publisher || clean_session ? 2 : 0, 0, 60, 0, n};
    memcpy(p, head, 14);
    memcpy(p + 14, name, n);
}

static void put_subscribe(struct client *c, const char *filter) {
    size_t n = strlen(filter);
    uint8_t *p = room(c, 7 + n);
    uint8_t head[] = {0x82, 5 + n, 0, 1, 0, n};
    memcpy(p, head, 6);
    memcpy(p + 6, filter, n);
    p[6 + n] = qos;
}

static int put_publish(struct client *c) {
    char topic[64];
    size_t n = sprintf(topic, "bench/%s/%d", tag, c->number);
    size_t rest = 2 + n + (qos ? 2 : 0) + size;
    uint8_t length[4];
    size_t used = put_length(length, rest);
    uint8_t *p = room(c, 1 + used + rest);
    if (!p) return 0;
    *p++ = 0x30 | qos << 1;
    memcpy(p, length, used);
    p += used;
    *p++ = 0;
    *p++ = n;
    memcpy(p, topic, n);
    p += n;
    if (qos) {
        if (++c->id == 0) c->id = 1;
        *p++ = c->id >> 8;
        *p++ = c->id;
    }
    memset(p, 'x', size);
    return 1;
}

static void opened(struct client *c) {
    if (!c->ready) {
        c->ready = 1;
        ready++;
    }
}

static void packet(struct client *c, uint8_t first, uint8_t *body, size_t length) {
    switch (first >> 4) {
    case 2:
        if (length < 2 || body[1]) { fprintf(stderr, "CONNACK with code %d\n", body[1]); exit(1); }
        if (c->publisher) {
            opened(c);
        } else {
            char filter[64];
            sprintf(filter, "bench/%s/+", tag);
            put_subscribe(c, filter);
        }
        break;
    case 9: opened(c); break;
    case 3: {
        received++;
        int q = first >> 1 & 3;
        if (q) {
            uint8_t *id = body + 2 + (body[0] << 8 | body[1]);
            put4(c, q == 1 ? 0x40 : 0x50, id);
        }
        break;
    }
    case 4: case 7: acknowledged++; break;
    case 5: put4(c, 0x62, body); break;
    case 6: put4(c, 0x70, body); break;
    }
}

static void readable(struct client *c) {
    if (c->in_used == c->in_size) {
        c->in_size *= 2;
        c->in = realloc(c->in, c->in_size);
    }
    ssize_t n = recv(c->fd, c->in + c->in_used, c->in_size - c->in_used, 0);
    if (n < 0) {
        if (errno == EAGAIN) return;
        fail("recv");
    }
    if (n == 0) { fprintf(stderr, "the broker closed a connection\n"); exit(1); }
    c->in_used += n;
    size_t at = 0;
    while (c->in_used - at >= 2) {
        size_t length = 0, shift = 0, p = at + 1;
        int whole = 0;
        while (p < c->in_used) {
            uint8_t byte = c->in[p++];
            length |= (size_t)(byte & 127) << shift;
            shift += 7;
            if (!(byte & 128)) { whole = 1; break; }
        }
        if (!whole || p + length > c->in_used) break;
        packet(c, c->in[at], c->in + p, length);
        at = p + length;
    }
    memmove(c->in, c->in + at, c->in_used - at);
    c->in_used -= at;
}

static void open_client(struct client *c, int publisher, int number) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in from = {.sin_family = AF_INET};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + number % 8); /* one address has some 28,000 ports */
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(c->fd, IPPROTO_IP, 24 /* IP_BIND_ADDRESS_NO_PORT */, &one, sizeof one);
    if (c->fd < 0 || bind(c->fd, (void *)&from, sizeof from) || connect(c->fd, (void *)&to, sizeof to)) fail("connect");
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    c->publisher = publisher;
    c->number = number;
    c->ready = c->watching = 0;
    c->in_used = c->out_begin = c->out_end = 0;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event);
    put_connect(c);
    flush(c);
}

static void make(struct client *c, size_t in) {
    c->in = malloc(in);
    c->in_size = in;
    c->out = malloc(OUT);
}

static void turn(int timeout) {
    static struct epoll_event events[1024];
    int n = epoll_wait(poller, events, 1024, timeout);
    for (int i = 0; i < n; i++) {
        struct client *c = events[i].data.ptr;
        if (events[i].events & ~EPOLLOUT) readable(c);
        if (c->out_end > c->out_begin) flush(c);
    }
}

static void top_up(void) {
    static int next;
    int64_t most = window * subscribers;
    for (int full = 0; full < publishers;) {
        if (sent * subscribers - received >= most || (qos && sent - acknowledged >= window)) break;
        struct client *c = clients + next;
        next = (next + 1) % publishers;
        /* what a publisher has to send goes out with one call; several publishers take turns */
        int64_t share = publishers == 1 ? window : window / publishers + 1;
        int some = 0;
        while (share-- && sent * subscribers - received < most && (!qos || sent - acknowledged < window)) {
            if (!put_publish(c)) break;
            sent++;
            some = 1;
        }
        if (some) flush(c);
        else full++;
    }
}

static void flow(double seconds) {
    int count = publishers + subscribers;
    clients = calloc(count, sizeof *clients);
    for (int i = 0; i < count; i++) {
        make(clients + i, IN);
        open_client(clients + i, i < publishers, i < publishers ? i : i - publishers);
        while (i % 50 == 49 && ready < i - 49) turn(100);
    }
    while (ready < count) turn(1000);
    double began = now(), warm = began + 0.3, measured = 0, t = began;
    int64_t base = 0, base_sent = 0;
    while (1) {
        top_up();
        turn(100);
        t = now();
        if (!measured && t >= warm) {
            measured = t;
            base = received;
            base_sent = qos ? acknowledged : sent;
        }
        if (measured && t - measured >= seconds) break;
        if (t - began > seconds + 20) break;
    }
    printf("%.1f %.1f\n", (received - base) / (t - measured), ((qos ? acknowledged : sent) - base_sent) / (t - measured));
}

static void churn(int at_a_time, double seconds) {
    clients = calloc(at_a_time, sizeof *clients);
    clean_session = 1;
    int number = 0;
    for (int i = 0; i < at_a_time; i++) {
        make(clients + i, 4096);
        open_client(clients + i, 1, number++);
    }
    double began = now(), warm = began + 0.3, measured = 0, t = began;
    int64_t done = 0, base = 0;
    while (1) {
        turn(100);
        for (int i = 0; i < at_a_time; i++) {
            struct client *c = clients + i;
            if (!c->ready) continue;
            uint8_t *p = room(c, 2);
            p[0] = 0xe0;
            p[1] = 0;
            flush(c);
            close(c->fd);
            done++;
            open_client(c, 1, number++);
        }
        t = now();
        if (!measured && t >= warm) measured = t, base = done;
        if (measured && t - measured >= seconds) break;
    }
    printf("%.1f\n", (done - base) / (t - measured));
}

static void idle(int count) {
    subscribers = count;
    clients = calloc(count, sizeof *clients);
    uint8_t *out = malloc(OUT);
    for (int i = 0; i < count; i++) {
        clients[i].in = malloc(256);
        clients[i].in_size = 256;
        clients[i].out = out; /* one at a time */
        int64_t before = ready;
        open_client(clients + i, 0, i);
        while (ready == before) turn(5000);
    }
    printf("ready\n");
    fflush(stdout);
    getchar();
}

int main(int argc, char **argv) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    sprintf(tag, "%d", (int)getpid());
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (argc == 10 && !strcmp(argv[1], "flow")) {
        port = atoi(argv[2]);
        publishers = atoi(argv[3]);
        subscribers = atoi(argv[4]);
        qos = atoi(argv[5]);
        size = atoi(argv[6]);
        window = atoll(argv[7]);
        clean_session = atoi(argv[9]);
        flow(atof(argv[8]));
    } else if (argc == 5 && !strcmp(argv[1], "churn")) {
        port = atoi(argv[2]);
        churn(atoi(argv[3]), atof(argv[4]));
    } else if (argc == 4 && !strcmp(argv[1], "idle")) {
        port = atoi(argv[2]);
        idle(atoi(argv[3]));
    } else {
        fprintf(stderr, "see the top of this file\n");
        return 2;
    }
    return 0;
}
