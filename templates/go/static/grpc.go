package client

import (
	"context"
	"crypto/tls"
	"fmt"
	"math"
	"net"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const predictMethod = "/tensorflow.serving.PredictionService/Predict"

// dialOptions are the settings that only gRPC has.
type dialOptions []grpc.DialOption

// WithDialOptions passes options on to gRPC: interceptors, keepalive, a load balancing policy.
func WithDialOptions(opts ...grpc.DialOption) Option {
	return option(func(s *settings) { s.dialOptions = append(s.dialOptions, opts...) })
}

// grpcTransport speaks gRPC.
type grpcTransport struct {
	conn *grpc.ClientConn
}

func newGRPC(target string, s *settings) (transport, error) {
	if s.httpClient != nil {
		return nil, invalid("WithHTTPClient needs a target that starts with http:// or https://")
	}
	address, secure, err := grpcAddress(target)
	if err != nil {
		return nil, err
	}
	credential := insecure.NewCredentials()
	if s.tls != nil || secure {
		config := s.tls
		if config == nil {
			config = new(tls.Config)
		}
		credential = credentials.NewTLS(config)
	}
	opts := append([]grpc.DialOption{
		grpc.WithTransportCredentials(credential),
		grpc.WithDefaultCallOptions(
			grpc.ForceCodecV2(rawCodec{}),
			grpc.MaxCallRecvMsgSize(math.MaxInt32), // the default of 4 MiB is soon too small for tensors
			grpc.MaxCallSendMsgSize(math.MaxInt32),
		),
	}, s.dialOptions...)
	conn, err := grpc.NewClient(address, opts...)
	if err != nil {
		return nil, &Error{Code: InvalidArgument, Message: err.Error(), Err: fmt.Errorf("%w: %w", ErrNotSent, err)}
	}
	return &grpcTransport{conn}, nil
}

// grpcAddress gives gRPC's own name for a target, and whether its scheme asks for TLS.
func grpcAddress(target string) (address string, secure bool, err error) {
	for _, scheme := range []string{"dns:", "unix:", "unix-abstract:", "xds:", "passthrough:"} {
		if strings.HasPrefix(target, scheme) {
			return target, false, nil
		}
	}
	scheme, address, found := strings.Cut(target, "://")
	if !found {
		scheme, address = "grpc", target
	}
	host, port, err := net.SplitHostPort(strings.TrimSuffix(address, "/"))
	number, notNumber := strconv.ParseUint(port, 10, 16)
	if scheme != "grpc" && scheme != "grpcs" || err != nil || notNumber != nil || number == 0 || host == "" {
		return "", false, invalid("%q is no target: a server is host:8500 for gRPC, http://host:8501 for REST", target)
	}
	return "dns:///" + net.JoinHostPort(host, port), scheme == "grpcs", nil
}

func (t *grpcTransport) close() error {
	return t.conn.Close()
}

func (t *grpcTransport) predict(ctx context.Context, c *call) error {
	request := appendPredictRequest(make([]byte, 0, predictRequestSize(c)), c)
	if len(request) > math.MaxInt32 {
		return invalid("a request of %d bytes is more than protobuf can hold", len(request))
	}
	if len(c.headers) > 0 {
		md, _ := metadata.FromOutgoingContext(ctx)
		md = md.Copy()
		for _, h := range c.headers {
			md.Set(h.key, h.value)
		}
		ctx = metadata.NewOutgoingContext(ctx, md)
	}
	var response []byte
	if err := t.conn.Invoke(ctx, predictMethod, &request, &response); err != nil {
		return grpcError(ctx, err)
	}
	return readPredictResponse(response, c.outputs)
}

// grpcError is the Error for a status.
func grpcError(ctx context.Context, err error) *Error {
	s := status.Convert(err)
	code := Unknown
	if number := int(s.Code()); number < len(grpcCodes) {
		code = grpcCodes[number]
	}
	e := failed(ctx, code, err)
	e.Message = s.Message()
	return e
}

// grpcCodes are gRPC's codes by number. No error is OK, the first.
var grpcCodes = [...]Code{
	Unknown, Canceled, Unknown, InvalidArgument, DeadlineExceeded, NotFound, AlreadyExists,
	PermissionDenied, ResourceExhausted, FailedPrecondition, Aborted, OutOfRange, Unimplemented,
	Internal, Unavailable, DataLoss, Unauthenticated,
}

// rawCodec passes messages that are bytes already. It belongs to single calls and is registered
// nowhere, and it bears the name of what the bytes are, which the server looks at.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	message, ok := v.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("%T is not *[]byte", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(*message)}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	message, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("%T is not *[]byte", v)
	}
	*message = data.Materialize()
	return nil
}
