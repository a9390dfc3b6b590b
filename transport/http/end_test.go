package http

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// TestNoRequestBeginsBehindTheEnd has requests come while the server ends: end waits for those that
// have begun, and the others are turned away.
func TestNoRequestBeginsBehindTheEnd(t *testing.T) {
	for range 100 {
		s, ended := &server{}, make(chan struct{})
		handler := s.counted(func(w http.ResponseWriter, _ *http.Request) {
			select {
			case <-ended:
				t.Error("a request was served behind the end")
			default:
			}
			w.WriteHeader(http.StatusOK)
		})
		var clients sync.WaitGroup
		for range 4 {
			clients.Go(func() {
				handler(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, helloPath, nil))
			})
		}
		s.end()
		close(ended)
		clients.Wait()
		w := httptest.NewRecorder()
		handler(w, httptest.NewRequest(http.MethodGet, helloPath, nil))
		if w.Code != http.StatusServiceUnavailable {
			t.Fatalf("behind the end: got status %d", w.Code)
		}
	}
}
