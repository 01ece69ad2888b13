// Command live measures what the live system itself costs, on this machine: the load
// scenario with its two thousand calls a second over HTTP on the loopback, results made
// durable by SQLite; and raw images at a service that does nothing. `make bench-live` runs it.
//
// It prints what was asked for and what was seen, and ends with 1 if something that does not depend on the
// machine's speed is not so: a frame failed, or a result stored twice or not at all.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
	"time"
)

func main() {
	length := flag.Duration("load", time.Minute, "length of the load")
	raw := flag.Duration("raw", 10*time.Second, "length of the raw requests")
	profile := flag.String("cpuprofile", "", "write a processor profile to a `file`")
	flag.Parse()
	ok, err := measure(context.Background(), *length, *raw, *profile)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/live:", err)
	}
	if !ok {
		os.Exit(1)
	}
}

func measure(ctx context.Context, length, raw time.Duration, profile string) (ok bool, err error) {
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return false, err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return false, err
		}
		defer pprof.StopCPUProfile()
	}
	good, err := load(ctx, length)
	if err != nil {
		return false, err
	}
	ok, err = images(ctx, raw)
	return ok && good, err
}
