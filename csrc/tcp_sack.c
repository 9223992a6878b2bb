/* tcp_sack.c - what the peer says it has beyond snd_una, and what is missing between that (RFC 2018, RFC 6675).
 *
 * The scoreboard is a few runs, sorted, never touching each other. It is advice: nothing leaves the write buffers because
 * of it, and it is forgotten when sending starts over, since whoever let a timeout pass may have thrown away what it had
 * (RFC 2018 section 8). If there is no room for another run the lowest one goes. Its bytes count as missing again; but
 * holes are filled from below, so that one is the first to be of no more use, and it proves nothing lost.
 *
 * A hole lies before a run, the last one behind all of them. In a recovery those below the highest run go out once more,
 * each once: `resent` rises over them (HighRxt). What was sent since the recovery began is left to the next one.
 */
#include "tcp.h"

static void drop_lowest(struct tcp_conn *c, uint32_t n)
{
  c->nsacked -= n;
  memmove(&c->sacked[0], &c->sacked[n], c->nsacked * sizeof c->sacked[0]);
}

/* Is anything of it new? */

static bool add(struct tcp_conn *c, struct tcp_run run)
{
  struct tcp_run *s = c->sacked;
  uint32_t i = 0;
  while (i < c->nsacked && seq_lt(s[i].right, run.left)) i++;
  uint32_t end = i;                               /* those from i to here touch it */
  while (end < c->nsacked && seq_leq(s[end].left, run.right)) end++;
  if (i == end && c->nsacked == TCP_SACKRUNS)
    {
      if (i == 0) return false;
      drop_lowest(c, 1);
      i = --end;
    }
  if (i < end)
    {
      if (seq_leq(s[i].left, run.left) && seq_geq(s[i].right, run.right)) return false;
      if (seq_lt(s[i].left, run.left)) run.left = s[i].left;
      if (seq_gt(s[end - 1].right, run.right)) run.right = s[end - 1].right;
    }
  memmove(&s[i + 1], &s[end], (c->nsacked - end) * sizeof *s);
  c->nsacked = c->nsacked + 1 - (end - i);
  s[i] = run;
  return true;
}

/* The blocks of an acknowledgement that was acceptable, once snd_una is what it says. Those that do not lie in what is in
 * flight say nothing: nonsense, and what came twice (RFC 2883). Is anything of them new?
 */

bool tcp_sack_input(struct tcp_conn *c, const struct tcp_options *o)
{
  bool news = false;
  for (uint32_t i = 0; c->sack_ok && i < o->nsack; i++)
    {
      uint32_t left = o->sack[i].left - c->snd_una, right = o->sack[i].right - c->snd_una;
      if (left == 0 || left >= right || right > c->snd_max - c->snd_una) continue;
      news |= add(c, o->sack[i]);
    }
  return news;
}

/* snd_una has moved. True: into a run, so that the peer does not have any more what it said. */

bool tcp_sack_acked(struct tcp_conn *c)
{
  uint32_t gone = 0;
  while (gone < c->nsacked && seq_leq(c->sacked[gone].right, c->snd_una)) gone++;
  bool reneged = gone < c->nsacked && seq_leq(c->sacked[gone].left, c->snd_una);
  drop_lowest(c, gone + reneged);
  return reneged;
}

/* Sending starts over. What comes of the peer's old news is no loss until all that is on its way is acknowledged. */

void tcp_sack_forget(struct tcp_conn *c)
{
  if (!c->sack_ok) return;
  c->nsacked = 0;
  c->recovering = c->rexmit = false;
  c->recover = c->snd_max;
}

/* Hole i, from 0 to nsacked. */

static struct tcp_run hole(const struct tcp_conn *c, uint32_t i)
{
  return (struct tcp_run){ i ? c->sacked[i - 1].right : c->snd_una, i < c->nsacked ? c->sacked[i].left : c->snd_max };
}

static uint32_t sacked_from(const struct tcp_conn *c, uint32_t i)
{
  uint32_t n = 0;
  for (; i < c->nsacked; i++) n += c->sacked[i].right - c->sacked[i].left;
  return n;
}

/* IsLost of RFC 6675 section 4: as much has come from behind it as three segments would bring. */

static bool lost(const struct tcp_conn *c, uint32_t i)
{
  return c->nsacked - i >= TCP_DUPTHRESH || sacked_from(c, i) > (TCP_DUPTHRESH - 1) * c->mss;
}

bool tcp_sack_lost(const struct tcp_conn *c)
{
  return lost(c, 0);
}

/* The part of it that belongs to this recovery. */

static struct tcp_run old_hole(const struct tcp_conn *c, uint32_t i)
{
  struct tcp_run h = hole(c, i);
  if (c->sack_ok && c->recovering && seq_gt(h.right, c->recover)) h.right = c->recover;
  return h;
}

/* What is sent again from snd_una on ends here at the latest. */

uint32_t tcp_sack_first(const struct tcp_conn *c)
{
  return old_hole(c, 0).right;
}

/* The next hole that goes out again: rule (1) of NextSeg; without `sure` rule (3). */

bool tcp_sack_next(const struct tcp_conn *c, bool sure, struct tcp_run *next)
{
  if (!c->sack_ok || !c->recovering) return false;
  for (uint32_t i = 0; i < c->nsacked; i++)
    {
      *next = old_hole(c, i);
      if (seq_lt(next->left, c->resent)) next->left = c->resent;
      if (seq_lt(next->left, next->right)) return !sure || lost(c, i);
    }
  return false;
}

/* What the path carries: SetPipe of RFC 6675 section 4 in a recovery; before one, what was not SACKed, which is limited
 * transmit (RFC 3042). Until what was sent before a timeout is through, news may be of that, and say nothing.
 */

uint32_t tcp_flight(const struct tcp_conn *c)
{
  uint32_t pipe = 0, out = c->snd_nxt - c->snd_una;
  if (!c->sack_ok || (!c->recovering && seq_lt(c->snd_una, c->recover))) return out;
  if (!c->recovering) return out - sacked_from(c, 0);
  for (uint32_t i = 0; i <= c->nsacked; i++)
    {
      struct tcp_run h = hole(c, i);
      if (!lost(c, i)) pipe += h.right - h.left;
      if (seq_gt(c->resent, h.left)) pipe += (seq_lt(c->resent, h.right) ? c->resent : h.right) - h.left;
    }
  return pipe;
}
