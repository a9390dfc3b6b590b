package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.org/compare/front"
	"example.org/compare/system"
)

// process is a replica in a process of its own, `compare node`.
//
// It prints the address where it serves, and then a line for each line of its standard input: true
// or false, or else what went wrong.
type process struct {
	address string
	command *exec.Cmd
	in      io.WriteCloser

	mu  sync.Mutex // of questions
	out *bufio.Reader
}

// Questions to a process.
const (
	askProcs    = "procs"    // and a number: sets GOMAXPROCS
	askLeads    = "leads"    // whether it leads
	askHolds    = "holds"    // and a key: whether it holds it itself
	askSnapshot = "snapshot" // takes one
)

// setup says how replicas are started. Its zero value is the defaults of the system.
type setup struct {
	Election  time.Duration
	Snapshots int // entries, for those that cannot be told to
	Procs     int
}

// startProcess starts a replica with its data under dir, and waits until it serves.
func startProcess(s system.System, id int, peers []string, dir string, how setup) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{command: exec.Command(program, "node", "-system", s.Name, "-id", strconv.Itoa(id),
		"-peers", strings.Join(peers, ","), "-dir", dir, "-election", how.Election.String(),
		"-snapshots", strconv.Itoa(how.Snapshots))}
	p.command.Stderr = os.Stderr
	if how.Procs > 0 {
		p.command.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(how.Procs))
	}
	in, inErr := p.command.StdinPipe()
	out, outErr := p.command.StdoutPipe()
	if err := errors.Join(inErr, outErr); err != nil {
		return nil, err
	}
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	p.in, p.out = in, bufio.NewReader(out)
	line, err := p.out.ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("replica %d of %s does not come up: %w", id, s.Name, err),
			p.Close())
	}
	p.address = strings.TrimSpace(line)
	return p, nil
}

// ask asks a question.
func (p *process) ask(words ...string) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := fmt.Fprintln(p.in, strings.Join(words, " ")); err != nil {
		return false, err
	}
	line, err := p.out.ReadString('\n')
	if err != nil {
		return false, err
	}
	answer, err := strconv.ParseBool(strings.TrimSpace(line))
	if err != nil {
		return false, errors.New(strings.TrimSpace(line))
	}
	return answer, nil
}

// kill ends it as a power cut would.
func (p *process) kill() error {
	err := p.command.Process.Kill()
	_ = p.command.Wait() // it was killed, says its error; the pipes are closed
	return err
}

// Close has it end by itself; nothing is to be done for one that was killed.
func (p *process) Close() error {
	if p.command.ProcessState != nil {
		return nil
	}
	return errors.Join(p.in.Close(), p.command.Wait())
}

// serveNode is `compare node`: it serves, and answers questions until its standard input ends.
func serveNode(s system.System, c system.Config) error {
	n, err := openNode(s, c)
	if err != nil {
		return err
	}
	serve := s.Serve
	if serve == nil {
		serve = front.Serve
	}
	server, err := serve(n, "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, n.Close())
	}
	fmt.Println(server.Addr())
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if answer, err := answer(n, lines.Text()); err != nil {
			fmt.Println(strings.ReplaceAll(err.Error(), "\n", "; "))
		} else {
			fmt.Println(answer)
		}
	}
	return errors.Join(lines.Err(), server.Close(), n.Close())
}

var errQuestion = errors.New("not a question that this replica can answer")

func answer(n system.Node, line string) (bool, error) {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case askProcs:
		procs, err := strconv.Atoi(rest)
		if err == nil {
			runtime.GOMAXPROCS(procs)
		}
		return err == nil, err
	case askLeads:
		return n.Leads(), nil
	case askHolds:
		if holder, ok := n.(system.Holder); ok {
			return holder.Holds(rest), nil
		}
	case askSnapshot:
		if taker, ok := n.(system.Snapshotter); ok {
			return true, taker.Snapshot()
		}
	}
	return false, fmt.Errorf("%w: %q", errQuestion, line)
}

func openNode(s system.System, c system.Config) (system.Node, error) {
	c.Dir = filepath.Join(c.Dir, strconv.Itoa(c.ID))
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, err
	}
	n, err := s.Open(c)
	if err != nil {
		return nil, fmt.Errorf("open replica %d of %s: %w", c.ID, s.Name, err)
	}
	return n, nil
}
