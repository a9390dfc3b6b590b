package bbolt

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// childDir names, to a copy of this program, the directory to write to until it is killed.
const childDir = "TIDELOCK_BBOLT_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Println(writeForEver(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeForEver goes on where the store is, and says so after each Write.
func writeForEver(dir string) error {
	s, err := Open(dir, small())
	if err != nil {
		return err
	}
	n := 0
	if st, err := s.State(1); err == nil {
		n = int(st.Last.Index) + 1
	}
	for ; ; n++ {
		one, two := update(n), update(n)
		two.Group = 2
		if err := s.Write([]core.Update{one, two}); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// TestKilledProcessesLoseNothing kills a process that writes, again and again: what it has
// acknowledged is there, and what it has not is there as a whole or not at all.
func TestKilledProcessesLoseNothing(t *testing.T) {
	dir := t.TempDir()
	for life := range 12 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childDir+"="+dir)
		out, err := child.StdoutPipe()
		if err == nil {
			err = child.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		last, lines := -1, bufio.NewScanner(out)
		for count := 0; lines.Scan(); count++ {
			if _, err := fmt.Sscan(lines.Text(), &last); err != nil {
				t.Fatalf("the process says %q", lines.Text())
			}
			if count == 3+7*life {
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = child.Wait() // it was killed
		s := mustOpen(t, dir)
		a := mustLook(t, s)
		if st := a.State; int(st.Last.Index) < last || int(st.Last.Index) > last+1 ||
			int(st.Hard.Term) != int(st.Last.Index) {
			t.Fatalf("life %d: %d was acknowledged, the store holds %v", life, last, st)
		}
		twin, err := s.State(2)
		if err != nil || twin.Hard != a.State.Hard {
			t.Fatalf("life %d: half of a batch: %v beside %v, %v", life, twin.Hard, a.State.Hard, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
