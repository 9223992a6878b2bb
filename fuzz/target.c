/* target.c - the fuzz target: a board's stack lives through what an input says, and in the end has everything back.
 *
 * Three bytes choose the configuration, then there is one step after the other: a byte for its kind, and what that reads.
 * After each of them check.c looks; at the end all sockets are closed, the peers are gone, and time passes. One input is
 * one board, made anew: nothing is left of the one before.
 */
#include <stdio.h>

#include "target.h"

#define MOST_STEPS 300

enum step { STEP_SEGMENT, STEP_CALL, STEP_TIME, STEP_RAW, STEP_ERROR, STEP_HOG, STEP_BUSY, STEP_LINK, NSTEPS };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void configure(struct board *b, uint32_t how, uint32_t how2, uint32_t how3)
{
  static const struct { uint32_t bit, option; int64_t value; } table[] =
  {
    { 0x01, NETCFG_TCP_OUT_OF_ORDER, 1 }, { 0x01, NETCFG_TCP_SACK, 1 }, { 0x02, NETCFG_TCP_CC_NEWRENO, 1 },
    { 0x04, NETCFG_TCP_WINDOW_SCALE, 1 }, { 0x04, NETCFG_TCP_WINDOW_SCALE_FACTOR, 2 },
    { 0x08, NETCFG_TCP_TIMESTAMPS, 1 }, { 0x10, NETCFG_TCP_DELAYED_ACK, 1 }, { 0x20, NETCFG_RECV_PACK, 0 },
    { 0x40, NETCFG_RECV_BUFSIZE, 3000 }, { 0x40, NETCFG_SEND_BUFSIZE, 5000 }, { 0x80, NETCFG_ARP_IPIN, 1 },
  };
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    if (how & table[i].bit) net_config(b, table[i].option, table[i].value);
  if (how2 & 0x10) net_config(b, NETCFG_TCP_PREALLOC_CONNS, 3);
  if (how2 & 0x20) net_config(b, NETCFG_TCP_ALLOC_WRBCHAINS, 0);
  if (how2 & 0x40) net_config(b, NETCFG_TCP_NAGLE, 0);
  if (how2 & 0x80) net_config(b, NETCFG_IPFRAG, 1);
  net_config(b, NETCFG_IPv6, 1);
  net_config(b, NETCFG_IPv6_MAX_ADDR, 2);
  net_config(b, NETCFG_ICMPv6, 1);
  if (how3 & 2) net_config(b, NETCFG_IPv6_DAD, 1);
}

/* Who they are, and what the driver's table knows of them. */

static void name_them(struct target *t)
{
  t->host = t->six ? HOST_IP6 : ipaddr_v4(HOST_IP);
  t->board = t->six ? BOARD_IP6 : ipaddr_v4(BOARD_IP);
  ipaddr_store(t->host_name, t->host);
  ipaddr_store(t->board_name, t->board);
}

static void introduce(struct target *t)
{
  static const uint8_t peer[6] = { 2, 0, 0, 0, 0, 1 };
  neighbor_update(t->eth, ipaddr_v4(HOST_IP), peer, true);
  neighbor_update(t->eth, HOST_IP6, peer, true);
}

static void address(struct target *t, bool test)
{
  netdev_set(t->b, t->eth->index, NETDEV_IPADDR, BOARD_IP);
  netdev_set(t->b, t->eth->index, NETDEV_NETMASK, 0xffffff00);
  netdev_set(t->b, t->eth->index, NETDEV_DRADDR, HOST_IP);
  REQUIRE(netdev_addaddr(t->eth, BOARD_IP6, 112, false) == 0);
  if (test) REQUIRE(netdev_addaddr(t->eth, (struct ipaddr){ 0xfe80000000000000u, 2 }, 64, true) == 0);
  t->eth->router[IP_V6] = HOST_IP6;
}

static void setup(struct target *t, uint32_t how, uint32_t how2, uint32_t how3)
{
  static const struct { uint32_t nbuffers, size, throttle; } pools[4] =
    { { 36, 196, 8 }, { 24, 64, 4 }, { 12, 256, 3 }, { 200, 196, 8 } };
  static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 2 };
  *t = (struct target){ .six = how3 & 1, .bench = bench_new(1, UINT64_MAX) };
  REQUIRE(t->bench != NULL);
  struct board *b = t->b = board_new(t->bench, 1, 10000000, 0);
  REQUIRE(b != NULL);
  uint32_t p = how2 & 3;
  REQUIRE(iob_initialize(b, pools[p].nbuffers, pools[p].size, pools[p].nbuffers, pools[p].throttle) == 0);
  configure(b, how, how2, how3);
  REQUIRE(net_initialize(b) == 0);
  t->net = b->net;
  int32_t queue = wq_new(b, 1);
  t->wq = table_get(&b->wqs, queue);
  REQUIRE(net_queue(b, queue) == 0);
  t->eth = softdev_register(b, "eth0", 1500, mac, how2 & 4 ? 2 : 64);
  REQUIRE(t->eth != NULL && netdev_loopback(b) > 0);
  for (uint32_t i = 0; i < t->net->ndevs; i++)
    {
      netdev_setup(&t->net->dev[i], true);
      netdev_carrier(&t->net->dev[i], true);
    }
  name_them(t);
  address(t, how3 & 2);
  if (!(how2 & 8)) introduce(t);
  for (int i = 0; i < NHANDLES; i++) t->handle[i] = -1;
  t->udp = udp_socket(b, target_family(t));
  udp_bind(b, t->udp, target_any, 7);
  t->handle[0] = tcp_socket(b, target_family(t));
  tcp_bind(b, t->handle[0], target_any, 7);
  tcp_listen(b, t->handle[0], 4);
}

static void hog(struct target *t, uint32_t n)
{
  for (struct iob_s *iob; n && (iob = iob_tryalloc(t->b, false, IOB_OWNER(IOB_OWNER_TEST, 0))) != NULL; n--)
    {
      iob->io_flink = t->hog;
      t->hog = iob;
    }
}

static void release(struct target *t)
{
  iob_free_chain(t->b, t->hog);
  t->hog = NULL;
}

static void link_down_and_up(struct target *t)
{
  netdev_carrier(t->eth, false);
  check_stack(t);
  netdev_carrier(t->eth, true);
  introduce(t);
}

static void step(struct target *t, struct input *in)
{
  static const int64_t milliseconds[] = { 1, 10, 200, 600, 3000, 30000, 150000, 1000000 };
  uint32_t kind = take(in), n;
  switch ((enum step)(kind % NSTEPS))
    {
      case STEP_SEGMENT: world_segment(t, in); break;
      case STEP_CALL:    program_call(t, in); break;
      case STEP_RAW:     world_raw(t, in); break;
      case STEP_ERROR:   world_error(t, in); break;
      case STEP_TIME:    world_later(t, milliseconds[take(in) & 7] * 1000000); break;
      case STEP_LINK:    if (take(in) == 1) link_down_and_up(t); break;
      case STEP_BUSY:    t->busy = take(in) & 1; break;
      case STEP_HOG:
        n = take(in);
        if (n & 1) release(t); else hog(t, n);
        break;
      default: break;
    }
  if (kind < 128) world_poll(t);            /* else more comes in before the driver is asked */
  check_stack(t);
}

/* Everybody has gone. What the connections hold comes back when they have given up; a day is more than they take. */

static void finish(struct target *t)
{
  release(t);
  t->busy = false;
  program_end(t);
  world_poll(t);
  for (int hours = 0; hours < 24 && t->net->tcp->head; hours++)
    {
      world_later(t, 3600 * NSEC_PER_SEC);
      check_stack(t);
    }
  world_later(t, 600 * NSEC_PER_SEC);
  if (t->net->tcp->head) check_describe(t);
  REQUIRE(t->net->tcp->head == NULL);
  REQUIRE(iob_navail(t->b, false) == (int)t->b->iob.nbuffers);
  board_free(t->b);
  board_drop(t->b);
  bench_free(t->bench);
  bench_drop(t->bench);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct input in = { data, data + size };
  struct target t;
  uint32_t how = take(&in), how2 = take(&in), how3 = take(&in);
  setup(&t, how, how2, how3);
  check_stack(&t);
  for (int steps = 0; in.at < in.end && steps < MOST_STEPS; steps++) step(&t, &in);
  finish(&t);
  return 0;
}
