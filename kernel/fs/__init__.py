"""Files: what a path names, and what a program can do with it. See vfs.py."""
