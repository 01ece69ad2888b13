// Package pgtest runs a real PostgreSQL server for tests: Debian's, in a temporary
// folder, on a free loopback port, as an unprivileged user. It needs the package
// postgresql to be installed, but no cluster of it to exist or to run.
//
// The folder and the server go with Server.Stop; a server whose test is killed
// ends with it.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Options are a server's settings.
type Options struct {
	// Sync lets the server sync its files, as it must when it is to survive Kill.
	Sync bool
	// FileLimit bounds the size of every file of the server, bytes, at least 17 MB
	// (a segment of its log has 16): a table that grows beyond meets a write error,
	// as on a full disk. 0 = no bound.
	FileLimit int64
}

// Server is a PostgreSQL server. Its superuser is postgres, without a password.
type Server struct {
	o         Options
	dir       string
	bin       string
	as        *syscall.Credential // nil = as this process
	port      int
	cmd       *exec.Cmd
	ended     chan struct{} // closed when cmd has ended
	databases atomic.Int64
}

// startWait is how long a server may take to start, also after a crash.
const startWait = time.Minute

// New starts a server that is stopped when the test ends.
func New(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// Start starts a server.
func Start(o Options) (*Server, error) {
	bin, err := binaries("/usr/lib/postgresql")
	if err != nil {
		return nil, err
	}
	s := &Server{o: o, bin: bin}
	if s.as, err = unprivileged(); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "vidq-postgres-"); err != nil {
		return nil, err
	}
	if s.as != nil {
		if err := os.Chown(s.dir, int(s.as.Uid), int(s.as.Gid)); err != nil {
			return nil, errors.Join(err, os.RemoveAll(s.dir))
		}
	}
	initdb := s.command(filepath.Join(bin, "initdb"), "-D", s.data(), "-U", "postgres", "-A", "trust",
		"-E", "UTF8", "--locale", "C", "--no-sync", "--no-instructions")
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("pgtest: initdb: %w: %s", err, out), os.RemoveAll(s.dir))
	}
	if err := s.Restart(); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// binaries returns the folder of the newest PostgreSQL below root.
func binaries(root string) (string, error) {
	found, err := filepath.Glob(filepath.Join(root, "*", "bin", "postgres"))
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("pgtest: there is no PostgreSQL in %s/*/bin: install it with `make deps` or `apt-get install postgresql`", root)
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path)))) // 0 for what is no number
		return n
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(newest), nil
}

// unprivileged returns whom the server runs as: PostgreSQL refuses to run as root.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("pgtest: there is neither a user postgres nor nobody to run the server as")
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) log() string { return filepath.Join(s.dir, "log") }

// command makes a command that runs as the server's user and ends with this
// process.
func (s *Server) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Dir = s.dir
	c.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: s.as, Setpgid: true, Pdeathsig: syscall.SIGQUIT}
	return c
}

// Restart starts the server if it does not run, on the port that it had.
func (s *Server) Restart() error {
	if s.running() {
		return nil
	}
	end := time.Now().Add(startWait)
	for {
		err := s.try(end)
		if err == nil || time.Now().After(end) {
			return err
		}
		// Something else has taken the port, or processes of the server that was
		// killed have not ended yet.
		if s.databases.Load() == 0 {
			s.port = 0
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// try starts the server and waits until it answers.
func (s *Server) try(end time.Time) error {
	if s.port == 0 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		s.port = l.Addr().(*net.TCPAddr).Port
		if err := l.Close(); err != nil {
			return err
		}
	}
	if err := s.launch(); err != nil {
		return err
	}
	for time.Now().Before(end) {
		select {
		case <-s.ended:
			text, _ := os.ReadFile(s.log())
			return fmt.Errorf("pgtest: the server ended at its start:\n%s", text)
		case <-time.After(20 * time.Millisecond):
		}
		if err := s.exec("SELECT 1"); err == nil {
			return nil
		}
	}
	s.Kill()
	return errors.New("pgtest: the server does not answer")
}

// launch starts the process.
func (s *Server) launch() error {
	args := []string{
		"-D", s.data(), "-p", strconv.Itoa(s.port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "shared_buffers=32MB", "-c", "max_connections=50", "-c", "dynamic_shared_memory_type=mmap",
	}
	if !s.o.Sync {
		args = append(args, "-c", "fsync=off")
	}
	cmd := s.command(filepath.Join(s.bin, "postgres"), args...)
	if s.o.FileLimit > 0 { // in POSIX's blocks of 512 bytes
		limited := []string{"-c", `ulimit -f "$0" && exec "$@"`, strconv.FormatInt(s.o.FileLimit/512, 10), cmd.Path}
		cmd = s.command("/bin/sh", append(limited, args...)...)
	}
	log, err := os.Create(s.log())
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = log, log
	started, ended := make(chan error), make(chan struct{})
	go func() { // Pdeathsig goes with the thread that started the process, so it must stay
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		log.Close()
		started <- err
		if err == nil {
			_ = cmd.Wait() // its end is all that counts
		}
		close(ended)
	}()
	if err := <-started; err != nil {
		return err
	}
	s.cmd, s.ended = cmd, ended
	return nil
}

// exec executes a statement as the superuser.
func (s *Server) exec(statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startWait)
	defer cancel()
	c, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, statement)
	return errors.Join(err, c.Close(ctx))
}

func (s *Server) url(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", s.port, database)
}

// Database makes a database and returns its URL.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := "test" + strconv.FormatInt(s.databases.Add(1), 10)
	s.Exec(t, "CREATE DATABASE "+name)
	return s.url(name)
}

// Schema makes a schema in the database postgres, which is cheaper than a database,
// and returns a URL whose search_path it is.
func (s *Server) Schema(t testing.TB) string {
	t.Helper()
	name := "test" + strconv.FormatInt(s.databases.Add(1), 10)
	s.Exec(t, "CREATE SCHEMA "+name)
	return s.url("postgres") + "&search_path=" + name
}

// Exec executes a statement as the superuser, in the database postgres.
func (s *Server) Exec(t testing.TB, statement string) {
	t.Helper()
	if err := s.exec(statement); err != nil {
		text, _ := os.ReadFile(s.log())
		t.Fatalf("pgtest: %s: %v\n%s", strings.TrimSpace(statement), err, text)
	}
}

func (s *Server) running() bool {
	if s.cmd == nil {
		return false
	}
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// Kill ends the server with SIGKILL, as a crash would.
func (s *Server) Kill() { s.signal(syscall.SIGKILL) }

// Pause stops the server's processes that are there, so that it falls silent
// without closing a connection; Resume lets them go on.
func (s *Server) Pause() { s.each(syscall.SIGSTOP) }

// Resume ends Pause.
func (s *Server) Resume() { s.each(syscall.SIGCONT) }

// each signals the server and its children, which have process groups of their own.
func (s *Server) each(sig syscall.Signal) {
	pid := s.cmd.Process.Pid
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, f := range append(strings.Fields(string(text)), strconv.Itoa(pid)) {
		if child, err := strconv.Atoi(f); err == nil {
			_ = syscall.Kill(child, sig) // it may have ended meanwhile
		}
	}
}

// signal signals the server and waits for its end.
func (s *Server) signal(sig syscall.Signal) {
	if !s.running() {
		return
	}
	_ = s.cmd.Process.Signal(sig) // it may have ended meanwhile
	select {
	case <-s.ended:
	case <-time.After(startWait):
		_ = s.cmd.Process.Kill()
		<-s.ended
	}
}

// Stop ends the server and deletes its folder.
func (s *Server) Stop() {
	s.signal(syscall.SIGINT) // "fast": connections are ended
	_ = os.RemoveAll(s.dir)  // a temporary folder
}
