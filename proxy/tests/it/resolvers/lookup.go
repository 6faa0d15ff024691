// Looks up each argument with Go's own resolver and prints a line:
// "name address ...", "name none" or "name error: reason".
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

func main() {
	resolver := &net.Resolver{PreferGo: true}
	for _, name := range os.Args[1:] {
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
