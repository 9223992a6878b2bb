"""A NuttX-like kernel: tasks, locks, work queues, I/O buffers, network, shell. Its data lives in the C core."""
