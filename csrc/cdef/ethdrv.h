int32_t ethdrv_register(struct board *b, const char *name, uint32_t mtu, int32_t port, int32_t wdog, int64_t patience);
int64_t ethdrv_interrupt(struct board *b, int32_t index);
int64_t ethdrv_receive(struct board *b, int32_t index, int32_t budget);
int64_t ethdrv_txdone(struct board *b, int32_t index, int32_t budget);
int64_t ethdrv_poll(struct board *b, int32_t index, int32_t budget);
