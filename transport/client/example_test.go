package client_test

import (
	"context"
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/api/native"
	"github.com/tidelock-raft/tidelock/transport/client"
)

func Example() {
	service := &node{id: 1} // a real program serves a node of core/node
	service.set(service.echo)
	server, err := native.Serve(native.Config{}, service)
	if err != nil {
		panic(err)
	}
	defer server.Close()

	c, err := client.New(client.Config{Endpoints: []string{server.Addr()}, NoSession: true})
	if err != nil {
		panic(err)
	}
	defer c.Close()
	reply, err := c.Do(context.Background(), client.Request{
		Kind: core.RequestCommand, Data: []byte("OK"),
	})
	fmt.Printf("%s leader=%d index=%d %v\n", reply.Value, reply.Leader, reply.Index, err)
	// Output: OK leader=1 index=9 <nil>
}
