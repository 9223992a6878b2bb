"""What stands around a board: scapy wires, TAP, captures, consoles, the pytest plugin and the command line."""
