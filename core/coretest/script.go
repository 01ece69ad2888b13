package coretest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Run plays every script that matches the pattern, each as a subtest, and compares
// what it prints with what stands in it. With update, the scripts are rewritten
// instead.
//
// A script is a sequence of blocks. A block is commands, one a line, then a line
// ----, then what they print, then an empty line. Lines before the commands that
// begin with # are comments. A command is a word, then words and key=value
// arguments, separated by spaces; a command that fails prints "error: ...".
//
// These set the stage:
//
//	node ID [role=edge|cloud] [services=a:2,b:1] [cameras=x,y] [mode=live|file] [fps=30] [length=N] [memory=BYTES]
//	link A B [rate=1000000] [rtt=20ms]            both directions
//	manager ID [period=3s] [phase=1s] [decision=0s]    the query manager's node
//	set [heartbeat=1s] [down=2.5s] [frame=10s] [stage=5s] [retries=2] [backoff=50ms] [resend=500ms] [sync=250ms]
//	hide|show wake|record|heartbeat|...           lines whose first word, or message, is that one
//	quiet | loud                                  nothing is printed in between
//	start [ID...]                                 begins machines (all): "manager" or a node
//
// These decide what the scheduler says in the next round:
//
//	plan QUERY stages=edge1:0,cloud:0 [fps=10] [res=480p] [window=1] [buffer=1]
//	refuse QUERY | pace QUERY RATE | charge QUERY NODE SERVICE [model=0] [calls=1]
//	service NODE NAME [model=0] [workers=1] [batch=1] | next TIME
//
// And these let things happen:
//
//	submit KEY camera=x node=edge1 pipeline=a,b [latency=300ms] [delay=0s] [accuracy=0.9]
//	stop QUERY
//	deliver [all|MESSAGE...] what was sent and is not held; all: until nothing is left
//	drop MESSAGE... | duplicate MESSAGE... | hold MESSAGE...    by number (m1, as printed) or type (Join)
//	saved [error text]       answers the saves under way
//	capture QUERY [frame=N] [bytes=50000] | end QUERY       answers a Capture
//	done CALL [work=20ms] [wait=0s] [encode=0s] [back=0s] [sent=0] [got=1000] [objects=N] [err=rejected]
//	sample NODE              tells a node how it is
//	advance TIME             lets time pass, with its Wakes
//	run TIME                 the same, with messages that arrive and saves that are durable at once
//	crash manager|NODE [committed]     saves under way are lost, unless committed
//	restart manager|NODE
//	status                   prints what the machines have
//	converged                holds that the nodes have the jobs and plans that the manager wants
//
// Every script is watched by a Checker, which must find nothing.
func Run(t *testing.T, pattern string, update bool) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts match %s (%v)", pattern, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Play(string(text))
			if err != nil {
				t.Error(err)
			}
			switch {
			case got == string(text):
			case update:
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			default:
				t.Errorf("%s prints something else (run the test with -update to accept it):\n%s", file, firstDifference(string(text), got))
			}
		})
	}
}

// Play plays a script and returns it with what it printed this time. The error is
// what the Checker found.
func Play(script string) (string, error) {
	e := newEnv()
	var out strings.Builder
	lines := strings.Split(script, "\n")
	for i := 0; i < len(lines); {
		line := lines[i]
		if line == "" || strings.HasPrefix(line, "#") {
			if i < len(lines)-1 || line != "" {
				out.WriteString(line + "\n")
			}
			i++
			continue
		}
		for ; i < len(lines) && lines[i] != "" && lines[i] != "----"; i++ {
			out.WriteString(lines[i] + "\n")
			if !strings.HasPrefix(lines[i], "#") {
				e.command(lines[i])
			}
		}
		out.WriteString("----\n" + e.out.String())
		e.out.Reset()
		for i < len(lines) && lines[i] != "" { // what it printed last time
			i++
		}
	}
	return out.String(), e.check.Err()
}

// firstDifference shows where two texts begin to differ.
func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		a, b := "(nothing)", "(nothing)"
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			return fmt.Sprintf("line %d\n  want %s\n  got  %s", i+1, a, b)
		}
	}
	return "no difference"
}
