"""What a NuttX driver does, against registers and DMA rings: Ethernet, serial, loopback."""
