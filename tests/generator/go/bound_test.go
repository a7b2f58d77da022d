package tfs

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// serveThreads gives a server that answers as many calls at once as threads says, and how many it refused.
func serveThreads(t *testing.T, threads int, takes time.Duration, text string) (string, *atomic.Int64) {
	var underWay, refused atomic.Int64
	reply := answer("float32", []int{1}, varintsOf(floatVal, 0, 0, 0, 0))
	server := grpc.NewServer(grpc.ForceServerCodecV2(rawCodec{}), grpc.UnknownServiceHandler(
		func(_ any, stream grpc.ServerStream) error {
			defer underWay.Add(-1)
			if underWay.Add(1) > int64(threads) {
				refused.Add(1)
				return status.Error(codes.ResourceExhausted, text)
			}
			var request []byte
			if err := stream.RecvMsg(&request); err != nil {
				return err
			}
			time.Sleep(takes)
			return stream.SendMsg(written(reply))
		}))
	return listen(t, "tcp", "localhost:0", server), &refused
}

func TestAFullServerIsWaitedFor(t *testing.T) {
	for _, text := range []string{"", "Server Threadpool Exhausted"} {
		target, refused := serveThreads(t, 2, time.Millisecond, text)
		s, err := OpenModel(target, "m", nil, WithRetries(0), WithTimeout(2*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		var calls sync.WaitGroup
		for range 40 {
			calls.Go(func() {
				for range 10 {
					var y Tensor[float32]
					if _, err := s.Predict(context.Background(), sig, []Input{vector}, []Output{&y}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		calls.Wait()
		// Without a bound, it would be several times as many as there are calls.
		if n := refused.Load(); n == 0 || n > 800 {
			t.Errorf("%d of 400 calls were refused", n)
		}
		_ = s.Close()
	}
}

func TestOtherExhaustedResourcesAreErrors(t *testing.T) {
	target, refused := serveThreads(t, 0, 0, "OOM when allocating tensor")
	_, err := invoke(target, vector)
	var e *Error
	if !errors.As(err, &e) || e.Code != ResourceExhausted || refused.Load() != 1 {
		t.Error(refused.Load(), err)
	}
}

func TestAServerWithoutAThreadUntilTheDeadline(t *testing.T) {
	target, refused := serveThreads(t, 0, 0, "")
	var err error
	for range 10 { // the machine may not let it get so far
		refused.Store(0)
		if _, err = invoke(target, vector, WithTimeout(300*time.Millisecond)); refused.Load() > 1 {
			break
		}
	}
	var e *Error
	if !errors.As(err, &e) || e.Code != DeadlineExceeded || !errors.Is(err, context.DeadlineExceeded) ||
		!strings.Contains(e.Message, "--grpc_max_threads") || !strings.Contains(e.Message, "REST") {
		t.Error(err)
	}
	if n := refused.Load(); n < 2 || n > 20 { // after pauses that grow
		t.Errorf("it was sent %d times", n)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	time.AfterFunc(20*time.Millisecond, cancel)
	s, err := OpenModel(target, "m", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Predict(ctx, sig, []Input{vector}, []Output{new(Tensor[float32])})
	if !errors.As(err, &e) || e.Code != Canceled || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	_ = s.Close()
}

func TestABurstHalvesOnce(t *testing.T) {
	b, ctx := newBound(), context.Background()
	for range 8 {
		if _, ok := b.enter(ctx, false); !ok {
			t.Fatal("there is a bound before a refusal")
		}
	}
	for range 4 {
		b.leave(0, true)
	}
	if b.limit != 4 || b.bursts != 1 || b.underWay != 4 {
		t.Error(b.limit, b.bursts, b.underWay)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, ok := b.enter(ended, false); ok || b.waiting.Len() != 0 || b.underWay != 4 {
		t.Error("a call whose context ended has a place")
	}
	var order []int
	var mu sync.Mutex
	var calls sync.WaitGroup
	waits := func(number int, refused bool) {
		calls.Go(func() {
			bursts, _ := b.enter(ctx, refused)
			mu.Lock()
			order = append(order, number)
			mu.Unlock()
			b.leave(bursts, false)
		})
		for wanted := number; ; time.Sleep(time.Millisecond) {
			b.mu.Lock()
			n := b.waiting.Len()
			b.mu.Unlock()
			if n == wanted {
				return
			}
		}
	}
	waits(1, false)
	waits(2, true) // goes first
	b.leave(0, false)
	calls.Wait()
	if len(order) != 2 || order[0] != 2 || b.limit <= 4 || b.underWay != 3 {
		t.Error(order, b.limit, b.underWay)
	}
}
