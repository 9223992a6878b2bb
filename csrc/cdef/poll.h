int32_t poll_new(struct board *b);
int32_t poll_sem(struct board *b, int32_t poller);
int32_t poll_begin(struct board *b, int32_t poller, uint32_t n);
int32_t poll_end(struct board *b, int32_t poller);
int32_t udp_pollsetup(struct board *b, int32_t conn, int32_t poller, uint32_t events);
int32_t tcp_pollsetup(struct board *b, int32_t conn, int32_t poller, uint32_t events);
int32_t icmp_pollsetup(struct board *b, int32_t conn, int32_t poller, uint32_t events);
