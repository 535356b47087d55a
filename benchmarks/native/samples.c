#include "samples.h"

#include <stdio.h>
#include <stdlib.h>

#include "http.h"

void samples_add(struct samples *samples, uint64_t ns) {
    if (samples->count == samples->capacity) {
        samples->capacity = samples->capacity ? samples->capacity * 2 : 1 << 16;
        samples->ns = realloc(samples->ns, samples->capacity * sizeof *samples->ns);
        if (!samples->ns) die("realloc");
    }
    samples->ns[samples->count++] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

static int compare(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static double percentile(const struct samples *samples, double share) {
    size_t index = (size_t)((double)samples->count * share);
    return samples->ns[index < samples->count ? index : samples->count - 1] / 1000.0;
}

void samples_print(struct samples *samples) {
    if (!samples->count) {
        printf("null");
        return;
    }
    qsort(samples->ns, samples->count, sizeof *samples->ns, compare);
    printf("{\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p99.9\":%.1f,\"max\":%.1f}", percentile(samples, 0.5),
           percentile(samples, 0.9), percentile(samples, 0.99), percentile(samples, 0.999), percentile(samples, 1.0));
}
