package tfs

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/status"
)

func TestGRPCRequest(t *testing.T) {
	target, seen := serveGRPC(t, answer("float32", []int{1}, varintsOf(floatVal, 0, 0, 0, 0)), nil)
	y, err := invoke("grpc://"+target, vector, WithHeader("Authorization", "yes"))
	if err != nil || len(y.Data) != 1 {
		t.Fatal(y, err)
	}
	for key, want := range map[string]string{
		"method": predictionService + "Predict", "authorization": "yes", "content-type": "application/grpc+proto",
	} {
		if got := seen.Get(key); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q", key, got)
		}
	}
}

func TestGRPCStatusesAreErrors(t *testing.T) {
	for number := codes.Canceled; number <= codes.Unauthenticated+1; number++ {
		cause := status.Error(number, "why")
		target, _ := serveGRPC(t, nil, cause)
		_, err := invoke(target, vector)
		var e *Error
		if !errors.As(err, &e) || e.Message != "why" || status.Code(e) != number {
			t.Errorf("%v: %v", number, err)
		}
		// gRPC spells its codes as one word.
		want := strings.ToUpper(strings.ReplaceAll(number.String(), "Canceled", "CANCELLED"))
		if got := strings.ReplaceAll(string(e.Code), "_", ""); got != want && number <= codes.Unauthenticated {
			t.Errorf("%v: %v", number, e.Code)
		}
	}
}

func TestLargeMessagesPass(t *testing.T) {
	const size = 8 << 20
	target, _ := serveGRPC(t, answer("float32", []int{size / 4}, appendChunk(nil, tensorContent, make([]byte, size))), nil)
	if y, err := invoke(target, NewTensor(make([]float32, size/4))); err != nil || len(y.Data) != size/4 {
		t.Error(err)
	}
}

func TestTargetsOfOtherSchemes(t *testing.T) {
	reply := answer("float32", []int{1}, varintsOf(floatVal, 0, 0, 0, 0))
	target, _ := serveGRPC(t, reply, nil)
	_, port, _ := net.SplitHostPort(target)
	own := manual.NewBuilderWithScheme("kubernetes")
	own.InitialState(resolver.State{Addresses: []resolver.Address{{Addr: target}}})
	socket := filepath.Join(t.TempDir(), "s")
	serveGRPCAt(t, "unix", socket, reply)
	for _, name := range []string{
		":" + port, "grpc://:" + port, "dns:///" + target, "dns:" + target, "passthrough:///" + target,
		"unix:" + socket, "unix://" + socket, "kubernetes:///ns/svc", "GRPC://" + target + "/",
	} {
		if _, err := invoke(name, vector, WithDialOptions(grpc.WithResolvers(own))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAllReplicasAreCalled(t *testing.T) {
	reply := answer("float32", []int{1}, varintsOf(floatVal, 0, 0, 0, 0))
	one, seenByOne := serveGRPC(t, reply, nil)
	other, seenByOther := serveGRPC(t, reply, nil)
	named := manual.NewBuilderWithScheme("named")
	named.InitialState(resolver.State{Addresses: []resolver.Address{{Addr: one}, {Addr: other}}})
	for _, target := range []string{one + "," + other, "grpc://" + one + ", " + other + ",127.0.0.1:1", "named:///x"} {
		s, err := OpenModel(target, "m", nil, WithDialOptions(grpc.WithResolvers(named)))
		if err != nil {
			t.Fatal(err)
		}
		*seenByOne, *seenByOther = nil, nil
		for i := 0; i < 50 || i < 20_000 && (len(*seenByOne) == 0 || len(*seenByOther) == 0); i++ {
			if _, err := s.Predict(context.Background(), sig, []Input{vector}, []Output{new(Tensor[float32])}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		if len(*seenByOne) == 0 || len(*seenByOther) == 0 {
			t.Errorf("%s: one replica has all calls", target)
		}
		_ = s.Close()
	}
}
