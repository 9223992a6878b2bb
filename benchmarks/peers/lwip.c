/* lwIP behind a TAP interface, for bench_peers.py: `lwip TAP ADDRESS COUNT_PORT`.
 *
 * One thread reads frames and runs the callbacks of the raw API, lwIP's fastest; its own thread is left with the timers.
 * TCP port 5001 discards, 5002 never stops sending, UDP port 7 counts, COUNT_PORT tells the count and closes.
 */

#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/if_tun.h>

#include <lwip/etharp.h>
#include <lwip/netif.h>
#include <lwip/tcp.h>
#include <lwip/tcpip.h>
#include <lwip/udp.h>
#include <netif/ethernet.h>

enum { SWALLOW = 5001, TALK = 5002, DATAGRAMS = 7, MTU = 1500, FRAME = MTU + 14, BURST = 64 };

static int tap;
static unsigned long datagrams;
static const char chunk[65535];

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* Frames */

static err_t send_frame(struct netif *netif, struct pbuf *p)
{
    char copy[FRAME];
    const void *data = p->payload;

    (void)netif;
    if (p->next != NULL) {
        pbuf_copy_partial(p, copy, sizeof copy, 0);
        data = copy;
    }
    return write(tap, data, p->tot_len) < 0 ? ERR_IF : ERR_OK;
}

static err_t start(struct netif *netif)
{
    static const u8_t mac[] = {0x02, 0x6e, 0x6c, 0, 0, 2};

    netif->name[0] = 't';
    netif->name[1] = 'p';
    netif->mtu = MTU;
    netif->hwaddr_len = sizeof mac;
    memcpy(netif->hwaddr, mac, sizeof mac);
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
    netif->output = etharp_output;
    netif->linkoutput = send_frame;
    return ERR_OK;
}

/* Whether there was a frame. */
static int take_frame(struct netif *netif)
{
    struct pbuf *p = pbuf_alloc(PBUF_RAW, FRAME, PBUF_RAM);
    ssize_t n;

    if (p == NULL)
        return 0;
    n = read(tap, p->payload, FRAME);
    if (n <= 0) {
        pbuf_free(p);
        return 0;
    }
    pbuf_realloc(p, (u16_t)n);
    if (netif->input(p, netif) != ERR_OK)
        pbuf_free(p);
    return 1;
}

static void open_tap(const char *name)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};

    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
    if (tap < 0)
        fail("/dev/net/tun");
    if (ioctl(tap, TUNSETIFF, &request) < 0)
        fail(name);
}

/* What listens */

static err_t swallow(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    (void)arg, (void)error;
    if (p == NULL)
        return tcp_close(pcb);
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

static err_t talk(void *arg, struct tcp_pcb *pcb, u16_t acknowledged)
{
    u16_t n;

    (void)arg, (void)acknowledged;
    while ((n = (u16_t)LWIP_MIN(tcp_sndbuf(pcb), sizeof chunk)) > 0)
        if (tcp_write(pcb, chunk, n, TCP_WRITE_FLAG_COPY) != ERR_OK)
            break;
    return tcp_output(pcb);
}

static err_t accept_to_swallow(void *arg, struct tcp_pcb *pcb, err_t error)
{
    (void)arg, (void)error;
    tcp_recv(pcb, swallow);
    return ERR_OK;
}

static err_t accept_to_talk(void *arg, struct tcp_pcb *pcb, err_t error)
{
    (void)error;
    tcp_recv(pcb, swallow);
    tcp_sent(pcb, talk);
    return talk(arg, pcb, 0);
}

static err_t accept_to_count(void *arg, struct tcp_pcb *pcb, err_t error)
{
    char text[24];

    (void)arg, (void)error;
    tcp_recv(pcb, swallow);
    tcp_write(pcb, text, (u16_t)snprintf(text, sizeof text, "%lu", datagrams), TCP_WRITE_FLAG_COPY);
    return tcp_close(pcb);
}

static void count(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from, u16_t port)
{
    (void)arg, (void)pcb, (void)from, (void)port;
    datagrams++;
    pbuf_free(p);
}

static void listen_on(u16_t port, tcp_accept_fn accept)
{
    struct tcp_pcb *pcb = tcp_new();

    if (tcp_bind(pcb, IP4_ADDR_ANY, port) != ERR_OK)
        fail("bind");
    tcp_accept(tcp_listen(pcb), accept);
}

int main(int argc, char **argv)
{
    static struct netif netif;
    struct udp_pcb *sink;
    ip4_addr_t address, mask, gateway = {0};

    if (argc != 4 || !ip4addr_aton(argv[2], &address)) {
        fprintf(stderr, "usage: lwip TAP ADDRESS COUNT_PORT\n");
        return 2;
    }
    open_tap(argv[1]);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    tcpip_init(NULL, NULL);

    LOCK_TCPIP_CORE();
    netif_add(&netif, &address, &mask, &gateway, NULL, start, ethernet_input);
    netif_set_default(&netif);
    netif_set_up(&netif);
    listen_on(SWALLOW, accept_to_swallow);
    listen_on(TALK, accept_to_talk);
    listen_on((u16_t)atoi(argv[3]), accept_to_count);
    sink = udp_new();
    udp_bind(sink, IP4_ADDR_ANY, DATAGRAMS);
    udp_recv(sink, count, NULL);
    UNLOCK_TCPIP_CORE();

    for (;;) {
        struct pollfd waiting = {.fd = tap, .events = POLLIN};
        poll(&waiting, 1, -1);
        LOCK_TCPIP_CORE();
        for (int i = 0; i < BURST && take_frame(&netif); i++)
            continue;
        UNLOCK_TCPIP_CORE();
    }
}
