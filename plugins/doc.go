// Package plugins is the list of what can be chosen by name when a node starts: transports, stores
// and machines.
//
// A plugin registers itself from the init of its package, in a file named plugin.go, and is built
// into a program by a blank import of that package:
//
//	type Config struct {
//		Birds  int           `help:"how many are kept" default:"12"`
//		Window plugins.Bytes `help:"how much is on its way to one peer" default:"16MiB"`
//	}
//
//	func init() {
//		plugins.RegisterTransport("pigeon", func(e plugins.Env, c Config) (core.Transport, error) {
//			return Open(e.Node, c, e.Inbox)
//		})
//	}
//
// The fields of the struct are the plugin's options; see Option. The package keeps no state but
// the list: what is opened belongs to whom it was opened for.
//
// Read next: package plugins/standard, the list of imports that the programs here are built with.
package plugins
