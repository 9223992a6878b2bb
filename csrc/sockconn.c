/* sockconn.c - what all kinds of sockets have: names, buffer sizes, what their packets look like. */

#include "inet.h"

/* What has waiters keeps them: they may be on their way to a connection of that number that is no more. */

void sconn_init(const struct net *net, struct socket_conn *s, enum ip_kind kind)
{
  struct netwait rx = netwait_renew(&s->rx), snd = netwait_renew(&s->snd);
  struct ipaddr any = kind == IP_V4 ? ipaddr_v4(INADDR_ANY) : (struct ipaddr){ 0, 0 };
  *s = (struct socket_conn){ .flags = SF_INITD, .ttl = IP_TTL_DEFAULT, .laddr = any, .raddr = any, .rx = rx, .snd = snd };
  s->rcvbufs = (uint32_t)net->cfg[NETCFG_RECV_BUFSIZE];
  s->sndbufs = (uint32_t)net->cfg[NETCFG_SEND_BUFSIZE];
}

int sconn_sems(struct board *b, struct socket_conn *s)
{
  if (s->rx.sem.id == 0 && nxsem_init(b, &s->rx.sem, 0) < 0) return -ENOMEM;
  return s->snd.sem.id == 0 && nxsem_init(b, &s->snd.sem, 0) < 0 ? -ENOMEM : 0;
}

int64_t sconn_get(const struct socket_conn *s, uint32_t what)
{
  switch (what)
    {
      case SOCK_FLAGS:   return s->flags;
      case SOCK_LPORT:   return s->lport;
      case SOCK_RPORT:   return s->rport;
      case SOCK_RCVBUF:  return s->rcvbufs;
      case SOCK_SNDBUF:  return s->sndbufs;
      case SOCK_REUSE:   return s->reuseaddr;
      case SOCK_TTL:     return s->ttl;
      case SOCK_TOS:     return s->tos;
      case SOCK_BOUNDIF: return s->boundif;
      case SOCK_ERROR:   return s->error;
      case SOCK_RXSEM:   return s->rx.sem.id;
      case SOCK_SNDSEM:  return s->snd.sem.id;
      default:           return -EINVAL;
    }
}

int32_t sconn_set(struct board *b, struct socket_conn *s, uint32_t what, int64_t value)
{
  switch (what)
    {
      case SOCK_RCVBUF: s->rcvbufs = (uint32_t)value; return 0;
      case SOCK_SNDBUF: s->sndbufs = (uint32_t)value; return 0;
      case SOCK_REUSE:  s->reuseaddr = value; return 0;
      case SOCK_ERROR:  s->error = (int32_t)value; return 0;
      case SOCK_TTL:
        if (value < 1 || value > 255) return -EINVAL;
        s->ttl = (uint8_t)value;
        return 0;
      case SOCK_TOS:
        if (value < 0 || value > 255) return -EINVAL;
        s->tos = (uint8_t)value;
        return 0;
      case SOCK_BOUNDIF:
        if (value && netdev_find(b, (int32_t)value) == NULL) return -ENODEV;
        s->boundif = (uint8_t)value;
        return 0;
      case SOCK_NONBLOCK:
        s->flags = (uint8_t)(value ? s->flags | SF_NONBLOCK : s->flags & ~SF_NONBLOCK);
        return 0;
      default: return -EINVAL;
    }
}

void sockname_store(uint8_t *out, struct ipaddr addr, uint16_t port)
{
  uint32_t word = port;
  ipaddr_store(out, addr);
  memcpy(out + IPADDR_LEN, &word, sizeof word);
}

/* What a caller names: of the socket's kind, the unspecified one of either kind being that of its own. */

int sconn_address(const struct socket_conn *s, const uint8_t *addr, struct ipaddr *out)
{
  *out = ipaddr_load(addr);
  if (ipaddr_isany(*out)) *out = ipaddr_anylike(s->laddr);
  return ipaddr_kind(*out) == ipaddr_kind(s->laddr) ? 0 : -EAFNOSUPPORT;
}

int32_t sconn_name(const struct socket_conn *s, bool peer, uint8_t *out, uint32_t len)
{
  if (len < SOCKNAME_LEN) return -EINVAL;
  sockname_store(out, peer ? s->raddr : s->laddr, peer ? s->rport : s->lport);
  return SOCKNAME_LEN;
}

/* What it is bound to leads nowhere from this device: no address of the loopback is on a wire. */

bool sconn_confined(const struct socket_conn *s, const struct netdev *dev, struct ipaddr raddr)
{
  return ipaddr_isloopback(s->laddr) && !(dev->flags & IFF_LOOPBACK) && !netdev_has(dev, raddr);
}
