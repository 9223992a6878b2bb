"""Reading lines from a terminal: editing, history, completion. See readline.py."""
