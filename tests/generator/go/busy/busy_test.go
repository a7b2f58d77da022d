// Package busy calls a server that has fewer threads than there are calls.
package busy

import (
	"context"
	"os"
	"sync"
	"testing"

	"models/halfplustwo"
	"models/tfs"
)

func TestManyGoroutines(t *testing.T) {
	target := os.Getenv("TFSCLIENT_GRPC")
	if target == "" {
		t.Skip("no server is given")
	}
	client, err := halfplustwo.New(target, tfs.WithVerify(), tfs.WithRetries(0))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var calls sync.WaitGroup
	for i := range 64 {
		calls.Go(func() {
			for range 10 {
				in := halfplustwo.ServingDefaultInput{X: tfs.NewTensor([]float32{float32(i)}, 1, 1)}
				out, err := client.ServingDefault(context.Background(), in)
				if err != nil || out.Y.Data[0] != float32(i)/2+3 {
					t.Error(out, err)
				}
			}
		})
	}
	calls.Wait()
}
