/* What the mock upstream says: whole HTTP responses, rendered once at start. */
#ifndef BENCH_REPLIES_H
#define BENCH_REPLIES_H

#include <stdbool.h>
#include <stdint.h>

#include "http.h"

struct replies {
    struct buffer chat, embeddings, models, healthy, not_found;
    struct buffer stream[2];      /* a whole burst stream; [1] carries usage as `include_usage` asks */
    struct buffer stream_head;    /* the start of a paced stream */
    struct buffer stream_tail[2]; /* the end of a paced stream */
};

void replies_render(struct replies *replies);
/* One frame of a paced stream; its content is "@<CLOCK_MONOTONIC ns>@" so that a reader can tell how old it is. */
void render_paced_frame(struct buffer *out, uint64_t now_ns, bool with_usage);
void render_json(struct buffer *out, int status, const char *json, size_t length);

#endif
