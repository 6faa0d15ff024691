// Asks a server for names over plain sockets and prints a line for each lookup:
// "time took kind address", or "none" or "error: reason" for the address; the time is
// when the lookup began, in seconds since 1970. The kinds, each with a pause of EVERY_MS
// after a lookup: `udp` has a socket for each query, `pinned` one socket for all, `tcp` a
// connection for each, and `new` is as `udp`, with names that nothing asked before.
// A query without an answer is sent again after 250 ms, for the ten seconds after which
// glibc gives up as well.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	patience = 250 * time.Millisecond
	longest  = 10 * time.Second
	known    = "kubernetes.default.svc.cluster.local"
)

func main() {
	server := net.JoinHostPort(os.Args[1], "53")
	if len(os.Args) > 2 {
		count, _ := strconv.Atoi(os.Args[2])
		flood(server, count)
		return
	}
	pause, _ := strconv.Atoi(os.Getenv("EVERY_MS"))
	every := time.Duration(pause) * time.Millisecond
	go repeat("udp", every, func(int) (string, error) { return once("udp", server, known) })
	go repeat("pinned", every, pinned(server))
	go repeat("tcp", every, func(int) (string, error) { return once("tcp", server, known) })
	repeat("new", every, func(n int) (string, error) { return once("udp", server, fresh(n)) })
}

// A name that nothing has asked before.
func fresh(n int) string {
	return fmt.Sprintf("n%d-%d.example.com", os.Getpid(), int64(n)+time.Now().UnixNano())
}

func repeat(kind string, every time.Duration, lookup func(n int) (string, error)) {
	for n := 0; ; n++ {
		began := time.Now()
		address, err := lookup(n)
		for err != nil && time.Since(began) < longest {
			// What is refused at once would use up all tries in no time.
			time.Sleep(patience / 10)
			address, err = lookup(n)
		}
		if err != nil {
			address = "error: " + err.Error()
		}
		took := time.Since(began).Seconds()
		fmt.Printf("%d.%09d %.3f %s %s\n", began.Unix(), began.Nanosecond(), took, kind, address)
		time.Sleep(every)
	}
}

// One query over a socket of its own.
func once(network, server, name string) (string, error) {
	conn, err := net.DialTimeout(network, server, patience)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	return ask(conn, network == "tcp", name)
}

// One socket for all queries: all have the same source port.
func pinned(server string) func(int) (string, error) {
	conn, err := net.Dial("udp", server)
	if err != nil {
		panic(err)
	}
	return func(int) (string, error) {
		conn.SetDeadline(time.Now().Add(patience))
		return ask(conn, false, known)
	}
}

var nextID = make(chan uint16)

func init() {
	go func() {
		for id := uint16(os.Getpid()); ; id++ {
			nextID <- id
		}
	}()
}

func ask(conn net.Conn, framed bool, name string) (string, error) {
	id := <-nextID
	message := query(id, name)
	if framed {
		message = append(binary.BigEndian.AppendUint16(nil, uint16(len(message))), message...)
	}
	if _, err := conn.Write(message); err != nil {
		return "", err
	}
	reply := make([]byte, 4096)
	for {
		n, err := read(conn, framed, reply)
		if err != nil {
			return "", err
		}
		// A late answer to an earlier query is none to this one.
		if n >= 12 && binary.BigEndian.Uint16(reply) == id {
			return address(reply[:n])
		}
	}
}

func read(conn net.Conn, framed bool, reply []byte) (int, error) {
	if !framed {
		return conn.Read(reply)
	}
	if _, err := io.ReadFull(conn, reply[:2]); err != nil {
		return 0, err
	}
	return io.ReadFull(conn, reply[:min(int(binary.BigEndian.Uint16(reply)), len(reply))])
}

// A query for the IPv4 addresses of a name (RFC 1035, section 4).
func query(id uint16, name string) []byte {
	message := binary.BigEndian.AppendUint16(nil, id)
	message = append(message, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0)
	for _, label := range strings.Split(name, ".") {
		message = append(append(message, byte(len(label))), label...)
	}
	return append(message, 0, 0, 1, 0, 1)
}

// The address at the end of an answer that has one record.
func address(reply []byte) (string, error) {
	if code := reply[3] & 15; code != 0 {
		return "", fmt.Errorf("RCODE %d", code)
	}
	if binary.BigEndian.Uint16(reply[6:]) == 0 {
		return "", errors.New("no record")
	}
	// Behind the question: a pointer, the type, the class, the TTL and a length.
	at := 12
	for at < len(reply) && reply[at] != 0 {
		at += int(reply[at]) + 1
	}
	at += 5 + 12
	if at+4 > len(reply) {
		return "", errors.New("a short answer")
	}
	return net.IP(reply[at : at+4]).String(), nil
}

// So many names that nothing has asked before, as fast as they are answered.
func flood(server string, count int) {
	for n := 0; n < count; n++ {
		once("udp", server, fresh(n))
	}
}
