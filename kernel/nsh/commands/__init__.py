"""The shell's own commands, a file for each kind; table.py has them all."""
