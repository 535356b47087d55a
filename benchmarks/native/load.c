/* A closed-loop load generator: one thread, epoll, keep-alive; every answer is read whole and judged.
 *
 *   load --port 18080 --request request.http --connections 64 --duration 5 [--warmup 1]
 *
 *   --count N              stop after N answers (or after --duration, whichever comes first)
 *   --marker TEXT          an answer without TEXT near the end of its body is an error
 *   --min-bytes N          an answer with a shorter body is an error
 *   --rate R               no more than R requests a second in all
 *   --cancel-after BYTES   close the socket once that much of the body is in; this is then the success
 *   --vary DIGITS          where DIGITS stand in the request, every request has a number of its own instead, which no
 *                          earlier run had either
 *
 * Prints one JSON object. Frames that carry "@<CLOCK_MONOTONIC ns>@" are reported as `delay_us`, arrival minus that time.
 * Answers and frames of the first --warmup seconds, and answers that come within half a second after the end, count in
 * `total` (for CPU per request) and in nothing else: a gateway should not have to clear away what the end cut short.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <signal.h>
#include <unistd.h>

#include "http.h"
#include "samples.h"
#include "timers.h"

enum { EVENTS = 256, READ_SIZE = 256 * 1024, MARKER_WINDOW = 4096, MAX_ERRORS = 1000, REASON = 240 };
static const uint64_t DRAIN_NS = 500 * 1000 * 1000;

struct connection {
    struct timer timer; /* first: a timer that is due is its connection; set while --rate holds it back */
    int fd;
    bool waiting, wants_write;
    struct message answer;
    size_t sent, scanned; /* of the request; of the answer's body, for timestamps */
    uint64_t started_ns, next_ns;
};

static struct {
    int port;
    long connections;
    double duration, warmup, rate;
    unsigned long long count, cancel_after, min_bytes;
    const char *marker;
    struct buffer request;
    const char *vary;
    char *varied; /* where in the request */
} options = {.port = 18080, .connections = 64, .duration = 5, .count = ~0ull};

static struct {
    int epoll;
    struct timers timers;
    struct timer deadline;
    uint64_t begin_ns, measure_ns, end_ns, interval_ns; /* `end_ns` is 0 until the end */
    long waiting;                                       /* connections that wait for an answer */
    unsigned long long total, measured, errors;
    char first_error[REASON];
    struct samples latency, delay;
    bool finished;
} run;

static char read_buffer[READ_SIZE];

static void connection_open(struct connection *connection) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)options.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0) die("socket");
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(connection->fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS) die("connect");
    connection->wants_write = false;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    epoll_ctl(run.epoll, EPOLL_CTL_ADD, connection->fd, &event);
}

static void watch(struct connection *connection, bool wants_write) {
    if (connection->wants_write == wants_write) return;
    connection->wants_write = wants_write;
    struct epoll_event event = {.events = EPOLLIN | (wants_write ? EPOLLOUT : 0), .data.ptr = connection};
    epoll_ctl(run.epoll, EPOLL_CTL_MOD, connection->fd, &event);
}

/* Sends what the socket takes; one that is still connecting takes nothing yet. */
static void connection_flush(struct connection *connection) {
    ssize_t count = send(connection->fd, options.request.data + connection->sent,
                         options.request.length - connection->sent, MSG_NOSIGNAL);
    if (count > 0) connection->sent += (size_t)count;
    watch(connection, connection->sent < options.request.length);
}

/* Numbers begin with the microsecond of the clock, which runs faster than anybody asks. */
static void request_number(void) {
    uint64_t number = monotonic_ns() / 1000;
    for (char *digit = options.varied + strlen(options.vary) - 1; digit >= options.varied; digit--, number /= 10)
        *digit = (char)('0' + number % 10);
}

/* Counts up the digits that make a request unlike every other. */
static void request_vary(void) {
    for (char *digit = options.varied + strlen(options.vary) - 1; digit >= options.varied; digit--) {
        if (++*digit <= '9') return;
        *digit = '0';
    }
}

static void request_start(struct connection *connection, uint64_t now) {
    if (options.varied) request_vary();
    message_reset(&connection->answer);
    connection->sent = connection->scanned = 0;
    connection->waiting = true;
    run.waiting++;
    connection->started_ns = now;
    connection_flush(connection);
}

/* Starts the next request now, or when its turn has come under --rate. */
static void request_next(struct connection *connection) {
    if (run.end_ns) return;
    uint64_t now = monotonic_ns();
    if (run.interval_ns) {
        connection->next_ns += run.interval_ns;
        if (connection->next_ns > now) {
            timers_set(&run.timers, &connection->timer, connection->next_ns);
            return;
        }
        connection->next_ns = now;
    }
    request_start(connection, now);
}

static void request_over(struct connection *connection) {
    run.waiting -= connection->waiting;
    connection->waiting = false;
}

static void connection_renew(struct connection *connection) {
    request_over(connection);
    close(connection->fd);
    connection_open(connection);
}

static void request_succeeded(struct connection *connection, uint64_t now) {
    request_over(connection);
    if (now >= run.measure_ns && !run.end_ns) {
        run.measured++;
        samples_add(&run.latency, now - connection->started_ns);
    }
    if (run.total < options.count && ++run.total == options.count) run.finished = true;
}

static void request_failed(struct connection *connection, const char *reason) {
    const struct message *answer = &connection->answer;
    if (!run.errors++) {
        int shown = (int)(answer->body.length < 160 ? answer->body.length : 160);
        snprintf(run.first_error, REASON, "%s, status %d, %zu bytes: %.*s", reason, message_status(answer),
                 answer->body.length, shown, shown ? answer->body.data : "");
    }
    if (run.errors >= MAX_ERRORS) run.finished = true;
    connection_renew(connection);
    request_next(connection);
}

/* Reads the times of sending out of the frames that came in since the last call. */
static void measure_delays(struct connection *connection, uint64_t now) {
    const struct buffer *body = &connection->answer.body;
    for (;;) {
        const char *end = body->data + body->length;
        const char *open = memchr(body->data + connection->scanned, '@', body->length - connection->scanned);
        const char *close = open ? memchr(open + 1, '@', (size_t)(end - open - 1)) : NULL;
        if (!close) {
            connection->scanned = open ? (size_t)(open - body->data) : body->length;
            return;
        }
        uint64_t sent_ns = strtoull(open + 1, NULL, 10);
        if (sent_ns >= run.measure_ns && !run.end_ns) samples_add(&run.delay, now - sent_ns);
        connection->scanned = (size_t)(close + 1 - body->data);
    }
}

static const char *fault_of(const struct message *answer) {
    const struct buffer *body = &answer->body;
    if (message_status(answer) != 200) return "not 200";
    if (body->length < options.min_bytes) return "too short";
    size_t window = body->length < MARKER_WINDOW ? body->length : MARKER_WINDOW;
    if (options.marker && !memmem(body->data + body->length - window, window, options.marker, strlen(options.marker)))
        return "marker missing";
    return NULL;
}

static void answer_complete(struct connection *connection, uint64_t now) {
    const char *fault = fault_of(&connection->answer);
    if (fault) {
        request_failed(connection, fault);
        return;
    }
    request_succeeded(connection, now);
    if (!connection->answer.keep_alive) connection_renew(connection);
    request_next(connection);
}

static void connection_read(struct connection *connection) {
    ssize_t count = recv(connection->fd, read_buffer, sizeof read_buffer, 0);
    uint64_t now = monotonic_ns();
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (!connection->waiting) {
        connection_renew(connection); /* an idle connection may be closed at any time; nothing was lost */
        return;
    }
    if (count <= 0) {
        request_failed(connection, count ? strerror(errno) : "closed early");
        return;
    }
    struct message *answer = &connection->answer;
    if (message_feed(answer, read_buffer, (size_t)count) != count) {
        request_failed(connection, "broken framing");
        return;
    }
    if (answer->body.length > connection->scanned) measure_delays(connection, now);
    if (options.cancel_after && answer->body.length >= options.cancel_after && message_status(answer) == 200) {
        request_succeeded(connection, now);
        connection_renew(connection);
        request_next(connection);
    } else if (answer->state == COMPLETE) {
        answer_complete(connection, now);
    }
}

static void run_timers(void) {
    struct timer *timer;
    uint64_t now = monotonic_ns();
    while ((timer = timers_take(&run.timers, now))) {
        if (timer == &run.deadline) run.finished = true;
        else if (!run.end_ns) request_start((struct connection *)timer, monotonic_ns());
    }
}

static void turn(void) {
    static struct epoll_event events[EVENTS];
    timers_arm(&run.timers);
    int count = poll_events(run.epoll, events, EVENTS);
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr == &run.timers) continue;
        struct connection *connection = events[i].data.ptr;
        if (events[i].events & EPOLLOUT) connection_flush(connection);
        if (events[i].events & ~EPOLLOUT) connection_read(connection);
    }
    run_timers();
}

static void run_load(void) {
    struct connection *connections = calloc((size_t)options.connections, sizeof *connections);
    if (!connections) die("calloc");
    run.begin_ns = monotonic_ns();
    run.measure_ns = run.begin_ns + (uint64_t)(options.warmup * 1e9);
    timers_set(&run.timers, &run.deadline, run.measure_ns + (uint64_t)(options.duration * 1e9));
    if (options.rate > 0) run.interval_ns = (uint64_t)((double)options.connections / options.rate * 1e9);
    for (long i = 0; i < options.connections; i++) {
        connections[i].next_ns = run.begin_ns + run.interval_ns * (uint64_t)i / (uint64_t)options.connections;
        connection_open(&connections[i]);
        request_next(&connections[i]);
    }
    while (!run.finished) turn();
    run.end_ns = monotonic_ns();
    timers_set(&run.timers, &run.deadline, run.end_ns + DRAIN_NS);
    run.finished = false;
    while (run.waiting && !run.finished) turn();
}

static void print_text(const char *text) {
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') putchar('\\');
        putchar((unsigned char)*text < ' ' ? ' ' : *text);
    }
}

static void print_report(void) {
    double seconds = run.end_ns > run.measure_ns ? (double)(run.end_ns - run.measure_ns) / 1e9 : 0;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    printf("{\"seconds\":%.3f,\"total\":%llu,\"requests_per_second\":%.1f,\"errors\":%llu,\"cpu_seconds\":%.3f,",
           seconds, run.total, seconds > 0 ? (double)run.measured / seconds : 0, run.errors, cpu);
    printf("\"first_error\":\"");
    print_text(run.first_error);
    printf("\",\"latency_us\":");
    samples_print(&run.latency);
    printf(",\"delay_us\":");
    samples_print(&run.delay);
    printf("}\n");
}

static void read_request(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) die(path);
    for (size_t count; (count = fread(read_buffer, 1, sizeof read_buffer, file));)
        buffer_append(&options.request, read_buffer, count);
    fclose(file);
}

static bool read_options(int argc, char **argv) {
    static const struct option names[] = {
        {"port", 1, 0, 'p'},     {"connections", 1, 0, 'c'}, {"duration", 1, 0, 'd'},     {"warmup", 1, 0, 'w'},
        {"count", 1, 0, 'n'},    {"request", 1, 0, 'q'},     {"marker", 1, 0, 'm'},       {"min-bytes", 1, 0, 'b'},
        {"rate", 1, 0, 'r'},     {"cancel-after", 1, 0, 'x'}, {"vary", 1, 0, 'v'},         {0, 0, 0, 0}};
    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (option) {
        case 'p': options.port = atoi(optarg); break;
        case 'c': options.connections = atol(optarg); break;
        case 'd': options.duration = atof(optarg); break;
        case 'w': options.warmup = atof(optarg); break;
        case 'n': options.count = strtoull(optarg, NULL, 10); break;
        case 'q': read_request(optarg); break;
        case 'm': options.marker = optarg; break;
        case 'b': options.min_bytes = strtoull(optarg, NULL, 10); break;
        case 'r': options.rate = atof(optarg); break;
        case 'x': options.cancel_after = strtoull(optarg, NULL, 10); break;
        case 'v': options.vary = optarg; break;
        default: return false;
        }
    }
    if (options.vary) {
        options.varied = memmem(options.request.data, options.request.length, options.vary, strlen(options.vary));
        if (!options.varied) return false;
        request_number();
    }
    return options.request.length && options.connections > 0;
}

int main(int argc, char **argv) {
    if (!read_options(argc, argv)) {
        fprintf(stderr, "usage: load --request FILE [--port P] [--connections N] [--duration S] ...; see load.c\n");
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* never outlives the driver that started it */
    run.epoll = epoll_create1(EPOLL_CLOEXEC);
    timers_open(&run.timers);
    struct epoll_event on_timer = {.events = EPOLLIN, .data.ptr = &run.timers};
    epoll_ctl(run.epoll, EPOLL_CTL_ADD, run.timers.fd, &on_timer);
    run_load();
    print_report();
    return 0;
}
