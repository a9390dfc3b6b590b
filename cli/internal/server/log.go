package server

import (
	"io"
	"log/slog"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
)

// NewLogger makes the logger of a node: level debug, info, warn or error, format text or json.
// Errors are exit.ErrUsage.
func NewLogger(w io.Writer, level, format string) (*slog.Logger, error) {
	var options slog.HandlerOptions
	switch level {
	case "debug":
		options.Level = slog.LevelDebug
	case "", "info":
		options.Level = slog.LevelInfo
	case "warn":
		options.Level = slog.LevelWarn
	case "error":
		options.Level = slog.LevelError
	default:
		return nil, exit.Usagef("--log-level is %q, want debug, info, warn or error", level)
	}
	switch format {
	case "", "text":
		return slog.New(slog.NewTextHandler(w, &options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, &options)), nil
	}
	return nil, exit.Usagef("--log-format is %q, want text or json", format)
}
