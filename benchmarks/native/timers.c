#define _GNU_SOURCE
#include "timers.h"

#include <stdlib.h>
#include <sys/timerfd.h>

#include "http.h"

void timers_open(struct timers *timers) {
    *timers = (struct timers){.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)};
    if (timers->fd < 0) die("timerfd_create");
}

static void place(struct timers *timers, struct timer *timer, size_t position) {
    timers->heap[position - 1] = timer;
    timer->position = position;
}

static void sift_up(struct timers *timers, struct timer *timer, size_t position) {
    while (position > 1 && timers->heap[position / 2 - 1]->due > timer->due) {
        place(timers, timers->heap[position / 2 - 1], position);
        position /= 2;
    }
    place(timers, timer, position);
}

static void sift_down(struct timers *timers, struct timer *timer, size_t position) {
    for (size_t child; (child = position * 2) <= timers->count; position = child) {
        if (child < timers->count && timers->heap[child]->due < timers->heap[child - 1]->due) child++;
        if (timers->heap[child - 1]->due >= timer->due) break;
        place(timers, timers->heap[child - 1], position);
    }
    place(timers, timer, position);
}

void timers_set(struct timers *timers, struct timer *timer, uint64_t due) {
    timers_cancel(timers, timer);
    if (timers->count == timers->capacity) {
        timers->capacity = timers->capacity ? timers->capacity * 2 : 64;
        timers->heap = realloc(timers->heap, timers->capacity * sizeof *timers->heap);
        if (!timers->heap) die("realloc");
    }
    timer->due = due;
    sift_up(timers, timer, ++timers->count);
}

void timers_cancel(struct timers *timers, struct timer *timer) {
    size_t hole = timer->position;
    if (!hole) return;
    timer->position = 0;
    struct timer *last = timers->heap[--timers->count];
    if (last == timer) return;
    if (hole > 1 && timers->heap[hole / 2 - 1]->due > last->due) sift_up(timers, last, hole);
    else sift_down(timers, last, hole);
}

struct timer *timers_take(struct timers *timers, uint64_t now) {
    if (!timers->count || timers->heap[0]->due > now) return NULL;
    struct timer *timer = timers->heap[0];
    timers_cancel(timers, timer);
    return timer;
}

void timers_arm(struct timers *timers) {
    uint64_t due = timers->count ? timers->heap[0]->due : 0;
    if (due == timers->armed) return;
    /* Setting a timerfd also forgets that it has fired, so it never needs to be read. */
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)(due / 1000000000u), .tv_nsec = (long)(due % 1000000000u)}};
    timerfd_settime(timers->fd, TFD_TIMER_ABSTIME, &when, NULL);
    timers->armed = due;
}
