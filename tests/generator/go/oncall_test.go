package tfs

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"
)

// hook is a function for WithOnCall that remembers what it is told.
type hook struct {
	mu   sync.Mutex
	told []string
}

func (h *hook) onCall(_ context.Context, info CallInfo) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told = append(h.told, fmt.Sprintf("%s %s/%s %s", info.Method, info.Model, info.Signature, info.Code))
}

func (h *hook) take() string {
	defer func() { h.told = nil }()
	return strings.Join(h.told, ", ")
}

func TestAHookIsToldOfEachRequest(t *testing.T) {
	classify := &Signature{Name: "c", Kind: "classify"}
	fake := Fake{Model: "m", Answer: func(_ context.Context, call *FakeCall) error {
		if call.Signature == classify {
			return call.Classes(make([][]Class, len(call.Examples)), nil)
		}
		var x Tensor[float32]
		if err := call.Inputs(&x); err != nil {
			return err
		}
		return call.Outputs(0, x)
	}}
	h := new(hook)
	m := DialFake(fake).Model("m", []*Signature{sig, classify}, WithVerify(), WithOnCall(h.onCall))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	noToken := WithToken(func(context.Context) (string, error) { return "", errors.New("expired") })
	batch := []Input{NewTensor(make([]float32, 3))}
	examples := []Example{{"x": Floats(1)}, {"x": Floats(2)}}
	send := func(ctx context.Context, inputs []Input, opts ...CallOption) error {
		_, err := m.Predict(ctx, sig, inputs, []Output{new(Tensor[float32])}, opts...)
		return err
	}
	const predict, metadata, status = "Predict m/sig OK", "GetModelMetadata m/ OK", "GetModelStatus m/ OK"
	for _, c := range []struct {
		want string
		err  error
	}{
		{metadata + ", " + predict, send(t.Context(), batch)},
		{predict + ", " + predict, send(t.Context(), batch, WithBatches(2, 1))},
		{"", send(t.Context(), []Input{NewTensor([]float32{1}, 1, 1)})},
		{"", send(t.Context(), batch, WithTimeout(-1))},
		{"", send(t.Context(), batch, noToken)},
		{"", send(ended, batch)},
		{"MultiInference m/ OK", second(m.MultiInference(t.Context(), MultiInferenceInput{Signatures: []string{"c"}, Examples: examples}))},
		{metadata + ", " + status, second(m.Status(t.Context(), WithLabel("stable")))},
		{metadata, second(m.Metadata(t.Context()))},
		{status, second(m.WaitUntilReady(t.Context()))},
	} {
		// The calls were made in this order before the first is looked at.
		if want := c.want; want != "" && c.err != nil {
			t.Errorf("%s: %v", want, c.err)
		} else if want == "" && !errors.Is(c.err, ErrNotSent) {
			t.Error(c.err)
		}
		for _, one := range strings.Split(c.want, ", ") {
			if one == "" {
				continue
			}
			if len(h.told) == 0 || h.told[0] != one {
				t.Fatalf("%q, not %q", h.take(), one)
			}
			h.told = h.told[1:]
		}
	}
	if rest := h.take(); rest != "" {
		t.Error(rest)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if err := send(t.Context(), batch); !errors.Is(err, ErrNotSent) || h.take() != "" {
		t.Error(err)
	}
}

func TestAHookThatIsNotSetCostsNothing(t *testing.T) {
	c, ctx := &call{}, context.Background()
	send := func() error { return nil }
	if n := testing.AllocsPerRun(100, func() { _ = c.tell(ctx, "Predict", nil, send) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestTheHookKeepsTheErrorAsItWas(t *testing.T) {
	web, _ := serveREST(t, 500, `{"error": "why"}`)
	var told error
	m := model(t, web, WithRetries(0), WithOnCall(func(_ context.Context, info CallInfo) { told = info.Err }))
	_, err := m.Predict(t.Context(), sig, []Input{NewTensor(make([]float32, 3))}, []Output{new(Tensor[float32])}, WithBatches(2, 1))
	var whole, part *Error
	if !errors.As(err, &whole) || !errors.As(told, &part) || whole.Message != "rows 0 to 1: why" || part.Message != "why" || part.Signature != "sig" {
		t.Error(err, told)
	}
}

func TestWhatIsGivenCloserToTheCallGoesFirst(t *testing.T) {
	web, request := serveREST(t, 200, `{"outputs": [3.0]}`)
	target, md := serveGRPC(t, answer("float32", []int{1}), nil)
	token := func(name string) CallOption {
		return WithToken(func(context.Context) (string, error) { return name, nil })
	}
	basic := func(name string) CallOption { return WithHeader("Authorization", name) }
	for target, sent := range map[string]func() []string{
		web:    func() []string { return request.Header.Values("authorization") },
		target: func() []string { return md.Get("authorization") },
	} {
		conn, err := Dial(target, basic("dial"), token("dial"))
		if err != nil {
			t.Fatal(err)
		}
		for want, m := range map[string]*Model{
			"Bearer dial": conn.Model("m", nil),
			"client":      conn.Model("m", nil, basic("client")),
			"Bearer both": conn.Model("m", nil, token("both"), basic("client")),
		} {
			for want, opts := range map[string][]CallOption{
				want:          nil,
				"call":        {basic("call")},
				"Bearer call": {token("call")},
				"Bearer one":  {token("one"), basic("other")},
			} {
				if err := predict(m, opts...); err != nil || strings.Join(sent(), "|") != want {
					t.Errorf("%q, not %q: %v", sent(), want, err)
				}
			}
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestHostileArgumentsAreErrors(t *testing.T) {
	web, _ := serveREST(t, 200, `{"outputs": [3.0]}`)
	target, _ := serveGRPC(t, answer("float32", []int{1}), nil)
	var none context.Context
	for _, target := range []string{web, target, "fake"} {
		m := DialFake(Fake{Model: "m"}).Model("m", []*Signature{sig})
		if target != "fake" {
			m = model(t, target, WithToken(nil), WithOnCall(nil), WithTLS(nil), WithHTTPClient(nil))
		}
		for name, call := range calls(m) {
			for _, err := range []error{call(none), call(t.Context(), nil), call(t.Context(), WithTimeout(-1)), call(t.Context(), WithRetries(-1)), call(t.Context(), WithLabel(""))} {
				if !errors.Is(err, ErrNotSent) {
					t.Errorf("%s to %s: %v", name, target, err)
				}
			}
		}
		if err := predict(m, WithTimeout(math.MaxInt64)); target != "fake" && err != nil {
			t.Error(target, err)
		}
		ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
		_, err := m.Status(ctx)
		cancel()
		var e *Error
		if !errors.As(err, &e) || e.Code != DeadlineExceeded || !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	}
	if _, err := OpenModel(web, "m", nil, nil); !errors.Is(err, ErrNotSent) {
		t.Error(err)
	}
	if _, err := Dial(web, nil); !errors.Is(err, ErrNotSent) {
		t.Error(err)
	}
}
