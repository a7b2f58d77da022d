package tfs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

func TestTLS(t *testing.T) {
	web := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"outputs": [3.0]}`)
	}))
	t.Cleanup(web.Close)
	trusting := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "example.com"}
	trusting.RootCAs.AddCert(web.Certificate())
	target, _ := serveGRPC(t, answer("float32", []int{1}), nil, grpc.Creds(credentials.NewServerTLSFromCert(&web.TLS.Certificates[0])))
	for _, target := range []string{web.URL, "grpcs://" + target, target} {
		if _, err := invoke(target, vector, WithTLS(trusting)); err != nil {
			t.Errorf("%s: %v", target, err)
		}
	}
	if _, err := invoke(web.URL, vector, WithHTTPClient(web.Client())); err != nil {
		t.Error(err)
	}
	for _, target := range []string{web.URL, "grpcs://" + target} {
		var e *Error
		if _, err := invoke(target, vector); !errors.As(err, &e) || e.Code != Unavailable {
			t.Errorf("%s: %v", target, err)
		}
	}
}

func TestNobodyThere(t *testing.T) {
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	for _, target := range []string{address, "http://" + address, "grpcs://" + address} {
		_, err := invoke(target, vector)
		var e *Error
		if !errors.As(err, &e) || e.Code != Unavailable || !strings.HasPrefix(e.Error(), target) {
			t.Errorf("%s: %v", target, err)
		}
	}
}

func TestDeadlineAndCancel(t *testing.T) {
	grpcTarget, _ := serveGRPC(t, nil, context.DeadlineExceeded)
	stuck := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stuck }))
	t.Cleanup(func() { close(stuck); server.Close() })
	for _, target := range []string{grpcTarget, server.URL} {
		_, err := invoke(target, vector, WithTimeout(20*time.Millisecond))
		var e *Error
		if !errors.As(err, &e) || e.Code != DeadlineExceeded || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", target, err)
		}
		s, err := OpenModel(target, "m", nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err = s.Predict(ctx, sig, []Input{vector}, []Output{new(Tensor[float32])})
		if !errors.As(err, &e) || e.Code != Canceled || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", target, err)
		}
	}
	_, err := invoke(server.URL, vector, WithHTTPClient(&http.Client{Timeout: 20 * time.Millisecond}))
	if e := new(Error); !errors.As(err, &e) || e.Code != DeadlineExceeded {
		t.Error(err)
	}
}

func TestWhatIsNotSent(t *testing.T) {
	for _, target := range []string{
		"", "localhost", "localhost:http", "localhost:0", "localhost:65536", "ftp://h:1", "http://", "http://h?x=1", "http://h:99999", "http://h:0",
		"http://%zz", "::1:8500", "h:1,", "h:1,h", "a/b:1", "u@h:1", "h :1", "h:1\n", "dns:", "dns://h:1", "dns:///",
		"xds://h", "unix://a/b", "consul:///h", "http:/h:1", "grpc://", "grpcs://h", "http://h:1,http://i:1",
	} {
		_, err := invoke(target, vector)
		if !errors.Is(err, ErrNotSent) {
			t.Errorf("%q: %v", target, err)
		}
	}
	for target, hint := range map[string]string{
		"::1:8500": "[::1]:8500", "dns://h:1": "dns:///h:1", "unix://a/b": "unix:///a/b", "ftp://h:1": "no resolver for ftp",
	} {
		if _, err := OpenModel(target, "m", nil); err == nil || !strings.Contains(err.Error(), hint) {
			t.Errorf("%q: %v", target, err)
		}
	}
	for _, opts := range [][]Option{
		{WithModel("")}, {WithVersion(-1)}, {WithHeader("a", "b\r\nc: d")}, {WithTLS(nil), WithHeader("", "")},
		{WithVersion(1), WithLabel("stable")}, {WithRetries(-1)}, {WithTimeout(-1)}, {WithOutputs("y", "y")},
	} {
		for _, target := range []string{"localhost:1", "http://localhost:1"} {
			if _, err := invoke(target, vector, opts...); !errors.Is(err, ErrNotSent) {
				t.Errorf("%s: %v", target, err)
			}
		}
	}
	if _, err := invoke("localhost:1", Tensor[float32]{}); !errors.Is(err, ErrNotSent) {
		t.Error(err)
	}
}

func TestTheCallsOwnVersionCounts(t *testing.T) {
	client := callSettings{modelRef: modelRef{model: "m", label: "stable"}}
	for want, opts := range map[modelRef][]CallOption{
		{model: "m", label: "stable"}:              nil,
		{model: "m", version: 0, hasVersion: true}: {WithVersion(0)},
		{model: "n", label: "canary"}:              {WithLabel("canary"), WithModel("n")},
	} {
		if got := client.with(opts).modelRef; got != want {
			t.Errorf("%+v, not %+v", got, want)
		}
	}
	if client.with([]CallOption{WithLabel("a"), WithVersion(1)}).check() == nil {
		t.Error("a version and a label are not refused")
	}
}

func TestRetriesWhileUnavailable(t *testing.T) {
	for _, c := range []struct {
		status, calls int
		opts          []Option
	}{
		{503, 3, nil},
		{503, 1, []Option{WithRetries(0)}},
		{503, 2, []Option{WithRetries(1)}},
		{500, 1, nil},
		{502, 1, nil},
		{429, 1, nil},
	} {
		calls := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			calls++
			w.WriteHeader(c.status)
		}))
		if _, err := invoke(server.URL, vector, c.opts...); err == nil || calls != c.calls {
			t.Errorf("%d: %d calls, %v", c.status, calls, err)
		}
		server.Close()
	}
	for code, want := range map[codes.Code]int{codes.Unavailable: 3, codes.ResourceExhausted: 1, codes.Internal: 1} {
		calls := 0
		target, _ := serveGRPC(t, nil, status.Error(code, "why"), grpc.StreamInterceptor(
			func(service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
				calls++
				return handler(service, stream)
			}))
		if _, err := invoke(target, NewTensor(make([]float32, 1<<20))); err == nil || calls != want {
			t.Errorf("%v: %d calls, %v", code, calls, err)
		}
	}
}

func TestRetriesEndWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	err := retry(ctx, 1<<30, func() (bool, error) {
		cancel()
		return true, &Error{Code: Unavailable, Message: "full"}
	})
	var e *Error
	if !errors.As(err, &e) || e.Code != Canceled || !errors.Is(err, context.Canceled) || !strings.Contains(e.Message, "full") {
		t.Error(err)
	}
	ctx, cancel = context.WithDeadline(context.Background(), time.Now())
	defer cancel()
	err = retry(ctx, 1, func() (bool, error) { return true, &Error{Code: Unavailable, Message: "full"} })
	if !errors.As(err, &e) || e.Message != "full" {
		t.Error(err)
	}
}

func TestClose(t *testing.T) {
	arrived := make(chan struct{}, 1)
	grpcTarget, _ := serveGRPC(t, nil, context.DeadlineExceeded, grpc.StreamInterceptor(
		func(service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			arrived <- struct{}{}
			return handler(service, stream)
		}))
	stuck := make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		arrived <- struct{}{}
		select {
		case <-stuck:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() { close(stuck); web.Close() })
	var messages []string
	for _, target := range []string{grpcTarget, web.URL} {
		before := runtime.NumGoroutine()
		s, err := OpenModel(target, "m", nil)
		if err != nil {
			t.Fatal(err)
		}
		call := func() error {
			_, err := s.Predict(context.Background(), sig, []Input{vector}, []Output{new(Tensor[float32])})
			return err
		}
		underWay := make(chan error)
		go func() { underWay <- call() }()
		<-arrived
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Error(err)
		}
		for i, err := range []error{<-underWay, call()} {
			var e *Error
			if !errors.As(err, &e) || e.Code != Canceled || errors.Is(err, ErrNotSent) != (i == 1) {
				t.Errorf("%s: %v", target, err)
			}
			messages = append(messages, e.Message)
		}
		for wait := 0; runtime.NumGoroutine() > before && wait < 3000; wait++ {
			time.Sleep(10 * time.Millisecond)
		}
		if now := runtime.NumGoroutine(); now > before {
			t.Errorf("%s: %d goroutines are left of %d", target, now, before)
		}
	}
	for _, m := range messages {
		if m != "the client is closed" {
			t.Error(messages)
		}
	}
}
