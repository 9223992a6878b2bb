/* live.h - the descriptors that a live run waits on, all of them in one poll set. */
#ifndef NUT_LIVE_H
#define NUT_LIVE_H

#include "board.h"
#include "wire.h"

#define LIVE_MAXFDS 32

struct live
{
  uint32_t nfds;
  struct
  {
    int   fd;
    int (*drain)(struct port *port);   /* frames: taken in here, in a burst; NULL: Python is told */
    struct port *port;
  } fd[LIVE_MAXFDS];
  int64_t  spin_ns;           /* how long to look without sleeping after something came */
  int64_t  last_input;        /* host ns */
};

void live_free(struct bench *n);

#endif
