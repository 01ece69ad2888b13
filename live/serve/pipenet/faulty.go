package pipenet

import (
	"context"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Faults are what is wrong with connections, from when they are set. The zero value is nothing.
type Faults struct {
	Delay time.Duration // of what the dialer writes: a round trip
	Rate  float64       // bytes per second, of each connection; 0 = at once
	Stall bool          // nothing gets through until that is over: what TCP loses it sends again
	Cut   bool          // connections break, and none is made
}

// Faulty makes connections whose faults change while they are there. Both directions suffer
// alike. Nothing is buffered on the way.
type Faulty struct {
	mu      sync.Mutex
	faults  Faults
	changed chan struct{} // closed when faults change
	conns   map[*faulty]struct{}
}

// Set says what is wrong from now on.
func (f *Faulty) Set(faults Faults) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = faults
	if f.changed != nil {
		close(f.changed)
	}
	f.changed = make(chan struct{})
	if faults.Cut {
		for c := range f.conns {
			_ = c.Conn.Close() // a pipe's does not fail
		}
		clear(f.conns)
	}
}

// now returns what is wrong, and a channel that is closed when that changes.
func (f *Faulty) now() (Faults, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.changed == nil {
		f.changed = make(chan struct{})
	}
	return f.faults, f.changed
}

// Open returns how many of its connections are open.
func (f *Faulty) Open() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.conns)
}

// Dialer makes connections of dial faulty.
func (f *Faulty) Dialer(dial func(ctx context.Context, network, addr string) (net.Conn, error)) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		for {
			faults, changed := f.now()
			if faults.Cut {
				return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}
			}
			if !faults.Stall {
				break
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return nil, &net.OpError{Op: "dial", Net: network, Err: ctx.Err()}
			}
		}
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		out := &faulty{Conn: c, f: f, closed: make(chan struct{})}
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.conns == nil {
			f.conns = map[*faulty]struct{}{}
		}
		f.conns[out] = struct{}{}
		return out, nil
	}
}

// faulty is the dialer's end of a connection.
type faulty struct {
	net.Conn
	f      *Faulty
	once   sync.Once
	closed chan struct{}
}

// chunk is how many bytes get through between two looks at the faults.
const chunk = 1448

// Write writes as fast as the faults let it.
func (c *faulty) Write(b []byte) (n int, err error) {
	err = c.pass(func(f *Faults) time.Duration { return f.Delay })
	for n < len(b) && err == nil {
		part := b[n:min(n+chunk, len(b))]
		var m int
		if err = c.carry(len(part)); err == nil {
			m, err = c.Conn.Write(part)
		}
		n += m
	}
	return n, err
}

// Read reads as fast as the faults let it.
func (c *faulty) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b[:min(len(b), chunk)])
	if err != nil || n == 0 {
		return n, err
	}
	return n, c.carry(n)
}

// carry takes the time that bytes take.
func (c *faulty) carry(bytes int) error {
	return c.pass(func(f *Faults) time.Duration {
		if f.Rate <= 0 {
			return 0
		}
		return time.Duration(float64(bytes) / f.Rate * float64(time.Second))
	})
}

// pass waits until nothing stalls, and then for as long as the faults say.
func (c *faulty) pass(takes func(*Faults) time.Duration) error {
	for {
		faults, changed := c.f.now()
		var over <-chan time.Time
		if !faults.Stall {
			wait := takes(&faults)
			if wait <= 0 {
				return nil
			}
			changed, over = nil, time.After(wait)
		}
		select {
		case <-over:
			return nil
		case <-changed:
		case <-c.closed:
			return net.ErrClosed
		}
	}
}

// Close closes both ends.
func (c *faulty) Close() error {
	c.once.Do(func() { close(c.closed) })
	c.f.mu.Lock()
	delete(c.f.conns, c)
	c.f.mu.Unlock()
	return c.Conn.Close()
}
