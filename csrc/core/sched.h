/* sched: resumes what is ready. The only caller of a task's resume; never nested within
 * one loop. Loop's thread only. */
#ifndef XIO_CORE_SCHED_H
#define XIO_CORE_SCHED_H

#include "group.h"

/* Operations that a task may do between two pauses (T9 of the contract). */
enum { XIO_SCHED_BUDGET = 64 };

/* Takes what is ready as this turn's batch, unless a batch is unfinished, and resumes at
 * most `steps_max` of it. Returns how many tasks were resumed. */
uint32_t xio_sched_turn(xio_runqueue *queue, uint32_t steps_max);

#endif
