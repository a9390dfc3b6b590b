package node

import "sync"

// goroutines are lanes that are goroutines. A lane's goroutine is started with its first job and
// ends in close.
type goroutines struct {
	give func(func()) // gives a done function to the handler

	mu     sync.Mutex
	lanes  map[Lane]chan struct{} // holds one element while the lane has jobs
	jobs   map[Lane][]func() func()
	closed bool
	group  sync.WaitGroup
}

func newGoroutines(give func(func())) *goroutines {
	return &goroutines{
		give: give, lanes: make(map[Lane]chan struct{}), jobs: make(map[Lane][]func() func()),
	}
}

// Go implements Lanes. After close, jobs run on the caller's goroutine: they only release things.
func (g *goroutines) Go(l Lane, job func() func()) {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		job()
		return
	}
	defer g.mu.Unlock()
	wake, ok := g.lanes[l]
	if !ok {
		wake = make(chan struct{}, 1)
		g.lanes[l] = wake
		g.group.Add(1)
		go g.run(l, wake) // ended by close
	}
	g.jobs[l] = append(g.jobs[l], job)
	select {
	case wake <- struct{}{}:
	default:
	}
}

func (g *goroutines) run(l Lane, wake chan struct{}) {
	defer g.group.Done()
	for range wake {
		for {
			g.mu.Lock()
			jobs := g.jobs[l]
			g.jobs[l] = nil
			g.mu.Unlock()
			if len(jobs) == 0 {
				break
			}
			for _, job := range jobs {
				if done := job(); done != nil {
					g.give(done)
				}
			}
		}
	}
}

// close lets every lane finish the jobs it has and ends the goroutines.
func (g *goroutines) close() {
	g.mu.Lock()
	g.closed = true
	for _, wake := range g.lanes {
		close(wake)
	}
	g.mu.Unlock()
	g.group.Wait()
}
