// Looks up each argument with Go's own resolver and prints a line:
// "time name address ...", "time name none" or "time name error: reason";
// the time is when the lookup began, in seconds since 1970. With EVERY_MS set it
// goes on for ever, with a pause of so many milliseconds after each lookup, and the
// seconds that the lookup took come after its time. With SIDE_BY_SIDE set all are
// looked up at once.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

var resolver = &net.Resolver{PreferGo: true}

func main() {
	if _, ok := os.LookupEnv("SIDE_BY_SIDE"); ok {
		sideBySide(os.Args[1:])
		return
	}
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
		fmt.Println(name, result(addresses, err))
	}
}

func result(addresses []string, err error) string {
	var failure *net.DNSError
	switch {
	case err == nil:
		return strings.Join(addresses, " ")
	case errors.As(err, &failure) && failure.IsNotFound:
		return "none"
	default:
		return fmt.Sprint("error: ", err)
	}
}

func sideBySide(names []string) {
	var all sync.WaitGroup
	lines := make([]string, len(names))
	for i, name := range names {
		all.Add(1)
		go func() {
			defer all.Done()
			began := time.Now()
			addresses, err := resolver.LookupHost(context.Background(), name)
			lines[i] = fmt.Sprintf("%d.%09d %s %s", began.Unix(), began.Nanosecond(), name, result(addresses, err))
		}()
	}
	all.Wait()
	fmt.Println(strings.Join(lines, "\n"))
}
