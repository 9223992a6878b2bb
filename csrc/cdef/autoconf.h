int64_t autoconf_linklocal(struct board *b, int32_t index, uint8_t *addr);
int32_t autoconf_solicit(struct board *b, int32_t index);
int32_t autoconf_advertised(struct board *b, int32_t index);
int32_t autoconf_sem(struct board *b, int32_t index);
