#define _GNU_SOURCE
#include <sched.h>
#include "http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { MAX_HEAD = 64 * 1024 };

void die(const char *what) {
    perror(what);
    exit(2);
}

int poll_events(int epoll, struct epoll_event *events, int most) {
    int count;
    while ((count = epoll_wait(epoll, events, most, 0)) == 0) sched_yield();
    return count;
}

uint64_t monotonic_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

void buffer_append(struct buffer *buffer, const void *data, size_t length) {
    if (buffer->length + length > buffer->capacity) {
        size_t capacity = buffer->capacity ? buffer->capacity : 4096;
        while (capacity < buffer->length + length) capacity *= 2;
        buffer->data = realloc(buffer->data, capacity);
        if (!buffer->data) die("realloc");
        buffer->capacity = capacity;
    }
    memcpy(buffer->data + buffer->length, data, length);
    buffer->length += length;
}

void buffer_free(struct buffer *buffer) {
    free(buffer->data);
    *buffer = (struct buffer){0};
}

void message_reset(struct message *message) {
    message->state = IN_HEAD;
    message->remaining = message->trailer_line = 0;
    message->head.length = message->body.length = 0;
}

void message_free(struct message *message) {
    buffer_free(&message->head);
    buffer_free(&message->body);
}

int message_status(const struct message *message) {
    const struct buffer *head = &message->head;
    return head->length > 12 && !memcmp(head->data, "HTTP/1.", 7) ? atoi(head->data + 9) : 0;
}

/* The value of a header line named `name`, or NULL when the line is another header. */
static const char *header_value(const char *line, const char *name) {
    size_t length = strlen(name);
    if (strncasecmp(line, name, length) || line[length] != ':') return NULL;
    line += length + 1;
    while (*line == ' ' || *line == '\t') line++;
    return line;
}

/* Reads the framing out of a whole head: decides which state the body starts in. */
static void read_framing(struct message *message) {
    bool chunked = false;
    message->remaining = 0;
    message->keep_alive = true;
    char *line = message->head.data, *end = message->head.data + message->head.length - 2;
    while ((line = memchr(line, '\n', (size_t)(end - line))) && ++line < end) {
        const char *value;
        if ((value = header_value(line, "content-length"))) message->remaining = strtoull(value, NULL, 10);
        else if ((value = header_value(line, "transfer-encoding"))) chunked = !strncasecmp(value, "chunked", 7);
        else if ((value = header_value(line, "connection"))) message->keep_alive = strncasecmp(value, "close", 5) != 0;
    }
    message->state = chunked ? IN_CHUNK_SIZE : message->remaining ? IN_LENGTH : COMPLETE;
}

static ssize_t feed_head(struct message *message, const char *data, size_t length) {
    size_t before = message->head.length, start = before > 3 ? before - 3 : 0;
    buffer_append(&message->head, data, length);
    char *end = memmem(message->head.data + start, message->head.length - start, "\r\n\r\n", 4);
    if (!end) return message->head.length > MAX_HEAD ? -1 : (ssize_t)length;
    message->head.length = (size_t)(end - message->head.data) + 4;
    read_framing(message);
    return (ssize_t)(message->head.length - before);
}

static ssize_t feed_chunk_size(struct message *message, const char *data, size_t length) {
    for (size_t i = 0; i < length; i++) {
        char byte = data[i];
        int digit = byte >= '0' && byte <= '9' ? byte - '0' : (byte | 32) >= 'a' && (byte | 32) <= 'f' ? (byte | 32) - 'a' + 10 : -1;
        if (digit >= 0) {
            message->remaining = message->remaining * 16 + (size_t)digit;
        } else if (byte == '\n') {
            message->state = message->remaining ? IN_CHUNK : IN_TRAILER;
            return (ssize_t)i + 1;
        } else if (byte != '\r') {
            return -1;
        }
    }
    return (ssize_t)length;
}

/* Trailers are skipped; an empty line ends the message. */
static ssize_t feed_trailer(struct message *message, const char *data, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (data[i] == '\n') {
            if (!message->trailer_line) {
                message->state = COMPLETE;
                return (ssize_t)i + 1;
            }
            message->trailer_line = 0;
        } else if (data[i] != '\r') {
            message->trailer_line++;
        }
    }
    return (ssize_t)length;
}

static size_t feed_body(struct message *message, const char *data, size_t length, enum message_state next) {
    size_t take = length < message->remaining ? length : message->remaining;
    buffer_append(&message->body, data, take);
    message->remaining -= take;
    if (!message->remaining) message->state = next;
    return take;
}

ssize_t message_feed(struct message *message, const char *data, size_t length) {
    size_t used = 0;
    while (used < length && message->state != COMPLETE) {
        const char *at = data + used;
        size_t left = length - used;
        ssize_t step = 1;
        switch (message->state) {
        case IN_HEAD: step = feed_head(message, at, left); break;
        case IN_LENGTH: step = (ssize_t)feed_body(message, at, left, COMPLETE); break;
        case IN_CHUNK_SIZE: step = feed_chunk_size(message, at, left); break;
        case IN_CHUNK: step = (ssize_t)feed_body(message, at, left, IN_CHUNK_END); break;
        case IN_CHUNK_END:
            if (*at == '\n') message->state = IN_CHUNK_SIZE;
            break;
        case IN_TRAILER: step = feed_trailer(message, at, left); break;
        case COMPLETE: break;
        }
        if (step < 0) return -1;
        used += (size_t)step;
    }
    return (ssize_t)used;
}
