"""Boots a board and pings it with scapy. Needs nutloop[scapy]."""

from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import Ether

from board import Board

with Board("sim", seed=7) as b:
    wire = b.eth0.wire()
    reply = wire.sr1(Ether(dst=b.eth0.mac) / IP(dst=b.eth0.ip) / ICMP(), timeout=5)
    print(reply.summary())
    print(f"answered {float(reply.time) - 1.0:.9f} virtual seconds after power-on")
