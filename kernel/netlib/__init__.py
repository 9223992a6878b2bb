"""How a board gets its address and finds others by name: DHCP, DNS, the hosts file. NuttX: netutils/dhcpc, netdb."""
