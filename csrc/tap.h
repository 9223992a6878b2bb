/* tap.h - a wire end made of a file descriptor: a TAP interface of the host, in a live run. */
#ifndef NUT_TAP_H
#define NUT_TAP_H

#include "wire.h"

#define TAP_BURST 64              /* frames taken from the descriptor at a time */

enum tap_error { TAP_NO_OPEN = 1000, TAP_NO_SETIFF = 2000 };   /* -(this + errno): which of the two was refused */

int32_t tap_open(struct bench *n, const char *name, uint32_t mbps);   /* port number or a tap_error */
int32_t tap_attach(struct bench *n, int fd, uint32_t mbps);           /* port number; the port owns fd from then on */
int     port_fd(const struct port *p);                                /* -1: it has none */
int     tap_drain(struct port *p);       /* frames read; -errno: it is of no use any more, the link is down */
uint64_t tap_lost(const struct port *p); /* frames that the descriptor would not take */

#endif
