int32_t pkt_socket(struct board *b, uint32_t type, int32_t queue);
int64_t pkt_close(struct board *b, int32_t conn);
int32_t pkt_bind(struct board *b, int32_t conn, int32_t dev, uint32_t type);
int64_t pkt_recv(struct board *b, int32_t conn, uint8_t *buf, uint32_t len, uint32_t flags);
int64_t pkt_begin(struct board *b, int32_t conn, uint32_t len);
int32_t pkt_queued(struct board *b, int32_t conn);
int32_t pkt_sent(struct board *b, int32_t conn);
int32_t pkt_pollsetup(struct board *b, int32_t conn, int32_t poller, uint32_t events);
int64_t pkt_get(struct board *b, int32_t conn, uint32_t what);
