/* Durations kept whole and sorted at the end: exact percentiles, no buckets to choose. */
#ifndef BENCH_SAMPLES_H
#define BENCH_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

struct samples {
    uint32_t *ns; /* saturates at 4.29 s */
    size_t count, capacity;
};

void samples_add(struct samples *samples, uint64_t ns);
/* Sorts, then prints {"p50":…,"p90":…,"p99":…,"p99.9":…,"max":…} in microseconds, or null without samples. */
void samples_print(struct samples *samples);

#endif
