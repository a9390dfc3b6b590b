// Package build knows what version of the program this is.
package build

import "runtime/debug"

// version is set by the Makefile, by -ldflags -X.
var version string

// Version names the version: the Makefile's, else the module's, else devel.
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "devel"
}
