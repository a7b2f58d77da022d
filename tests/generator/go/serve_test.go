package tfs

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

var sig = &Signature{
	Name:    "sig",
	Inputs:  []TensorSpec{{Name: "x", DType: "float32", Shape: []int{-1}}},
	Outputs: []TensorSpec{{Name: "y", DType: "float32", Shape: []int{-1}}},
}

func invoke(target string, tensor Input, opts ...Option) (Tensor[float32], error) {
	var y Tensor[float32]
	s, err := OpenModel(target, "m", []*Signature{sig}, opts...)
	if err != nil {
		return y, err
	}
	defer s.Close()
	_, err = s.Predict(context.Background(), sig, []Input{tensor}, []Output{&y})
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
	var mu sync.Mutex
	opts = append(opts, grpc.MaxRecvMsgSize(64<<20), grpc.ForceServerCodecV2(rawCodec{}), grpc.UnknownServiceHandler(
		func(_ any, stream grpc.ServerStream) error {
			sent, _ := metadata.FromIncomingContext(stream.Context())
			method, _ := grpc.MethodFromServerStream(stream)
			sent.Set("method", method)
			mu.Lock()
			seen = sent
			mu.Unlock()
			var request []byte
			if err := stream.RecvMsg(&request); err != nil {
				return err
			}
			if failure == context.DeadlineExceeded {
				<-stream.Context().Done()
				return stream.Context().Err()
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
