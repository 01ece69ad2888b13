package main

import (
	"strings"
	"testing"

	"vidq/internal/cli"

	"github.com/stretchr/testify/require"
)

func TestTable(t *testing.T) {
	r := newRig()
	var b strings.Builder
	for _, args := range [][]string{
		{"face"},
		{"face", "--seeds", "5", "--scheduler", "static[plan=golden],latfirst,random"},
	} {
		require.Equal(t, cli.ExitDone, r.do(args...), r.err.String())
		b.WriteString("$ vidq-sim " + strings.Join(args, " ") + "\n" + r.out.String() + "\n")
	}
	golden(t, "table.txt", b.String())
}
