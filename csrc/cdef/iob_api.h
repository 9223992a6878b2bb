struct board;

int32_t iobn_initialize(struct board *b, uint32_t nbuffers, uint32_t bufsize, uint32_t nchains, uint32_t throttle,
                        int32_t timeout_leak, uint32_t notifier_div);
int64_t iobn_tryalloc(struct board *b, int32_t throttled, uint32_t owner);
int32_t iobn_alloc_begin(struct board *b, int32_t throttled, uint32_t owner);
int32_t iobn_alloc_finish(struct board *b, int32_t throttled, uint32_t owner, int32_t waited);
void iobn_alloc_abandon(struct board *b, int32_t throttled, uint32_t owner);
int32_t iobn_sem(struct board *b, int32_t throttled);
int32_t iobn_qsem(struct board *b);
int64_t iobn_free(struct board *b, int32_t h);
int64_t iobn_free_chain(struct board *b, int32_t h);
int32_t iobn_reclaim(struct board *b, uint32_t owner);
int64_t iobn_copyin(struct board *b, int32_t h, const uint8_t *src, uint32_t len, int32_t offset, int32_t throttled);
int64_t iobn_copyout(struct board *b, uint8_t *dest, int32_t h, uint32_t len, int32_t offset);
int64_t iobn_clone_partial(struct board *b, int32_t src, uint32_t len, int32_t off1, int32_t dst, int32_t off2,
                           int32_t throttled);
int32_t iobn_concat(struct board *b, int32_t first, int32_t second);
int64_t iobn_trimhead(struct board *b, int32_t h, uint32_t n);
int64_t iobn_trimtail(struct board *b, int32_t h, uint32_t n);
int64_t iobn_pack(struct board *b, int32_t h);
int64_t iobn_contig(struct board *b, int32_t h, uint32_t n);
int32_t iobn_reserve(struct board *b, int32_t h, uint32_t n);
int64_t iobn_update_pktlen(struct board *b, int32_t h, uint32_t n, int32_t throttled);
int32_t iobn_pktlen(struct board *b, int32_t h);
int64_t iobn_owner(struct board *b, int32_t h);
int32_t iobn_tailroom(struct board *b, int32_t h);
int32_t iobn_set_owner(struct board *b, int32_t h, uint32_t owner);
int32_t iobn_chain(struct board *b, int32_t h, int32_t *out, int32_t n);
int32_t iobn_queue_new(struct board *b);
int64_t iobn_queue_free(struct board *b, int32_t q);
int64_t iobn_tryadd_queue(struct board *b, int32_t h, int32_t q);
int32_t iobn_add_queue_begin(struct board *b, int32_t h, int32_t q);
int32_t iobn_add_queue_finish(struct board *b, int32_t h, int32_t q, int32_t waited);
void iobn_add_queue_abandon(struct board *b);
int64_t iobn_remove_queue(struct board *b, int32_t q);
int32_t iobn_peek_queue(struct board *b, int32_t q);
int64_t iobn_free_queue_qentry(struct board *b, int32_t h, int32_t q);
int32_t iobn_concat_queue(struct board *b, int32_t dst, int32_t src);
int64_t iobn_trimhead_queue(struct board *b, int32_t q, uint32_t n);
int32_t iobn_queue_size(struct board *b, int32_t q);
int32_t iobn_queue_count(struct board *b, int32_t q);
int32_t iobn_getstats(struct board *b, int64_t *out, int32_t n);
int32_t iobn_ledger(struct board *b, int64_t *out, int32_t n);

int iob_check(struct board *b);
int iob_navail(struct board *b, bool throttled);
int iob_qentry_navail(struct board *b);
int64_t iob_bench(struct board *b, int what, int64_t loops);
