// Looks up each argument with Go's own resolver and prints a line:
// "time name address ...", "time name none" or "time name error: reason";
// the time is when the lookup began, in seconds since 1970.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

func main() {
	resolver := &net.Resolver{PreferGo: true}
	for _, name := range os.Args[1:] {
		began := time.Now()
		fmt.Printf("%d.%09d ", began.Unix(), began.Nanosecond())
		addresses, err := resolver.LookupHost(context.Background(), name)
		var failure *net.DNSError
		switch {
		case err == nil:
			fmt.Println(name, strings.Join(addresses, " "))
		case errors.As(err, &failure) && failure.IsNotFound:
			fmt.Println(name, "none")
		default:
			fmt.Println(name, "error:", err)
		}
	}
}
