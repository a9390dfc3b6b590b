package http_test

import (
	"testing"

	"github.com/tidelock-raft/tidelock/transport/http"
	"github.com/tidelock-raft/tidelock/transport/link/linktest"
)

func TestConformance(t *testing.T) { linktest.Run(t, http.Open) }
