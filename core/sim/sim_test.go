package sim

import (
	"errors"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// watched makes a world with all checkers, its script installed.
func watched(t *testing.T, o Options) *World {
	t.Helper()
	w := build(o.withDefaults())
	w.watch()
	if err := w.boot(); err != nil {
		t.Fatal(err)
	}
	if err := w.Install(Minute); err != nil {
		t.Fatal(err)
	}
	return w
}

// TestAtlasSparesTheLastCopies: no disk may be damaged while fewer than a majority of the others
// hold what is committed.
func TestAtlasSparesTheLastCopies(t *testing.T) {
	w := watched(t, Options{Seed: 1})
	leader := w.Leader()
	away, stays := w.Hosts[0], w.Hosts[1]
	if away == leader {
		away = w.Hosts[2]
	} else if stays == leader {
		stays = w.Hosts[2]
	}
	w.Net.Isolate(away.ID)
	w.StartClients(DefaultWorkload(w))
	if err := w.Until(Minute, "answers", func() bool { return w.Report.Acked > 20 }); err != nil {
		t.Fatal(err)
	}
	for h, want := range map[*Host]bool{away: true, stays: false, leader: false} {
		if got := w.spare(h); got != want {
			t.Errorf("host %d, with host %d away: got %v, want %v", h.ID, away.ID, got, want)
		}
	}
	w.StopClients()
	w.Net.Heal()
	if err := w.converge(w.Hosts); err != nil {
		t.Fatal(err)
	}
	if err := w.Run(Second); err != nil {
		t.Fatal(err)
	}
	for _, h := range w.Hosts {
		if !w.spare(h) {
			t.Errorf("host %d cannot be spared, though the others hold everything", h.ID)
		}
	}
	leader.suspect = true
	if w.spare(stays) {
		t.Errorf("host %d can be spared, though the disk of host %d is damaged", stays.ID, leader.ID)
	}
}

// cutting is a network that nobody can heal.
type cutting struct{ Bystander }

// Sent implements Observer.
func (cutting) Sent(h *Host, m *core.Message) {
	if h.w.now > 10*Second {
		h.w.Net.Cut(h.ID, m.To)
	}
}

// TestLivenessIsDemanded: a majority that does not get on is a failure.
func TestLivenessIsDemanded(t *testing.T) {
	o := Run(Options{Seed: 1, Span: 12 * Second, Schedule: Schedule{}}, cutting{})
	if !errors.Is(o.Err, ErrStuck) || o.Rule() != "liveness" {
		t.Errorf("got %v", o.Err)
	}
}
