package core_test

import (
	"flag"
	"testing"

	"vidq/core/coretest"
)

var update = flag.Bool("update", false, "rewrite the scripts in testdata with what they print")

func TestScripts(t *testing.T) { coretest.Run(t, "testdata/*.txt", *update) }
