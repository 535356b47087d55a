/* Deadlines in a binary heap behind one timerfd; a timer is embedded in what it wakes. */
#ifndef BENCH_TIMERS_H
#define BENCH_TIMERS_H

#include <stddef.h>
#include <stdint.h>

struct timer {
    uint64_t due;    /* CLOCK_MONOTONIC, ns */
    size_t position; /* place in the heap + 1; 0 when not set */
};

struct timers {
    struct timer **heap;
    size_t count, capacity;
    uint64_t armed; /* what the timerfd is set to, so that an unchanged deadline costs no system call */
    int fd;         /* a timerfd, readable when the earliest timer is due */
};

void timers_open(struct timers *timers);
void timers_set(struct timers *timers, struct timer *timer, uint64_t due);
void timers_cancel(struct timers *timers, struct timer *timer);
/* The earliest timer that is due at `now`, taken off the heap; NULL when none is. */
struct timer *timers_take(struct timers *timers, uint64_t now);
/* Call once per turn of the event loop, after the timers have changed. */
void timers_arm(struct timers *timers);

#endif
