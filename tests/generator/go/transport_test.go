package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/status"
)

var sig = &signature{
	name:    "sig",
	inputs:  []tensorSpec{{name: "x", dtype: dtFloat32, shape: []int{-1}}},
	outputs: []tensorSpec{{name: "y", dtype: dtFloat32, shape: []int{-1}}},
}

func invoke(target string, tensor source, opts ...Option) (Tensor[float32], error) {
	var y Tensor[float32]
	s, err := connect(target, "m", []*signature{sig}, opts)
	if err != nil {
		return y, err
	}
	defer s.close()
	err = s.predict(context.Background(), sig, []source{tensor}, []sink{&y}, nil)
	return y, err
}

var vector = NewTensor([]float32{1})

// serveREST gives a server that answers so, and the last request it had.
func serveREST(t *testing.T, status int, body string) (string, *http.Request) {
	var seen http.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, _ := io.ReadAll(r.Body)
		seen = *r
		seen.Body = io.NopCloser(strings.NewReader(string(sent)))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL, &seen
}

// serveGRPC gives a server that answers so, the metadata of the last call, and its request.
func serveGRPC(t *testing.T, response []byte, failure error, opts ...grpc.ServerOption) (string, *metadata.MD) {
	var seen metadata.MD
	opts = append(opts, grpc.MaxRecvMsgSize(64<<20), grpc.ForceServerCodecV2(rawCodec{}), grpc.UnknownServiceHandler(
		func(_ any, stream grpc.ServerStream) error {
			seen, _ = metadata.FromIncomingContext(stream.Context())
			method, _ := grpc.MethodFromServerStream(stream)
			seen.Set("method", method)
			var request []byte
			if err := stream.RecvMsg(&request); err != nil {
				return err
			}
			if failure == context.DeadlineExceeded {
				<-stream.Context().Done()
				return nil
			}
			if failure != nil {
				return failure
			}
			return stream.SendMsg(written(response))
		}))
	return listen(t, "tcp", "localhost:0", grpc.NewServer(opts...)), &seen
}

func listen(t *testing.T, network, address string, server *grpc.Server) string {
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

func serveGRPCAt(t *testing.T, network, address string, response []byte) {
	listen(t, network, address, grpc.NewServer(grpc.ForceServerCodecV2(rawCodec{}), grpc.UnknownServiceHandler(
		func(_ any, stream grpc.ServerStream) error {
			var request []byte
			if err := stream.RecvMsg(&request); err != nil {
				return err
			}
			return stream.SendMsg(written(response))
		})))
}

func TestRESTRequest(t *testing.T) {
	url, seen := serveREST(t, 200, `{"outputs": [3.0]}`)
	y, err := invoke(url+"/base/", vector, WithModel("a/b:c?中"), WithLabel("x y"),
		WithHeader("Authorization", "no"), WithHeader("authorization", "yes"))
	if err != nil || y.Data[0] != 3 {
		t.Fatal(y, err)
	}
	body, _ := io.ReadAll(seen.Body)
	if string(body) != `{"signature_name":"sig","inputs":{"x":[1.0]}}` {
		t.Errorf("%s", body)
	}
	if seen.RequestURI != "/base/v1/models/a%2Fb%3Ac%3F%E4%B8%AD/labels/x%20y:predict" || seen.Method != "POST" {
		t.Error(seen.RequestURI)
	}
	if seen.Header.Get("Authorization") != "yes" || seen.Header.Get("Content-Type") != "application/json" {
		t.Error(seen.Header)
	}
}

func TestHTTPStatusesAreErrors(t *testing.T) {
	for _, c := range []struct {
		status  int
		body    string
		code    Code
		message string
	}{
		{400, `{"error": "wrong \"x\""}`, InvalidArgument, `wrong "x"`},
		{404, `{"error": "none"}`, NotFound, "none"},
		{400, ``, InvalidArgument, "HTTP 400 Bad Request"},
		{302, `<p>`, Unknown, "HTTP 302 Found: <p>"},
		{418, `{}`, InvalidArgument, "HTTP 418 I'm a teapot: {}"},
		{502, "\xff" + strings.Repeat("x", 1<<20), Unavailable, "HTTP 502 Bad Gateway: \ufffd" + strings.Repeat("x", 499)},
		{503, `{"error": "full"}`, Unavailable, "full"},
		{504, `{"error": "late"}`, DeadlineExceeded, "late"},
		{599, `{"error": 1}`, Unknown, `HTTP 599 : {"error": 1}`},
	} {
		url, _ := serveREST(t, c.status, c.body)
		_, err := invoke(url, vector)
		var e *Error
		if !errors.As(err, &e) || e.Code != c.code || e.Message != c.message || e.HTTPStatus != c.status {
			t.Errorf("%d: %v", c.status, err)
		}
		if e.Model != "m" || e.Signature != "sig" || e.Target != url {
			t.Errorf("%+v", e)
		}
	}
}

func TestGRPCRequest(t *testing.T) {
	target, seen := serveGRPC(t, answer(dtFloat32, []int{1}, varintsOf(floatVal, 0, 0, 0, 0)), nil)
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

func TestTLS(t *testing.T) {
	web := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"outputs": [3.0]}`)
	}))
	t.Cleanup(web.Close)
	trusting := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "example.com"}
	trusting.RootCAs.AddCert(web.Certificate())
	target, _ := serveGRPC(t, answer(dtFloat32, []int{1}), nil, grpc.Creds(credentials.NewServerTLSFromCert(&web.TLS.Certificates[0])))
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

func TestLargeMessagesPass(t *testing.T) {
	const size = 8 << 20
	target, _ := serveGRPC(t, answer(dtFloat32, []int{size / 4}, appendChunk(nil, tensorContent, make([]byte, size))), nil)
	if y, err := invoke(target, NewTensor(make([]float32, size/4))); err != nil || len(y.Data) != size/4 {
		t.Error(err)
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
		s, err := connect(target, "m", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		err = s.predict(ctx, sig, []source{vector}, []sink{new(Tensor[float32])}, nil)
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
		"", "localhost", "localhost:http", "localhost:0", "localhost:65536", "ftp://h:1", "http://", "http://h?x=1",
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
		if _, err := connect(target, "m", nil, nil); err == nil || !strings.Contains(err.Error(), hint) {
			t.Errorf("%q: %v", target, err)
		}
	}
	for _, opts := range [][]Option{
		{WithModel("")}, {WithVersion(-1)}, {WithHeader("a", "b\r\nc: d")}, {WithTLS(nil), WithHeader("", "")},
		{WithVersion(1), WithLabel("stable")}, {WithRetries(-1)},
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

func TestWhatRESTCannotCarry(t *testing.T) {
	x := input{sig.inputs[0], vector}
	k := tensorSpec{name: "k", hasDefault: true}
	for want, err := range map[string]error{
		"float16":        bodyError(&signature{grpcOnly: "input 'x' is float16"}, x),
		`input "k" has`:  bodyError(&signature{inputs: []tensorSpec{x.tensorSpec, k}}, x),
		"the 0 in shape": bodyError(sig, input{sig.inputs[0], NewTensor([]float32{}, 0, 2)}),
	} {
		var e *Error
		if !errors.As(err, &e) || e.Code != Unimplemented || !errors.Is(err, ErrNotSent) || !strings.Contains(e.Message, want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func bodyError(s *signature, in input) error {
	_, err := predictBody(&call{signature: s}, []input{in})
	return err
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

func TestAServerThatComesBackAnswers(t *testing.T) {
	url, _ := serveREST(t, 200, `{"outputs": [3.0]}`)
	refusals := 2
	pool := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if refusals--; refusals >= 0 {
			return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("refused")}
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}}
	if _, err := invoke(url, vector, WithHTTPClient(&http.Client{Transport: pool})); err != nil || refusals != -1 {
		t.Error(refusals, err)
	}
}

func TestTargetsOfOtherSchemes(t *testing.T) {
	reply := answer(dtFloat32, []int{1}, varintsOf(floatVal, 0, 0, 0, 0))
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
	reply := answer(dtFloat32, []int{1}, varintsOf(floatVal, 0, 0, 0, 0))
	one, seenByOne := serveGRPC(t, reply, nil)
	other, seenByOther := serveGRPC(t, reply, nil)
	named := manual.NewBuilderWithScheme("named")
	named.InitialState(resolver.State{Addresses: []resolver.Address{{Addr: one}, {Addr: other}}})
	for _, target := range []string{one + "," + other, "grpc://" + one + ", " + other + ",127.0.0.1:1", "named:///x"} {
		s, err := connect(target, "m", nil, []Option{WithDialOptions(grpc.WithResolvers(named))})
		if err != nil {
			t.Fatal(err)
		}
		*seenByOne, *seenByOther = nil, nil
		for range 50 {
			if err := s.predict(context.Background(), sig, []source{vector}, []sink{new(Tensor[float32])}, nil); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		if len(*seenByOne) == 0 || len(*seenByOther) == 0 {
			t.Errorf("%s: one replica has all calls", target)
		}
		_ = s.close()
	}
}

func TestRedirectsAreRefused(t *testing.T) {
	calls := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls++
		_, _ = io.WriteString(w, `{"outputs": [3.0]}`)
	}))
	t.Cleanup(elsewhere.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+r.URL.Path, status)
		}))
		t.Cleanup(gateway.Close)
		users := &http.Client{}
		for _, opts := range [][]Option{nil, {WithHTTPClient(users)}} {
			_, err := invoke(gateway.URL, vector, append(opts, WithHeader("x-api-key", "secret"))...)
			var e *Error
			if !errors.As(err, &e) || e.HTTPStatus != status || !strings.Contains(e.Message, elsewhere.URL+"/v1/models/m:predict") ||
				!strings.Contains(e.Message, "write "+elsewhere.URL+" as the target") {
				t.Errorf("%d: %v", status, err)
			}
		}
		if users.CheckRedirect != nil {
			t.Error("the user's client was changed")
		}
	}
	if calls != 0 {
		t.Errorf("%d redirects were followed", calls)
	}
}

func TestClose(t *testing.T) {
	grpcTarget, _ := serveGRPC(t, nil, context.DeadlineExceeded)
	stuck := make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-stuck:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() { close(stuck); web.Close() })
	var messages []string
	for _, target := range []string{grpcTarget, web.URL} {
		before := runtime.NumGoroutine()
		s, err := connect(target, "m", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		call := func() error {
			return s.predict(context.Background(), sig, []source{vector}, []sink{new(Tensor[float32])}, nil)
		}
		underWay := make(chan error)
		go func() { underWay <- call() }()
		time.Sleep(50 * time.Millisecond)
		if err := errors.Join(s.close(), s.close()); err != nil {
			t.Error(err)
		}
		for i, err := range []error{<-underWay, call()} {
			var e *Error
			if !errors.As(err, &e) || e.Code != Canceled || errors.Is(err, ErrNotSent) != (i == 1) {
				t.Errorf("%s: %v", target, err)
			}
			messages = append(messages, e.Message)
		}
		for wait := 0; runtime.NumGoroutine() > before && wait < 100; wait++ {
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

func TestVerifyFollowsDrift(t *testing.T) {
	x := func(shape ...int) tensorSpec { return tensorSpec{name: "x", dtype: dtFloat32, shape: shape} }
	optional := tensorSpec{name: "x", dtype: dtFloat32, shape: []int{2}, hasDefault: true}
	for _, c := range []struct {
		was, is  []tensorSpec
		in, outs bool // whether that breaks inputs, outputs
	}{
		{[]tensorSpec{x(-1)}, []tensorSpec{x(2)}, true, false},
		{[]tensorSpec{x(2)}, []tensorSpec{x(-1)}, false, true},
		{[]tensorSpec{{name: "x", dtype: dtFloat32}}, []tensorSpec{x(2)}, true, false},
		{[]tensorSpec{x(2)}, []tensorSpec{{name: "x", dtype: dtFloat32}}, false, true},
		{[]tensorSpec{x(2)}, []tensorSpec{x(2, 1)}, true, true},
		{[]tensorSpec{x(2)}, nil, true, true},
		{nil, []tensorSpec{x(2)}, true, false},
		{nil, []tensorSpec{optional}, false, false},
		{[]tensorSpec{optional}, []tensorSpec{x(2)}, true, false},
		{[]tensorSpec{x(2)}, []tensorSpec{optional}, false, false},
	} {
		in := differences(&signature{name: "s", inputs: c.was}, map[string]signature{"s": {inputs: c.is}})
		outs := differences(&signature{name: "s", outputs: c.was}, map[string]signature{"s": {outputs: c.is}})
		if len(in) > 0 != c.in || len(outs) > 0 != c.outs {
			t.Errorf("%v to %v: %q, %q", c.was, c.is, in, outs)
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
