package client

// dialOptions are nothing: this client was generated without gRPC.
type dialOptions struct{}

func newGRPC(target string, _ *settings) (transport, error) {
	return nil, invalid("%q is no target of this client, which speaks REST only; write it as http://host:8501", target)
}
