package core

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"slices"
)

// Chain is the running hash over a machine's records: SHA-256 of their binary
// forms one after the other. The zero value is ready.
type Chain struct {
	h   hash.Hash
	buf []byte
}

// chainBlock is how many bytes are gathered before they are hashed: few, so that
// the buffers of many machines stay near the processor.
const chainBlock = 1024

// Add takes a record in.
func (c *Chain) Add(r Record) {
	if c.h == nil {
		c.h = sha256.New()
		c.buf = make([]byte, 0, 2*chainBlock)
	}
	c.buf = r.AppendBinary(c.buf)
	if len(c.buf) >= chainBlock {
		c.h.Write(c.buf) // a hash's Write never fails
		c.buf = c.buf[:0]
	}
}

// Sum returns the hash so far, in hexadecimal.
func (c *Chain) Sum() string {
	if c.h == nil {
		c.h = sha256.New()
	}
	c.h.Write(c.buf)
	c.buf = c.buf[:0]
	return hex.EncodeToString(c.h.Sum(nil))
}

// TraceHash is the hash of a run: SHA-256 of its machines' ids and chains, by id.
func TraceHash(chains map[string]string) string {
	ids := make([]string, 0, len(chains))
	for id := range chains {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	h := sha256.New()
	for _, id := range ids {
		h.Write([]byte(id + " " + chains[id] + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// The names of machines in a trace; each job manager has one by its node.
const (
	ManagerMachine = "manager"
	WorldMachine   = "world" // which records what no machine knows
)

// JobsMachine names the job manager of a node.
func JobsMachine(n NodeID) string { return "jobs/" + string(n) }
