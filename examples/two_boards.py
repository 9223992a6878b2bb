"""Two boards on one switch ping each other in one clock, while scapy listens. Needs nutloop[scapy]."""

from board import Bench

with Bench(seed=1) as bench:
    left = bench.board("left")
    right = bench.board("right", profile="stm32f7")
    bench.switch(left, right)
    wire = left.eth0.wire()
    print(left.nsh(f"ping -c 2 {right.eth0.ip}"))
    print(right.nsh(f"ping -c 2 {left.eth0.ip}"))
    for packet in wire.sniff(timeout=1):
        print(packet.summary())
    print(f"the bench's clock stands at {bench.now:.6f} s")
