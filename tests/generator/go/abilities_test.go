package tfs

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// model is a model on a connection of its own.
func model(t *testing.T, target string, opts ...Option) *Model {
	t.Helper()
	m, err := OpenModel(target, "m", []*Signature{sig}, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// calls are all that a client of a model can do.
func calls(m *Model) map[string]func(context.Context, ...CallOption) error {
	examples := []Example{{"x": Floats(1)}, {"x": Floats(2)}}
	inferred := &Signature{Name: "c", Kind: "classify"}
	m.signatures = append(m.signatures, inferred)
	return map[string]func(context.Context, ...CallOption) error{
		"predict": func(ctx context.Context, opts ...CallOption) error {
			_, err := m.Predict(ctx, sig, []Input{vector}, []Output{new(Tensor[float32])}, opts...)
			return err
		},
		"batches": func(ctx context.Context, opts ...CallOption) error {
			opts = append(opts, WithBatches(1, 3))
			_, err := m.Predict(ctx, sig, []Input{NewTensor(make([]float32, 9))}, []Output{new(Tensor[float32])}, opts...)
			return err
		},
		"classify": func(ctx context.Context, opts ...CallOption) error {
			_, err := m.Classify(ctx, inferred, examples, nil, opts...)
			return err
		},
		"multi-inference": func(ctx context.Context, opts ...CallOption) error {
			_, err := m.MultiInference(ctx, MultiInferenceInput{Signatures: []string{"c"}, Examples: examples}, opts...)
			return err
		},
		"status": func(ctx context.Context, opts ...CallOption) error {
			_, err := m.Status(ctx, opts...)
			return err
		},
		"metadata": func(ctx context.Context, opts ...CallOption) error {
			_, err := m.Metadata(ctx, opts...)
			return err
		},
		"wait": func(ctx context.Context, opts ...CallOption) error {
			_, err := m.WaitUntilReady(ctx, opts...)
			return err
		},
	}
}

func TestWhateverAServerDoesCallsEndInTimeWithAnError(t *testing.T) {
	stuck := make(chan struct{})
	servers := map[string]string{}
	var atEnd []func()
	for what, behave := range map[string]http.HandlerFunc{
		"is a black hole": func(http.ResponseWriter, *http.Request) { <-stuck },
		"hangs up":        func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"sends HTML":      func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"sends nothing":   func(http.ResponseWriter, *http.Request) {},
		"sends null":      func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "null") },
		"fails":           func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
	} {
		server := httptest.NewServer(behave)
		server.Config.ErrorLog = nil
		servers[what] = server.URL
		atEnd = append(atEnd, server.Close)
	}
	servers["sends garbage"], _ = serveGRPC(t, []byte{0xff, 0xff, 0xff}, nil)
	servers["sends what is cut short"], _ = serveGRPC(t, []byte("\x0a\x30abc"), nil)
	servers["never answers"], _ = serveGRPC(t, nil, context.DeadlineExceeded)
	before := runtime.NumGoroutine()
	for what, target := range servers {
		m, err := OpenModel(target, "m", []*Signature{sig})
		if err != nil {
			t.Fatal(err)
		}
		for name, call := range calls(m) {
			started := time.Now()
			err := call(context.Background(), WithTimeout(100*time.Millisecond), WithRetries(0))
			var e *Error
			if !errors.As(err, &e) || e.Target != target || e.Model != "m" {
				t.Errorf("%s of a server that %s: %v", name, what, err)
			}
			if took := time.Since(started); took > 30*time.Second {
				t.Errorf("%s of a server that %s took %v", name, what, took)
			}
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	close(stuck)
	for _, end := range atEnd {
		end()
	}
	for wait := 0; runtime.NumGoroutine() > before && wait < 3000; wait++ {
		time.Sleep(10 * time.Millisecond)
	}
	if now := runtime.NumGoroutine(); now > before {
		stacks := make([]byte, 1<<16)
		t.Errorf("%d goroutines are left of %d: %s", now, before, stacks[:runtime.Stack(stacks, true)])
	}
}

func TestMetadataThatIsEmptyIsRefused(t *testing.T) {
	for _, err := range []error{
		second(readMetadataAnswer(`{"metadata": {}}`)), second(readMetadataResponse(nil)), second(readStatusAnswer(`{}`)),
	} {
		if !errors.Is(err, ErrBadAnswer) {
			t.Error(err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestCloseEndsEveryCall(t *testing.T) {
	target, _ := serveGRPC(t, nil, context.DeadlineExceeded)
	for name := range calls(model(t, target)) {
		m := model(t, target)
		call := calls(m)[name]
		time.AfterFunc(20*time.Millisecond, func() { _ = m.Close() })
		var e *Error
		if err := call(t.Context()); !errors.As(err, &e) || e.Code != Canceled || e.Message != "the client is closed" && !strings.HasSuffix(e.Message, "the client is closed") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTokensAndHeaders(t *testing.T) {
	web, request := serveREST(t, 200, `{"outputs": [3.0]}`)
	target, md := serveGRPC(t, answer("float32", []int{1}), nil)
	for target, sent := range map[string]func(string) string{
		web: func(name string) string { return request.Header.Get(name) },
		target: func(name string) string {
			return strings.Join(md.Get(name), "|")
		},
	} {
		asked := 0
		m := model(t, target, WithToken(func(ctx context.Context) (string, error) {
			if _, bounded := ctx.Deadline(); !bounded {
				t.Error("the context of the call has no deadline")
			}
			asked++
			return fmt.Sprint("token-", asked), nil
		}))
		for i := range 2 {
			if err := predict(m, WithHeader("X-Trace", "abc")); err != nil {
				t.Fatal(err)
			}
			if got, want := sent("authorization"), fmt.Sprint("Bearer token-", i+1); got != want || sent("x-trace") != "abc" {
				t.Errorf("%q, not %q", got, want)
			}
		}
		expired := errors.New("expired")
		err := predict(m, WithToken(func(context.Context) (string, error) { return "", expired }))
		var e *Error
		if !errors.As(err, &e) || e.Code != Unauthenticated || !errors.Is(err, expired) || !errors.Is(err, ErrNotSent) {
			t.Error(err)
		}
		err = predict(m, WithTimeout(20*time.Millisecond), WithToken(func(ctx context.Context) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}))
		if !errors.As(err, &e) || e.Code != DeadlineExceeded || !errors.Is(err, ErrNotSent) {
			t.Error(err)
		}
		for _, wrong := range []string{"s3cret\n", ""} {
			err = predict(m, WithToken(func(context.Context) (string, error) { return wrong, nil }))
			if !errors.As(err, &e) || e.Code != InvalidArgument || !errors.Is(err, ErrNotSent) || strings.Contains(err.Error(), "s3cret") {
				t.Error(err)
			}
		}
		for _, h := range []header{{"a b", ""}, {"x", "s3cret\n"}, {"x", " s3cret"}, {"Content-Length", "1"}, {"grpc-timeout", "1S"}} {
			if err := predict(m, WithHeader(h.key, h.value)); !errors.Is(err, ErrNotSent) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%q: %v", h, err)
			}
		}
		if err := predict(m, WithHeader("x-bin", "\xff\x00")); err != nil {
			t.Error(err)
		}
	}
	if got := request.Header.Get("x-bin"); got != "/wA=" || md.Get("x-bin")[0] != "\xff\x00" {
		t.Errorf("%q %q", got, md.Get("x-bin"))
	}
}

func TestGzipOnTheWire(t *testing.T) {
	web, request := serveREST(t, 200, `{"outputs": [3.0]}`)
	var told CallInfo
	onCall := WithOnCall(func(_ context.Context, info CallInfo) { told = info })
	if _, err := invoke(web, vector, WithGzip(), onCall); err != nil {
		t.Fatal(err)
	}
	body, err := gzip.NewReader(request.Body)
	if err != nil || request.Header.Get("Content-Encoding") != "gzip" {
		t.Fatal(request.Header, err)
	}
	sent, err := io.ReadAll(body)
	if want := `{"signature_name":"sig","inputs":{"x":[1.0]}}`; err != nil || string(sent) != want || told.RequestBytes != len(want) {
		t.Error(string(sent), told.RequestBytes, err)
	}
	target, _ := serveGRPC(t, answer("float32", []int{1}), nil)
	if _, err := invoke(target, vector, WithGzip()); !errors.Is(err, ErrNotSent) || !strings.Contains(err.Error(), "import _") {
		t.Error(err)
	}
}

func TestAServerThatSpeaksFirstIsNotREST(t *testing.T) {
	e := hints{target: "h:8500"}.rest(&Error{Code: Unavailable, Message: "Post: readLoopPeekFailLocked: %!w(<nil>)"})
	if !strings.HasPrefix(e.Message, "Post: malformed HTTP response; if that is TensorFlow Serving's gRPC port") {
		t.Error(e)
	}
}

func TestAnswersMayBeCompressed(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			t.Error(r.Header)
		}
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(zipped([]byte(`{"outputs": [3.0]}`)))
	}))
	t.Cleanup(server.Close)
	for _, opts := range [][]Option{nil, {WithHTTPClient(new(http.Client))}} {
		if y, err := invoke(server.URL, vector, opts...); err != nil || y.Data[0] != 3 {
			t.Error(y, err)
		}
	}
}

func TestAnswersInOtherEncodings(t *testing.T) {
	body := string(zipped([]byte("plain")))
	for _, encoding := range []string{"gzip", "GZIP", "x-gzip"} {
		if plain, err := decoded(encoding, body, 5); plain != "plain" || err != nil {
			t.Error(encoding, plain, err)
		}
	}
	var e *Error
	if _, err := decoded("gzip", body, 4); !errors.As(err, &e) || e.Code != ResourceExhausted {
		t.Error(err)
	}
	if _, err := decoded("br", body, 5); !errors.Is(err, ErrBadAnswer) || !strings.Contains(err.Error(), `"br"`) {
		t.Error(err)
	}
}

func TestBatchesAreBoundedAndEndTogether(t *testing.T) {
	var underWay, most, served atomic.Int64
	var fails atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		now := underWay.Add(1)
		defer underWay.Add(-1)
		for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
		}
		number, takes := served.Add(1), time.After(5*time.Millisecond)
		if fails.Load() && number == 2 {
			w.WriteHeader(500)
			return
		}
		if fails.Load() && number > 2 {
			takes = nil // for ever: what fails ends the others
		}
		select {
		case <-takes:
		case <-r.Context().Done():
		}
		_, values, _ := strings.Cut(string(body), `"x":`)
		_, _ = io.WriteString(w, `{"outputs": `+strings.TrimSuffix(values, "}}")+`}`)
	}))
	t.Cleanup(server.Close)
	m := model(t, server.URL)
	data := make([]float32, 25)
	for i := range data {
		data[i] = float32(i)
	}
	run := func(opts ...CallOption) (Tensor[float32], error) {
		var y Tensor[float32]
		_, err := m.Predict(t.Context(), sig, []Input{NewTensor(data)}, []Output{&y}, opts...)
		return y, err
	}
	y, err := run(WithBatches(2, 3))
	if err != nil || fmt.Sprint(y.Data) != fmt.Sprint(data) || served.Load() != 13 || most.Load() > 3 {
		t.Error(y, served.Load(), most.Load(), err)
	}
	served.Store(0)
	fails.Store(true)
	_, err = run(WithBatches(1, 2))
	var e *Error
	if !errors.As(err, &e) || e.Code != Internal || !strings.HasPrefix(e.Message, "row ") || served.Load() > 5 {
		t.Error(served.Load(), err)
	}
	for _, bad := range []CallOption{WithBatches(0, 1), WithBatches(1, 0)} {
		if _, err := run(bad); !errors.Is(err, ErrNotSent) {
			t.Error(err)
		}
	}
}

func TestWaitingForWhatIsNotThereYet(t *testing.T) {
	var mu sync.Mutex
	var answers []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if answers[0] == "" {
			w.WriteHeader(404)
		}
		_, _ = io.WriteString(w, answers[0])
		answers = answers[min(1, len(answers)-1):]
	}))
	t.Cleanup(server.Close)
	status := func(state, code string) string {
		return fmt.Sprintf(`{"model_version_status": [{"version": "3", "state": %q, "status": {"error_code": %q, "error_message": "why"}}]}`, state, code)
	}
	m := model(t, server.URL)
	answers = []string{"", status("LOADING", "OK"), status("AVAILABLE", "OK")}
	if ready, err := m.WaitUntilReady(t.Context()); err != nil || ready.Version != 3 || ready.State != StateAvailable {
		t.Error(ready, err)
	}
	answers = []string{status("END", "NOT_FOUND")}
	_, err := m.WaitUntilReady(t.Context())
	var e *Error
	if !errors.As(err, &e) || e.Code != NotFound || e.Message != "version 3 did not load: why" || e.Target != server.URL {
		t.Error(err)
	}
	answers = []string{status("LOADING", "OK")}
	for range 10 { // the machine may not let it get so far
		if _, err = m.WaitUntilReady(t.Context(), WithTimeout(300*time.Millisecond)); strings.Contains(err.Error(), "LOADING") {
			break
		}
	}
	if !errors.As(err, &e) || e.Code != DeadlineExceeded || !strings.HasSuffix(e.Message, "version 3 is LOADING") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err = m.WaitUntilReady(ctx); !errors.As(err, &e) || e.Code != Canceled || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestAServerThatExpectsTLSIsGuessed(t *testing.T) {
	web := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	certificate := credentials.NewServerTLSFromCert(&web.TLS.Certificates[0])
	target, _ := serveGRPC(t, nil, nil, grpc.Creds(certificate))
	plain, _ := serveGRPC(t, nil, nil)
	rest := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(rest.Close)
	for target, hint := range map[string]string{
		target:                 "if the server expects TLS, write grpcs://" + target,
		"http://" + target:     "if the server expects TLS, write https://" + target,
		"grpcs://" + plain:     "if the port does not speak TLS, write " + plain,
		"https" + rest.URL[4:]: "if the port does not speak TLS, write " + rest.URL,
		"https://" + plain:     "if the port does not speak TLS, write http://" + plain,
		"no-such.invalid:1":    "the host is unknown",
	} {
		_, err := invoke(target, vector, WithRetries(0))
		var e *Error
		if !errors.As(err, &e) || e.Code != Unavailable || !strings.Contains(e.Message, hint) {
			t.Errorf("%s: %v", target, err)
		}
	}
}
