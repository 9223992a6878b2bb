int32_t cable_plug(struct bench *n, int32_t a, int32_t b, int64_t latency);
int32_t cable_pull(struct bench *n, int32_t port);
int32_t port_free(struct bench *n, int32_t port);
int32_t port_up(struct bench *n, int32_t port, int32_t up);
int32_t port_speed(struct bench *n, int32_t port);
int32_t port_peer(struct bench *n, int32_t port);
int32_t port_counters(struct bench *n, int32_t port, int64_t *out, int32_t max);
int32_t port_fault(struct bench *n, int32_t port, int32_t kind, uint32_t ppm, int64_t arg);
int32_t switch_new(struct bench *n);
int32_t switch_add_port(struct bench *n, int32_t sw, uint32_t mbps);

int32_t capture_on(struct bench *n, int32_t port, int64_t limit, uint32_t snaplen);
int32_t capture_off(struct bench *n, int32_t port);
int64_t capture_pending(struct bench *n, int32_t port);
int64_t capture_read(struct bench *n, int32_t port, uint8_t *out, int64_t room);
int64_t capture_drops(struct bench *n, int32_t port);

int32_t hostend_new(struct bench *n, const uint8_t *mac, uint32_t ip, uint32_t mbps);
int32_t host_ipv6(struct bench *n, int32_t port, const uint8_t *addr, uint32_t len);
int32_t host_answers(struct bench *n, int32_t port, uint32_t answers);
int32_t host_open(struct bench *n, int32_t port, int32_t outgoing, int64_t limit);
int32_t host_close(struct bench *n, int32_t port, int32_t reader);
int32_t host_wait(struct bench *n, int32_t port, int32_t reader, int32_t waiting);
int64_t host_send(struct bench *n, int32_t port, const uint8_t *data, uint32_t len, int32_t raw);
int64_t host_read(struct bench *n, int32_t port, int32_t reader, uint8_t *out, int64_t room);
int64_t host_drops(struct bench *n, int32_t port, int32_t reader);

int32_t tap_open(struct bench *n, const char *name, uint32_t mbps);
int32_t tap_attach(struct bench *n, int fd, uint32_t mbps);
int32_t tap_take(struct bench *n, int32_t port);
int64_t tap_drops(struct bench *n, int32_t port);

int32_t mac_create(struct board *b, int32_t irq, uint32_t nrx, uint32_t ntx, uint32_t mbps, const uint8_t *addr);
int64_t mac_getreg(struct board *b, int32_t port, uint32_t reg);
int64_t mac_putreg(struct board *b, int32_t port, uint32_t reg, uint32_t value);
int64_t phy_getreg(struct board *b, int32_t port, uint32_t reg);
int64_t phy_putreg(struct board *b, int32_t port, uint32_t reg, uint32_t value);
uint32_t mac_peek(struct bench *n, int32_t port, uint32_t reg);
int32_t mac_counters(struct bench *n, int32_t port, int64_t *out, int32_t max);
int32_t mac_set_stall(struct bench *n, int32_t port, int32_t stalled);
int32_t mac_power_on(struct bench *n, int32_t port);
int32_t mac_raise_fatal(struct bench *n, int32_t port);
