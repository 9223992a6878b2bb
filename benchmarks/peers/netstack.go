// gVisor's network stack behind a TAP interface, for bench_peers.py: `netstack TAP ADDRESS COUNT_PORT`.
//
// TCP port 5001 discards 64 KiB at a time, 5002 never stops sending, UDP port 7 counts, COUNT_PORT tells the count and
// closes. A goroutine serves each connection, as with Go's own net package.
package main

import (
	"fmt"
	"log"
	"net"
	"os"
	"strconv"
	"sync/atomic"

	gvisorlog "gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/fdbased"
	"gvisor.dev/gvisor/pkg/tcpip/link/tun"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

const (
	nic       = 1
	mtu       = 1500
	swallowOn = 5001
	talkOn    = 5002
	countOn   = 7
	chunk     = 65536
	mac       = tcpip.LinkAddress("\x02nl\x00\x00\x03")
)

var datagrams uint64

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// up makes a stack with one interface.
func up(name string, address tcpip.Address) *stack.Stack {
	fd, err := tun.OpenTAP(name)
	must(err)
	link, err := fdbased.New(&fdbased.Options{FDs: []int{fd}, MTU: mtu, EthernetHeader: true, Address: mac})
	must(err)
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{arp.NewProtocol, ipv4.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4},
	})
	if err := s.CreateNIC(nic, link); err != nil {
		log.Fatal(err)
	}
	own := tcpip.ProtocolAddress{
		Protocol:          ipv4.ProtocolNumber,
		AddressWithPrefix: tcpip.AddressWithPrefix{Address: address, PrefixLen: 24},
	}
	if err := s.AddProtocolAddress(nic, own, stack.AddressProperties{}); err != nil {
		log.Fatal(err)
	}
	s.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}})
	return s
}

// serve gives each connection to a port a goroutine.
func serve(s *stack.Stack, port uint16, conversation func(net.Conn)) {
	listener, err := gonet.ListenTCP(s, tcpip.FullAddress{NIC: nic, Port: port}, ipv4.ProtocolNumber)
	must(err)
	go func() {
		for {
			c, err := listener.Accept()
			must(err)
			go func() {
				defer c.Close()
				conversation(c)
			}()
		}
	}()
}

func swallow(c net.Conn) {
	buffer := make([]byte, chunk)
	for {
		if _, err := c.Read(buffer); err != nil {
			return
		}
	}
}

func talk(c net.Conn) {
	buffer := make([]byte, chunk)
	for {
		if _, err := c.Write(buffer); err != nil {
			return
		}
	}
}

func tellCount(c net.Conn) {
	fmt.Fprint(c, atomic.LoadUint64(&datagrams))
}

func count(s *stack.Stack) {
	c, err := gonet.DialUDP(s, &tcpip.FullAddress{NIC: nic, Port: countOn}, nil, ipv4.ProtocolNumber)
	must(err)
	buffer := make([]byte, 100)
	for {
		_, err := c.Read(buffer)
		must(err)
		atomic.AddUint64(&datagrams, 1)
	}
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: netstack TAP ADDRESS COUNT_PORT")
	}
	gvisorlog.SetTarget(&gvisorlog.MultiEmitter{}) // it warns of every connection that its peer has reset
	port, err := strconv.ParseUint(os.Args[3], 10, 16)
	must(err)
	s := up(os.Args[1], tcpip.Address(net.ParseIP(os.Args[2]).To4()))
	serve(s, swallowOn, swallow)
	serve(s, talkOn, talk)
	serve(s, uint16(port), tellCount)
	count(s)
}
