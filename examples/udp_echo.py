"""A program on the board, an ordinary socket loop, and traffic for it. Needs nutloop[scapy]."""

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from board import Board


def echo(sys):
    s = sys.socket()
    s.bind(("", 7))
    while True:
        data, peer = s.recvfrom(2048)
        s.sendto(data.upper(), peer)


with Board("sim") as b:
    b.spawn(echo, name="echo", priority=100)
    wire = b.eth0.wire()
    for word in (b"hello", b"board"):
        packet = Ether(dst=b.eth0.mac) / IP(dst=b.eth0.ip) / UDP(sport=4000, dport=7) / Raw(word)
        answer = wire.sr1(packet, timeout=1)
        print(word.decode(), "->", bytes(answer[UDP].payload)[: len(word)].decode())
    print(b.nsh("ps"))
