// Looks up each line of its input with Go's own resolver, all at the same time, and
// prints "name milliseconds ok" or "name milliseconds failed".
package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

func main() {
	resolver := &net.Resolver{PreferGo: true}
	var all sync.WaitGroup
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		name := lines.Text()
		all.Go(func() {
			began := time.Now()
			_, err := resolver.LookupHost(context.Background(), name)
			outcome := "ok"
			if err != nil {
				outcome = "failed"
			}
			fmt.Println(name, time.Since(began).Milliseconds(), outcome)
		})
	}
	all.Wait()
}
