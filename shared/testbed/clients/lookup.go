// Looks up each argument with Go's own resolver and prints a line:
// "time name address ...", "time name none" or "time name error: reason";
// the time is when the lookup began, in seconds since 1970. With EVERY_MS set it
// goes on for ever, with a pause of so many milliseconds after each lookup, and the
// seconds that the lookup took come after its time.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	resolver := &net.Resolver{PreferGo: true}
	every, forever := os.LookupEnv("EVERY_MS")
	pause, _ := strconv.Atoi(every)
	names := os.Args[1:]
	for i := 0; i < len(names) || forever; i++ {
		name := names[i%len(names)]
		began := time.Now()
		addresses, err := resolver.LookupHost(context.Background(), name)
		fmt.Printf("%d.%09d ", began.Unix(), began.Nanosecond())
		if forever {
			fmt.Printf("%.3f ", time.Since(began).Seconds())
			time.Sleep(time.Duration(pause) * time.Millisecond)
		}
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
