"""A NuttX-like kernel: tasks, locks, work queues, I/O buffers, network, shell. Its data structures live in the C core."""
