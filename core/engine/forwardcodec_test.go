package engine

import (
	"errors"
	"reflect"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

func TestForwardedResultsSurvive(t *testing.T) {
	for _, want := range []core.Reply{
		{Index: 1, Result: core.Result{Value: []byte("value")}},
		{Index: 1 << 60, Result: core.Result{Value: []byte{}}},
		{Index: 7, Result: core.Result{Failure: &core.Failure{Code: "conflict", Message: "changed"}}},
		{Index: 8, Result: core.Result{Failure: &core.Failure{}}},
	} {
		var got core.Reply
		if err := decodeReply(AppendReply(nil, want.Index, want.Result), &got); err != nil {
			t.Fatalf("%+v: %v", want, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestRefusalsSurvive(t *testing.T) {
	for _, want := range []error{
		&core.NotLeaderError{}, &core.NotLeaderError{Leader: 1 << 40}, core.ErrBusy, core.ErrTooLarge,
	} {
		if got := decodeRefusal(appendRefusal(nil, want)); !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	if got := decodeRefusal(appendRefusal(nil, errors.New("other"))); !errors.Is(got, core.ErrBusy) {
		t.Errorf("an error without a number: got %v, want %v", got, core.ErrBusy)
	}
}

func FuzzForwardReply(f *testing.F) {
	f.Add(AppendReply(nil, 300, core.Result{Value: []byte("v")}))
	f.Add(AppendReply(nil, 300, core.Result{Failure: &core.Failure{Code: "c", Message: "m"}}))
	f.Add([]byte{1, replyFailed, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = decodeRefusal(data)
		var r core.Reply
		if decodeReply(data, &r) != nil {
			return
		}
		var again core.Reply
		if err := decodeReply(AppendReply(nil, r.Index, r.Result), &again); err != nil {
			t.Fatalf("re-encoded: %v", err)
		}
		if !reflect.DeepEqual(r, again) {
			t.Fatalf("got %+v, want %+v", again, r)
		}
	})
}
