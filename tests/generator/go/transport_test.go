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
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

func invoke(target string, tensor source, opts ...Option) (Tensor[float32], error) {
	var y Tensor[float32]
	s, err := connect(target, "m", opts)
	if err != nil {
		return y, err
	}
	defer s.close()
	in := []input{{name: "x", dtype: dtFloat32, shape: []int{-1}, from: tensor}}
	err = s.predict(context.Background(), "sig", in, []output{{"y", dtFloat32, &y}}, nil)
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
			return stream.SendMsg(&response)
		}))
	server := grpc.NewServer(opts...)
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String(), &seen
}

func TestRESTRequest(t *testing.T) {
	url, seen := serveREST(t, 200, `{"outputs": [3.0]}`)
	y, err := invoke(url+"/base/", vector, WithModel("a/b:c?中"), WithVersion(7), WithLabel("x y"),
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
		"method": predictMethod, "authorization": "yes", "content-type": "application/grpc+proto",
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
		s, err := connect(target, "m", nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		in := []input{{name: "x", dtype: dtFloat32, from: vector}}
		err = s.predict(ctx, "sig", in, nil, nil)
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
		"", "localhost", "localhost:http", ":8500", "localhost:0", "ftp://h:1", "http://", "http://h?x=1", "http://%zz",
	} {
		if _, err := invoke(target, vector); !errors.Is(err, ErrNotSent) {
			t.Errorf("%q: %v", target, err)
		}
	}
	for _, opts := range [][]Option{
		{WithModel("")}, {WithVersion(-1)}, {WithHeader("a", "b\r\nc: d")}, {WithTLS(nil), WithHeader("", "")},
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
	x := input{name: "x", dtype: dtFloat32, from: vector}
	for _, c := range []*call{
		{inputs: nil},
		{inputs: []input{x}, defaulted: []string{"k"}},
		{inputs: []input{{name: "x", dtype: dtFloat16, from: NewTensor([]Float16{1})}}},
		{inputs: []input{{name: "x", dtype: dtFloat32, from: NewTensor([]float32{}, 0, 2)}}},
		{inputs: []input{x}, outputs: []output{{"y", dtComplex64, nil}}},
	} {
		_, err := restBody(c)
		var e *Error
		if !errors.As(err, &e) || e.Code != Unimplemented || !errors.Is(err, ErrNotSent) {
			t.Error(err)
		}
	}
}
