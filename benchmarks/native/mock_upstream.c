/* An OpenAI-compatible upstream that answers at once: one thread, epoll, replies rendered before the first request.
 *
 *   mock_upstream --port 18081 [--delay-ms 0]
 *
 * POST /v1/chat/completions   a reply of ~1 kB, or 20 SSE frames when the body says "stream":true
 *      with "paced-<frames>-<n>ms" anywhere in the body: about that many frames, n ms apart, each with its time of sending
 * POST /v1/embeddings         ~17 kB
 * GET  /v1/models /health     what gateways probe;  GET /stats: what happened so far
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http.h"
#include "replies.h"
#include "timers.h"

enum { EVENTS = 256, BACKLOG = 4096, READ_SIZE = 256 * 1024, WINDOW = 2048 };

struct connection {
    struct timer timer; /* first: a timer that is due is its connection */
    int fd;
    bool wants_write, with_usage;
    struct message request;
    struct buffer unsent;
    size_t sent;                   /* of `unsent` */
    const struct buffer *deferred; /* the answer that waits for --delay-ms */
    uint64_t interval_ns;
    unsigned frames_left;
};

static struct {
    int epoll;
    struct timers timers;
    struct replies replies;
    uint64_t delay_ns;
    unsigned long long requests, streams_cut, paced_streams;
    long connections, paced_now;
} server;

static char read_buffer[READ_SIZE];

static void connection_close(struct connection *connection) {
    if (connection->frames_left) {
        server.streams_cut++;
        server.paced_now--;
    }
    timers_cancel(&server.timers, &connection->timer);
    close(connection->fd);
    message_free(&connection->request);
    buffer_free(&connection->unsent);
    free(connection);
    server.connections--;
}

static void watch(struct connection *connection, bool wants_write) {
    if (connection->wants_write == wants_write) return;
    connection->wants_write = wants_write;
    struct epoll_event event = {.events = EPOLLIN | (wants_write ? EPOLLOUT : 0), .data.ptr = connection};
    epoll_ctl(server.epoll, EPOLL_CTL_MOD, connection->fd, &event);
}

/* Sends now what the socket takes and keeps the rest; errors show up as a closed socket in the next read. */
static void connection_send(struct connection *connection, const char *data, size_t length) {
    size_t sent = 0;
    if (connection->sent == connection->unsent.length) {
        ssize_t count = send(connection->fd, data, length, MSG_NOSIGNAL);
        sent = count > 0 ? (size_t)count : 0;
        connection->sent = connection->unsent.length = 0;
    }
    if (sent < length) {
        buffer_append(&connection->unsent, data + sent, length - sent);
        watch(connection, true);
    }
}

static void connection_flush(struct connection *connection) {
    struct buffer *unsent = &connection->unsent;
    ssize_t count = send(connection->fd, unsent->data + connection->sent, unsent->length - connection->sent, MSG_NOSIGNAL);
    if (count > 0) connection->sent += (size_t)count;
    if (connection->sent == unsent->length) watch(connection, false);
}

static void send_frame(struct connection *connection) {
    static struct buffer frame;
    frame.length = 0;
    render_paced_frame(&frame, monotonic_ns(), connection->with_usage);
    connection_send(connection, frame.data, frame.length);
    if (--connection->frames_left) {
        timers_set(&server.timers, &connection->timer, connection->timer.due + connection->interval_ns);
        return;
    }
    server.paced_now--;
    const struct buffer *tail = &server.replies.stream_tail[connection->with_usage];
    connection_send(connection, tail->data, tail->length);
}

/* Where `needle` is in the first or the last bytes of the body: a long prompt in between is not worth the search. */
static const char *body_find(const struct buffer *body, const char *needle) {
    size_t window = body->length < WINDOW ? body->length : WINDOW;
    const char *found = memmem(body->data, window, needle, strlen(needle));
    return found ? found : memmem(body->data + body->length - window, window, needle, strlen(needle));
}

static bool body_says_true(struct buffer *body, const char *name) {
    const char *at = body_find(body, name);
    if (!at) return false;
    at += strlen(name);
    while (*at == ' ' || *at == ':') at++;
    return !strncmp(at, "true", 4);
}

/* Spreads the streams over the interval by the golden ratio, and their lengths over half to one and a half times the
 * frames that were asked for: they would otherwise tick in step and all end and begin at once, as no users do. */
static void start_paced(struct connection *connection, unsigned frames, uint64_t interval_ns) {
    double turn = (double)server.paced_streams++ * 0.6180339887498949;
    double share = (double)(server.paced_streams % 16) / 15;
    connection->frames_left = frames / 2 + (unsigned)(share * frames) + 1;
    connection->interval_ns = interval_ns;
    server.paced_now++;
    connection_send(connection, server.replies.stream_head.data, server.replies.stream_head.length);
    uint64_t phase = (uint64_t)((turn - (double)(unsigned long long)turn) * (double)interval_ns);
    timers_set(&server.timers, &connection->timer, monotonic_ns() + server.delay_ns + phase);
}

static void answer(struct connection *connection, const struct buffer *reply) {
    if (server.delay_ns) {
        connection->deferred = reply;
        timers_set(&server.timers, &connection->timer, monotonic_ns() + server.delay_ns);
    } else {
        connection_send(connection, reply->data, reply->length);
    }
}

static void answer_chat(struct connection *connection) {
    struct buffer *body = &connection->request.body;
    buffer_append(body, "", 1); /* the terminator that the searches below stop at */
    if (!body_says_true(body, "\"stream\"")) {
        answer(connection, &server.replies.chat);
        return;
    }
    connection->with_usage = body_says_true(body, "\"include_usage\"");
    const char *pace = body_find(body, "paced-");
    unsigned frames, interval_ms;
    if (pace && sscanf(pace, "paced-%5u-%5ums", &frames, &interval_ms) == 2 && frames && interval_ms)
        start_paced(connection, frames, interval_ms * 1000000ull);
    else
        answer(connection, &server.replies.stream[connection->with_usage]);
}

static void send_stats(struct connection *connection) {
    char json[256];
    int length = snprintf(json, sizeof json,
                          "{\"requests\":%llu,\"connections\":%ld,\"paced_now\":%ld,\"streams_cut\":%llu}",
                          server.requests, server.connections, server.paced_now, server.streams_cut);
    struct buffer reply = {0};
    render_json(&reply, 200, json, (size_t)length);
    connection_send(connection, reply.data, reply.length);
    buffer_free(&reply);
}

static bool path_ends(const struct buffer *head, const char *suffix) {
    const char *start = memchr(head->data, ' ', head->length);
    const char *end = start ? memchr(start + 1, ' ', head->length - (size_t)(start + 1 - head->data)) : NULL;
    size_t length = strlen(suffix);
    return end && (size_t)(end - start) > length && !memcmp(end - length, suffix, length);
}

static void serve_request(struct connection *connection) {
    const struct buffer *head = &connection->request.head;
    if (head->data[0] == 'P') {
        server.requests++;
        if (path_ends(head, "/chat/completions")) answer_chat(connection);
        else if (path_ends(head, "/embeddings")) answer(connection, &server.replies.embeddings);
        else answer(connection, &server.replies.not_found);
    } else if (path_ends(head, "/stats")) {
        send_stats(connection);
    } else {
        const struct buffer *reply = path_ends(head, "/models")   ? &server.replies.models
                                     : path_ends(head, "/health") ? &server.replies.healthy
                                                                  : &server.replies.not_found;
        connection_send(connection, reply->data, reply->length);
    }
}

/* Whether the connection is still open after what it sent was read. */
static bool connection_read(struct connection *connection) {
    ssize_t count = recv(connection->fd, read_buffer, sizeof read_buffer, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    bool answering = connection->frames_left || connection->deferred;
    if (count <= 0 || answering) return false; /* nobody who is to be measured pipelines */
    for (ssize_t used = 0; used < count;) {
        ssize_t step = message_feed(&connection->request, read_buffer + used, (size_t)(count - used));
        if (step < 0) return false;
        used += step;
        if (connection->request.state == COMPLETE) {
            serve_request(connection);
            message_reset(&connection->request);
        }
    }
    return true;
}

static void accept_all(int listener) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct connection *connection = calloc(1, sizeof *connection);
        if (!connection) die("calloc");
        connection->fd = fd;
        server.connections++;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        epoll_ctl(server.epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

static void run_timers(void) {
    struct timer *timer;
    uint64_t now = monotonic_ns();
    while ((timer = timers_take(&server.timers, now))) {
        struct connection *connection = (struct connection *)timer;
        const struct buffer *deferred = connection->deferred;
        connection->deferred = NULL;
        if (deferred) connection_send(connection, deferred->data, deferred->length);
        else send_frame(connection);
    }
}

static int listen_on(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address)) die("bind");
    if (listen(fd, BACKLOG)) die("listen");
    return fd;
}

static void serve(int listener) {
    struct epoll_event events[EVENTS];
    for (;;) {
        timers_arm(&server.timers);
        int count = poll_events(server.epoll, events, EVENTS);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &server) {
                accept_all(listener);
            } else if (events[i].data.ptr != &server.timers) {
                struct connection *connection = events[i].data.ptr;
                if (events[i].events & EPOLLOUT) connection_flush(connection);
                if ((events[i].events & ~EPOLLOUT) && !connection_read(connection)) connection_close(connection);
            }
        }
        run_timers();
    }
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"port", 1, 0, 'p'}, {"delay-ms", 1, 0, 'd'}, {0, 0, 0, 0}};
    int port = 18081;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'p') port = atoi(optarg);
        else if (option == 'd') server.delay_ns = strtoull(optarg, NULL, 10) * 1000000u;
        else return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* never outlives the driver that started it */
    replies_render(&server.replies);
    server.epoll = epoll_create1(EPOLL_CLOEXEC);
    timers_open(&server.timers);
    int listener = listen_on(port);
    struct epoll_event on_accept = {.events = EPOLLIN, .data.ptr = &server};
    struct epoll_event on_timer = {.events = EPOLLIN, .data.ptr = &server.timers};
    epoll_ctl(server.epoll, EPOLL_CTL_ADD, listener, &on_accept);
    epoll_ctl(server.epoll, EPOLL_CTL_ADD, server.timers.fd, &on_timer);
    serve(listener);
}
