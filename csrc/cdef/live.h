int32_t live_start(struct bench *n, int64_t spin_ns);
int32_t live_add_fd(struct bench *n, int32_t fd);
int32_t live_add_port(struct bench *n, int32_t port);
int32_t live_remove(struct bench *n, int32_t index);
int64_t live_poll(struct bench *n);
