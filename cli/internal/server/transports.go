package server

import (
	"net"
	"slices"
	"strings"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/plugins"
	"github.com/tidelock-raft/tidelock/transport/several"
	"github.com/tidelock-raft/tidelock/transport/trace"
)

// transportNames are those of the transports that run, in order.
func (c Config) transportNames() []string {
	var names []string
	for _, transport := range c.Transports {
		names = append(names, transport.Name)
	}
	return names
}

// carrier returns which transport an address belongs to, and its place there.
func (c Config) carrier(flag, address string) (int, core.Addr, error) {
	at := 0
	name, place := core.Addr(address).Split()
	if name != "" {
		if at = slices.Index(c.transportNames(), name); at < 0 {
			return 0, "", exit.Usagef("--%s: transport %s of %s does not run; there are: %s", flag, name,
				address, strings.Join(c.transportNames(), ", "))
		}
	}
	if err := checkAddress(string(place)); err != nil {
		return 0, "", exit.Usagef("--%s: %q %w", flag, address, err)
	}
	return at, place, nil
}

// listening reads where each transport is to listen; nothing is said of those that are left empty.
func (c Config) listening() ([]core.Addr, error) {
	names := c.transportNames()
	listen := make([]core.Addr, len(names))
	for i, name := range names {
		if slices.Index(names, name) < i {
			return nil, exit.Usagef("--transport: %s is there twice", name)
		}
	}
	for _, part := range split(c.Listen) {
		at, place, err := c.carrier("listen", strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		if listen[at] != "" {
			return nil, exit.Usagef("--listen: transport %s is to listen on %s and on %s; say one",
				names[at], listen[at], place)
		}
		listen[at] = place
	}
	return listen, nil
}

// checkListening makes sure that each transport has an address of its own.
func (c Config) checkListening() error {
	for i, name := range c.transportNames() {
		if c.listen[i] == "" {
			return exit.Usagef("--listen: say where transport %s listens, beside %s: "+
				"--listen %s,%s://HOST:PORT", name, c.Transports[0].Name, c.listen[0], name)
		}
		for j, other := range c.listen[:i] {
			if collide(string(other), string(c.listen[i])) {
				return exit.Usagef("--listen: transports %s and %s are both to listen on %s; each needs "+
					"a port of its own", c.Transports[j].Name, name, c.listen[i])
			}
		}
	}
	return nil
}

// collide reports whether only one can listen on both of two valid addresses.
func collide(a, b string) bool {
	_, portA, _ := net.SplitHostPort(a)
	_, portB, _ := net.SplitHostPort(b)
	hostA, hostB := hostOf(a), hostOf(b)
	return portA == portB && portA != "0" && (hostA == hostB || hostA == "" || hostB == "")
}

// peersAt writes where the node listens for peers, as --listen does.
func (c Config) peersAt() string {
	text := string(c.listen[0])
	for i, place := range c.listen[1:] {
		text += "," + c.Transports[i+1].Name + "://" + string(place)
	}
	return text
}

// openTransport opens all transports, as one.
func (c Config) openTransport(env plugins.Env, inbox core.Inbox) (core.Transport, error) {
	var parts []several.Part
	for i, choice := range c.Transports {
		env := env
		env.Listen = c.listen[i]
		if len(c.Transports) > 1 {
			env.Log = env.Log.With("transport", choice.Name)
		}
		parts = append(parts, several.Part{
			Name: choice.Name, Open: func(inbox core.Inbox) (core.Transport, error) {
				env.Inbox = inbox
				return plugins.OpenTransport(choice.Name, env, choice.Options)
			},
		})
	}
	if !c.TraceRPC {
		return several.Open(parts, inbox, c.Log)
	}
	show := trace.Log(c.Log)
	transport, err := several.Open(parts, trace.Inbox(inbox, show), c.Log)
	if err != nil {
		return nil, err
	}
	return trace.Transport(transport, show), nil
}
