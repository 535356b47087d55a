#define _GNU_SOURCE
#include "replies.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { BURST_CHUNKS = 20, EMBEDDING_DIMENSIONS = 1536 };

static const char CHAT[] =
    "{\"id\":\"chatcmpl-BenchAAAAAAAAAAAAAAAAAAAAAAAAA\",\"object\":\"chat.completion\",\"created\":1760000000,"
    "\"model\":\"gpt-5-2025-08-07\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
    "\"An isthmus is a narrow strip of land with sea on either side, joining two larger areas of land. Well-known ones are "
    "the Isthmus of Panama, the Isthmus of Corinth and the Kra Isthmus; canals were cut through the first two.\","
    "\"refusal\":null,\"annotations\":[]},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
    "\"usage\":{\"prompt_tokens\":21,\"completion_tokens\":52,\"total_tokens\":73,"
    "\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},\"completion_tokens_details\":"
    "{\"reasoning_tokens\":0,\"audio_tokens\":0,\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}},"
    "\"service_tier\":\"default\",\"system_fingerprint\":null}\n";

static const char MODELS[] =
    "{\"object\":\"list\",\"data\":[{\"id\":\"gpt\",\"object\":\"model\",\"created\":1760000000,\"owned_by\":\"mock\"}]}";

static const char USAGE[] =
    "{\"prompt_tokens\":21,\"completion_tokens\":20,\"total_tokens\":41,"
    "\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},\"completion_tokens_details\":"
    "{\"reasoning_tokens\":0,\"audio_tokens\":0,\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}";

static const char STREAM_HEAD[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n"
    "x-request-id: req_bench\r\nTransfer-Encoding: chunked\r\n\r\n";

static void append_text(struct buffer *out, const char *text) { buffer_append(out, text, strlen(text)); }

__attribute__((format(printf, 2, 3))) static void append_format(struct buffer *out, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    append_text(out, text);
}

void render_json(struct buffer *out, int status, const char *json, size_t length) {
    append_format(out, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nx-request-id: req_bench\r\nContent-Length: %zu\r\n\r\n",
                  status, status == 200 ? "OK" : "Not Found", length);
    buffer_append(out, json, length);
}

/* One server-sent event as one HTTP chunk. */
static void append_event(struct buffer *out, const char *data) {
    append_format(out, "%zx\r\ndata: ", strlen(data) + 8);
    append_text(out, data);
    append_text(out, "\n\n\r\n");
}

static void append_delta(struct buffer *out, const char *delta, const char *finish_reason, bool with_usage) {
    char data[768];
    snprintf(data, sizeof data,
             "{\"id\":\"chatcmpl-BenchAAAAAAAAAAAAAAAAAAAAAAAAA\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,"
             "\"model\":\"gpt-5-2025-08-07\",\"service_tier\":\"default\",\"system_fingerprint\":null,"
             "\"choices\":[{\"index\":0,\"delta\":%s,\"logprobs\":null,\"finish_reason\":%s}]%s}",
             delta, finish_reason, with_usage ? ",\"usage\":null" : "");
    append_event(out, data);
}

static void append_stream_end(struct buffer *out, bool with_usage) {
    append_delta(out, "{}", "\"stop\"", with_usage);
    if (with_usage) {
        char data[1024];
        snprintf(data, sizeof data,
                 "{\"id\":\"chatcmpl-BenchAAAAAAAAAAAAAAAAAAAAAAAAA\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,"
                 "\"model\":\"gpt-5-2025-08-07\",\"service_tier\":\"default\",\"system_fingerprint\":null,\"choices\":[],\"usage\":%s}",
                 USAGE);
        append_event(out, data);
    }
    append_event(out, "[DONE]");
    append_text(out, "0\r\n\r\n");
}

static void render_burst(struct buffer *out, bool with_usage) {
    append_text(out, STREAM_HEAD);
    append_delta(out, "{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}", "null", with_usage);
    for (int i = 0; i < BURST_CHUNKS - 2; i++) append_delta(out, "{\"content\":\" isthmus\"}", "null", with_usage);
    append_stream_end(out, with_usage);
}

static void render_embeddings(struct buffer *out) {
    struct buffer json = {0};
    append_text(&json, "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[");
    for (int i = 0; i < EMBEDDING_DIMENSIONS; i++) append_format(&json, "%s0.%08d", i ? "," : "", 10000000 + i * 48611);
    append_text(&json, "]}],\"model\":\"text-embedding-3-small\",\"usage\":{\"prompt_tokens\":9,\"total_tokens\":9}}");
    render_json(out, 200, json.data, json.length);
    buffer_free(&json);
}

void replies_render(struct replies *replies) {
    static const char healthy[] = "{\"status\":\"ok\"}", missing[] = "{\"error\":{\"message\":\"no such path\"}}";
    *replies = (struct replies){0};
    render_json(&replies->chat, 200, CHAT, sizeof CHAT - 1);
    render_json(&replies->models, 200, MODELS, sizeof MODELS - 1);
    render_json(&replies->healthy, 200, healthy, sizeof healthy - 1);
    render_json(&replies->not_found, 404, missing, sizeof missing - 1);
    render_embeddings(&replies->embeddings);
    append_text(&replies->stream_head, STREAM_HEAD);
    for (int with_usage = 0; with_usage < 2; with_usage++) {
        render_burst(&replies->stream[with_usage], with_usage);
        append_stream_end(&replies->stream_tail[with_usage], with_usage);
    }
}

void render_paced_frame(struct buffer *out, uint64_t now_ns, bool with_usage) {
    char delta[64];
    snprintf(delta, sizeof delta, "{\"content\":\"@%llu@\"}", (unsigned long long)now_ns);
    append_delta(out, delta, "null", with_usage);
}
