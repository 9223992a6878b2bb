struct bench;
struct board;

struct bench *bench_new(uint64_t seed, uint64_t livelock);
void bench_free(struct bench *n);
int64_t bench_run(struct bench *n, int64_t deadline, bool to_deadline, bool check);
int64_t bench_next(struct bench *n);
void bench_leave(struct bench *n);
int64_t irq_return(struct board *b);
int64_t bench_now(const struct bench *n);
int32_t bench_value(const struct bench *n);
int32_t bench_owner(const struct bench *n);
int64_t bench_progress(const struct bench *n);
void bench_attend(struct bench *n, int32_t what);
int32_t bench_quiescent(const struct bench *n);
void bench_set_one_frame(struct bench *n, int32_t on);
uint32_t bench_choose(struct bench *n, uint32_t site, uint32_t name, uint32_t range);
int32_t bench_chooser_set(struct bench *n, uint32_t site, uint32_t mode, const uint32_t *script, uint32_t nscript);
void bench_chooser_ask(struct bench *n, uint32_t (*ask)(void *bench, uint32_t site, uint32_t name, uint32_t range));
uint64_t bench_hash(uint64_t x);

struct board *board_new(struct bench *n, int32_t ncpus, int64_t tick_ns, uint32_t trace_size);
int32_t board_reset(struct board *b, int32_t ncpus, int64_t tick_ns);
void board_free(struct board *b);
int32_t board_id(const struct board *b);
int32_t board_cost(struct board *b, int32_t what, int64_t ps);
void board_options(struct board *b, int32_t inherit, uint32_t irq_jitter);
void board_halt(struct board *b);
int32_t board_current(const struct board *b);
int32_t board_current_cpu(const struct board *b);
int64_t board_ticks(const struct board *b);
int64_t board_uptime(const struct board *b);

int32_t task_create(struct board *b, int32_t prio, uint32_t affinity, uint32_t flags);
int64_t task_start(struct board *b, int32_t pid);
int64_t task_exit(struct board *b);
int64_t task_kill(struct board *b, int32_t pid);
int32_t task_info(struct board *b, int32_t pid, int64_t *out, int32_t n);
int32_t task_held(struct board *b, int32_t pid, int32_t *out, int32_t n);
uint32_t task_slot(struct board *b, int32_t pid);
int32_t task_pids(struct board *b, int32_t *out, int32_t n);
int64_t sched_take(struct board *b, int32_t cpu, int32_t index);
void sched_policy(struct board *b, bool fifo);
int32_t sched_ties(struct board *b, int32_t cpu);
int64_t sched_rotate(struct board *b, int32_t cpu);
int32_t sched_lock(struct board *b);
int64_t sched_unlock(struct board *b);
int64_t sched_setpriority(struct board *b, int32_t pid, int32_t prio);
int64_t nxsched_ticksleep(struct board *b, int64_t ticks);
int64_t cpu_burn(struct board *b, int64_t ns);
int64_t nxsig_kill(struct board *b, int32_t pid, int32_t signo);
int64_t task_sigmask(struct board *b, int32_t pid, int64_t mask);

int32_t sem_new(struct board *b, int32_t count);
int32_t sem_free(struct board *b, int32_t h);
int64_t nxsem_wait(struct board *b, int32_t h);
int64_t nxsem_tickwait(struct board *b, int32_t h, int64_t ticks, int32_t interruptible);
int64_t nxsem_trywait(struct board *b, int32_t h);
int64_t nxsem_post(struct board *b, int32_t h);
int32_t nxsem_get_value(struct board *b, int32_t h);

int32_t mutex_new(struct board *b);
int64_t nxrmutex_lock(struct board *b, int32_t h);
int64_t nxrmutex_trylock(struct board *b, int32_t h);
int64_t nxrmutex_unlock(struct board *b, int32_t h);
int64_t nxrmutex_breaklock(struct board *b, int32_t h);
int32_t nxrmutex_set_count(struct board *b, int32_t h, int32_t count);
int32_t mutex_holder(struct board *b, int32_t h);
int32_t mutex_depth(struct board *b, int32_t h);

int32_t wdog_new(struct board *b, int32_t housekeeping);
int32_t wdog_free(struct board *b, int32_t h);
int64_t wdog_start(struct board *b, int32_t h, int64_t delay);
int64_t wdog_start_next(struct board *b, int32_t h, int64_t delay);
int64_t wdog_cancel(struct board *b, int32_t h);
int64_t wdog_gettime(struct board *b, int32_t h);

int32_t irq_attach(struct board *b, int32_t irq, int32_t attached, int32_t prio, int32_t cpu);
int64_t up_enable_irq(struct board *b, int32_t irq);
int64_t up_disable_irq(struct board *b, int32_t irq);
int32_t irq_line_set(struct board *b, int32_t irq, int32_t level);
int64_t irq_count(struct board *b, int32_t irq);

int32_t wq_new(struct board *b, int32_t nthreads);
int64_t wq_exit(struct board *b, int32_t qid);
int32_t work_new(struct board *b, int32_t flags);
int32_t work_free(struct board *b, int32_t h);
int64_t work_queue(struct board *b, int32_t qid, int32_t h, uint32_t seq, int64_t delay);
int64_t work_queue_next(struct board *b, int32_t qid, int32_t h, uint32_t seq, int64_t delay);
int64_t work_queue_native(struct board *b, int32_t qid, int32_t h, int32_t worker, uint32_t arg, int64_t delay);
int64_t work_cancel(struct board *b, int32_t h);
int64_t work_cancel_sync(struct board *b, int32_t h);
int32_t work_is_available(struct board *b, int32_t h);
int64_t work_timeleft(struct board *b, int32_t h);
int64_t work_pass(struct board *b, int32_t qid, int32_t thread, int32_t awake);
int64_t work_run_c(struct board *b, int32_t qid, int32_t thread);
int32_t wq_info(struct board *b, int32_t qid, int64_t *out, int32_t n);
int32_t wq_queued(struct board *b, int32_t qid, int32_t *out, int32_t n);

int32_t pyevent_new(struct bench *n, int32_t housekeeping);
int32_t pyevent_at(struct bench *n, int32_t h, int64_t time);
int32_t pyevent_cancel(struct bench *n, int32_t h);
int32_t pyevent_free(struct bench *n, int32_t h);

uint64_t trace_head(const struct board *b);
uint32_t trace_read(const struct board *b, uint64_t from, uint8_t *out, uint32_t max);
void trace_enable(struct board *b, int32_t on);
void trace_user(struct board *b, uint32_t object, int64_t arg);

