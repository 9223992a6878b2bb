int32_t net_initialize(struct board *b);
int32_t net_config(struct board *b, uint32_t option, int64_t value);
int32_t net_queue(struct board *b, int32_t qid);
int32_t net_statistics(struct board *b, int64_t *out, int32_t n);
uint32_t net_txavail(struct board *b);
int32_t netdev_findby_ripaddr(struct board *b, const uint8_t *dst);

int32_t netdev_loopback(struct board *b);
int32_t netdev_soft(struct board *b, const char *name, uint32_t mtu, const uint8_t *mac, uint32_t depth);
int32_t netdev_mac(struct board *b, int32_t index, uint8_t *out, uint32_t len);
int32_t netdev_setmac(struct board *b, int32_t index, const uint8_t *mac, uint32_t len);
int64_t netdev_get(struct board *b, int32_t index, uint32_t what);
int64_t netdev_set(struct board *b, int32_t index, uint32_t what, int64_t value);
int64_t netdev_addip6(struct board *b, int32_t index, const uint8_t *addr, uint32_t preflen);
int32_t netdev_delip6(struct board *b, int32_t index, const uint8_t *addr);
int32_t netdev_ip6(struct board *b, int32_t index, uint32_t i, uint8_t *out, uint32_t len);
int32_t netdev_router6(struct board *b, int32_t index, uint8_t *out, uint32_t len);
int32_t netdev_setrouter6(struct board *b, int32_t index, const uint8_t *addr);
int32_t netdev_statistics(struct board *b, int32_t index, int64_t *out, int32_t n);
int32_t netdev_count_up(struct board *b, int32_t index, uint32_t which);
int64_t netdev_input(struct board *b, int32_t index, const uint8_t *frame, uint32_t len);
int64_t netdev_poll(struct board *b, int32_t index, uint32_t budget);
int64_t netdev_take(struct board *b, int32_t index, uint8_t *out, uint32_t len);

int32_t route_add(struct board *b, const uint8_t *target, const uint8_t *mask, const uint8_t *router);
int32_t route_del(struct board *b, const uint8_t *target, const uint8_t *mask);
int32_t route_info(struct board *b, uint32_t i, uint8_t *out, uint32_t len);

int32_t neighbor_get(struct board *b, int32_t index, const uint8_t *addr, uint8_t *out, uint32_t len);
int64_t neighbor_set(struct board *b, int32_t index, const uint8_t *addr, const uint8_t *mac, uint32_t len);
int32_t neighbor_remove(struct board *b, int32_t index, const uint8_t *addr);
int32_t neighbor_info(struct board *b, uint32_t family, uint32_t i, uint8_t *out, uint32_t len);
int32_t neighbor_begin(struct board *b, const uint8_t *addr, int32_t boundif);
int32_t neighbor_try(struct board *b, int32_t req, int32_t asking);
int32_t neighbor_known(struct board *b, int32_t req);
int32_t neighbor_sem(struct board *b, int32_t req);
int32_t neighbor_end(struct board *b, int32_t req);

int32_t udp_socket(struct board *b, uint32_t family);
int64_t udp_close(struct board *b, int32_t conn);
int32_t udp_bind(struct board *b, int32_t conn, const uint8_t *addr, uint32_t port);
int32_t udp_connect(struct board *b, int32_t conn, const uint8_t *addr, uint32_t port);
int32_t udp_name(struct board *b, int32_t conn, int32_t peer, uint8_t *out, uint32_t len);
int64_t udp_recvfrom(struct board *b, int32_t conn, uint8_t *buf, uint32_t len, uint32_t flags, uint8_t *from);
int64_t udp_sendto(struct board *b, int32_t conn, const uint8_t *data, uint32_t len, const uint8_t *addr, uint32_t port,
                   uint32_t flags);
int64_t udp_sendto_iob(struct board *b, int32_t conn, const uint8_t *data, uint32_t len, const uint8_t *addr, uint32_t port,
                       uint32_t index);
int64_t udp_sendto_more(struct board *b, int32_t wrb, const uint8_t *data, uint32_t index);
int32_t udp_task_gone(struct board *b, int32_t pid);
int64_t udp_get(struct board *b, int32_t conn, uint32_t what);
int32_t udp_set(struct board *b, int32_t conn, uint32_t what, int64_t value);
int32_t udp_sent(struct board *b, int32_t conn, int64_t queued);
int32_t udp_list(struct board *b, int32_t *out, int32_t n);

int32_t icmp_socket(struct board *b, uint32_t family);
int64_t icmp_close(struct board *b, int32_t conn);
int64_t icmp_sendto(struct board *b, int32_t conn, const uint8_t *data, uint32_t len, const uint8_t *addr);
int32_t icmp_sent(struct board *b, int32_t conn, int32_t give_up);
int64_t icmp_recvfrom(struct board *b, int32_t conn, uint8_t *buf, uint32_t len, uint32_t flags, uint8_t *from);
int32_t icmp_get(struct board *b, int32_t conn, uint32_t what);
int32_t icmp_set(struct board *b, int32_t conn, uint32_t what, int64_t value);
