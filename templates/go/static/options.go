package client

import (
	"crypto/tls"
	"net/http"
	"slices"
	"time"
)

const defaultTimeout = 60 * time.Second

// Option configures a Client.
type Option interface {
	apply(*settings)
}

// CallOption configures one call. Given to New, it holds for all calls.
type CallOption interface {
	Option
	applyCall(*callSettings)
}

type settings struct {
	callSettings
	dialOptions

	tls        *tls.Config
	httpClient *http.Client
}

type callSettings struct {
	model      string
	version    int64
	hasVersion bool
	label      string
	headers    []header
	timeout    time.Duration
}

type header struct{ key, value string }

type option func(*settings)

func (o option) apply(s *settings) { o(s) }

type callOption func(*callSettings)

func (o callOption) apply(s *settings)         { o(&s.callSettings) }
func (o callOption) applyCall(s *callSettings) { o(s) }

// WithModel calls a model by another name than the one this client was generated from.
func WithModel(name string) CallOption {
	return callOption(func(s *callSettings) { s.model = name })
}

// WithVersion calls this version of the model instead of the server's choice. It takes the place of
// an earlier WithLabel.
func WithVersion(version int64) CallOption {
	return callOption(func(s *callSettings) { s.version, s.hasVersion, s.label = version, true, "" })
}

// WithLabel calls the version that has this label, such as "stable". It takes the place of an earlier
// WithVersion.
func WithLabel(label string) CallOption {
	return callOption(func(s *callSettings) { s.version, s.hasVersion, s.label = 0, false, label })
}

// WithHeader sends an HTTP header, or as gRPC calls it metadata, such as "authorization".
func WithHeader(key, value string) CallOption {
	return callOption(func(s *callSettings) {
		s.headers = append(slices.Clip(s.headers), header{key, value})
	})
}

// WithTimeout bounds each call, as a deadline of its context does; whichever ends first counts. The
// default is a minute; 0 means no bound.
func WithTimeout(timeout time.Duration) CallOption {
	return callOption(func(s *callSettings) { s.timeout = timeout })
}

// WithTLS makes connections with this configuration; an empty one trusts what the system trusts. Over
// HTTP it needs an https:// target.
func WithTLS(config *tls.Config) Option {
	return option(func(s *settings) { s.tls = config })
}

// WithHTTPClient sends REST calls with this client. It cannot be combined with WithTLS.
func WithHTTPClient(client *http.Client) Option {
	return option(func(s *settings) { s.httpClient = client })
}
