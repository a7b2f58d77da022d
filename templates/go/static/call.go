package client

import (
	"context"
	"errors"
	"strings"
)

// server is a model server that a client is connected to.
type server struct {
	target    string
	defaults  callSettings
	transport transport
}

// transport carries calls: REST or gRPC.
type transport interface {
	// predict sends the call's inputs and sets its outputs.
	predict(ctx context.Context, c *call) error
	close() error
}

// call is one call of one signature.
type call struct {
	callSettings
	signature string
	inputs    []input
	outputs   []output
	defaulted []string // inputs that are left to the model
}

// input is a tensor to send. A nil shape is of any rank, -1 in a shape any size.
type input struct {
	name       string
	dtype      dtype
	shape      []int
	hasDefault bool
	from       source
}

// source is a Tensor[T].
type source interface {
	parts() (data any, shape []int)
	absent() bool
	fits(d dtype, declared []int) error
}

// output is a tensor to receive.
type output struct {
	name  string
	dtype dtype
	into  sink
}

// sink is a *Tensor[T].
type sink interface {
	set(data any, shape []int) error
}

// connect prepares the connection to target. It is made when it is first used.
func connect(target, model string, opts []Option) (*server, error) {
	s := settings{callSettings: callSettings{model: model, timeout: defaultTimeout}}
	for _, o := range opts {
		o.apply(&s)
	}
	dial := newGRPC
	if isHTTP(target) {
		dial = newREST
	}
	t, err := dial(target, &s)
	if err != nil {
		return nil, located(err, Error{Target: target})
	}
	return &server{target, s.callSettings, t}, nil
}

func isHTTP(target string) bool {
	scheme, _, found := strings.Cut(target, "://")
	return found && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https"))
}

// predict sends the inputs to a signature and sets the outputs.
func (s *server) predict(ctx context.Context, signature string, inputs []input, outputs []output, opts []CallOption) error {
	c := &call{callSettings: s.defaults, signature: signature, inputs: inputs, outputs: outputs}
	for _, o := range opts {
		o.applyCall(&c.callSettings)
	}
	err := c.check()
	if err == nil {
		err = s.send(ctx, c)
	}
	return located(err, Error{Target: s.target, Model: c.model, Signature: signature})
}

func (s *server) send(ctx context.Context, c *call) error {
	if c.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	return s.transport.predict(ctx, c)
}

func (s *server) close() error {
	return s.transport.close()
}

// check finds what the server would refuse, or worse, would take for something else.
func (c *call) check() error {
	if c.model == "" {
		return invalid("the model has no name")
	}
	if c.version < 0 {
		return invalid("version %d is negative", c.version)
	}
	for _, h := range c.headers {
		if h.key == "" || strings.ContainsAny(h.key+h.value, "\r\n\x00") {
			return invalid("%q: %q is no header", h.key, h.value)
		}
	}
	given := make([]input, 0, len(c.inputs))
	for _, in := range c.inputs {
		if in.from.absent() {
			if !in.hasDefault {
				return invalid("input %q is missing", in.name)
			}
			c.defaulted = append(c.defaulted, in.name)
			continue
		}
		if err := in.from.fits(in.dtype, in.shape); err != nil {
			return about(err, "input %q", in.name)
		}
		given = append(given, in)
	}
	c.inputs = given
	return nil
}

// set hands an output to whoever asked for it.
func (o *output) set(data any, shape []int) error {
	return about(o.into.set(data, shape), "output %q", o.name)
}

// located adds to an Error where it happened.
func located(err error, where Error) error {
	var e *Error
	if errors.As(err, &e) {
		e.Target, e.Model, e.Signature = where.Target, where.Model, where.Signature
	}
	return err
}

// failed is the Error for a call that found no answer: code, unless the context tells better.
func failed(ctx context.Context, code Code, err error) *Error {
	switch ctx.Err() {
	case context.DeadlineExceeded:
		code = DeadlineExceeded
	case context.Canceled:
		code = Canceled
	default:
		return &Error{Code: code, Message: err.Error(), Err: err}
	}
	return &Error{Code: code, Message: err.Error(), Err: errors.Join(ctx.Err(), err)}
}
