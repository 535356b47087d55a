/* Incremental HTTP/1.1 message reader shared by the mock upstream and the load generator. */
#ifndef BENCH_HTTP_H
#define BENCH_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/types.h>

/* Bytes that grow; `capacity` never shrinks, so a connection allocates only for its largest message. */
struct buffer {
    char *data;
    size_t length, capacity;
};

void buffer_append(struct buffer *buffer, const void *data, size_t length);
void buffer_free(struct buffer *buffer);

enum message_state { IN_HEAD, IN_LENGTH, IN_CHUNK_SIZE, IN_CHUNK, IN_CHUNK_END, IN_TRAILER, COMPLETE };

/* One request or response being read: its head as sent, its body with the chunked framing taken off. */
struct message {
    enum message_state state;
    size_t remaining;    /* bytes left of the body or of the chunk */
    size_t trailer_line; /* bytes seen of the current trailer line */
    bool keep_alive;
    struct buffer head, body;
};

/* Consumes up to one message; returns the bytes used, or -1 when they are not HTTP/1.1 as understood here. */
ssize_t message_feed(struct message *message, const char *data, size_t length);
/* Makes ready for the next message and keeps the memory. */
void message_reset(struct message *message);
void message_free(struct message *message);
/* Status of a complete response head, or 0. */
int message_status(const struct message *message);

/* epoll_wait that never sleeps, only yields: on a virtual machine waking an idle core costs the process that writes
 * 10 to 20 us, so a slower contender, which leaves the other core idle more often, would be charged for it. Towards
 * real clients and providers there is a network card in between, and nobody pays that. */
int poll_events(int epoll, struct epoll_event *events, int most);
uint64_t monotonic_ns(void);
void die(const char *what);

#endif
