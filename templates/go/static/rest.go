package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// connectionsKept is how many idle connections stay open; net/http keeps two, which makes busy
// clients connect all the time.
const connectionsKept = 64

// restTransport speaks TensorFlow Serving's REST interface, in its column form.
type restTransport struct {
	base   string
	client *http.Client
	own    bool
}

func newREST(target string, s *settings) (transport, error) {
	base, err := url.Parse(target)
	if err != nil || base.Hostname() == "" || base.RawQuery != "" || base.Fragment != "" {
		return nil, invalid("%q is no base URL; write it as http://host:8501", target)
	}
	t := &restTransport{base: strings.TrimRight(target, "/"), client: s.httpClient}
	switch {
	case s.tls != nil && s.httpClient != nil:
		return nil, invalid("WithTLS and WithHTTPClient exclude each other: put the configuration into the client")
	case s.tls != nil && base.Scheme == "http":
		return nil, invalid("WithTLS needs a target that starts with https://")
	case s.httpClient == nil:
		t.client, t.own = newHTTPClient(s), true
	}
	return t, nil
}

func newHTTPClient(s *settings) *http.Client {
	pool := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         new(net.Dialer).DialContext,
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: connectionsKept,
		TLSClientConfig:     s.tls,
	}
	// A redirected POST may arrive as a GET: what redirects is not the server anyway.
	refuse := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &http.Client{Transport: pool, CheckRedirect: refuse}
}

func (t *restTransport) close() error {
	if t.own {
		t.client.CloseIdleConnections()
	}
	return nil
}

func (t *restTransport) predict(ctx context.Context, c *call) error {
	body, err := restBody(c)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.base+restPath(c), bytes.NewReader(body))
	if err != nil {
		return invalid("%v", err)
	}
	request.Header.Set("Content-Type", "application/json")
	for _, h := range c.headers {
		request.Header.Set(h.key, h.value)
	}
	response, err := t.client.Do(request)
	if err != nil {
		return httpFailed(ctx, err)
	}
	defer response.Body.Close()
	var answer strings.Builder
	if _, err := io.Copy(&answer, response.Body); err != nil {
		return httpFailed(ctx, err)
	}
	if response.StatusCode != http.StatusOK {
		return httpError(response.StatusCode, answer.String())
	}
	return readRESTAnswer(answer.String(), c.outputs)
}

func httpFailed(ctx context.Context, err error) *Error {
	code := Unavailable
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		code = DeadlineExceeded // of the http.Client
	}
	return failed(ctx, code, err)
}

// restPath gives the path of a call. The server's patterns know no query, and a colon ends a name.
func restPath(c *call) string {
	escape := func(name string) string {
		return strings.ReplaceAll(url.PathEscape(name), ":", "%3A")
	}
	path := "/v1/models/" + escape(c.model)
	switch {
	case c.hasVersion:
		path += "/versions/" + strconv.FormatInt(c.version, 10)
	case c.label != "":
		path += "/labels/" + escape(c.label)
	}
	return path + ":predict"
}

func restBody(c *call) ([]byte, error) {
	if err := restCarries(c); err != nil {
		return nil, err
	}
	b := append([]byte{}, `{"signature_name":`...)
	b = appendJSONString(b, c.signature)
	b = append(b, `,"inputs":{`...)
	for i, in := range c.inputs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendJSONString(b, in.name), ':')
		var err error
		data, shape := in.from.parts()
		if b, err = appendJSONTensor(b, data, shape); err != nil {
			return nil, about(err, "input %q", in.name)
		}
	}
	return append(b, "}}"...), nil
}

// restCarries tells what keeps a call from being made over REST.
func restCarries(c *call) error {
	for _, name := range c.defaulted {
		return unsupported("input %q has a default, but over REST the server wants it all the same; give it or use gRPC", name)
	}
	if len(c.inputs) == 0 {
		return unsupported("the server cannot call a signature without inputs over REST; use gRPC")
	}
	for _, in := range c.inputs {
		if !in.dtype.overREST() {
			return unsupported("input %q is %s, which has no form in JSON; use gRPC", in.name, in.dtype)
		}
	}
	for _, out := range c.outputs {
		if !out.dtype.overREST() {
			return unsupported("output %q is %s, which has no form in JSON; use gRPC", out.name, out.dtype)
		}
	}
	return nil
}

// readRESTAnswer sets the outputs from a predict answer. A lone output comes without its name.
func readRESTAnswer(answer string, outputs []output) error {
	r := &jsonReader{text: answer}
	found := make(map[string]bool, len(outputs))
	read := func(out *output) error {
		data, shape, err := readJSONTensor(r, out.dtype)
		if err != nil {
			return about(err, "output %q", out.name)
		}
		found[out.name] = true
		return out.set(data, shape)
	}
	err := r.object(func(key string) error {
		if key != "outputs" {
			return r.skip()
		}
		if len(outputs) == 1 {
			return read(&outputs[0])
		}
		return r.object(func(name string) error {
			for i := range outputs {
				if outputs[i].name == name {
					return read(&outputs[i])
				}
			}
			return r.skip()
		})
	})
	if err == nil && r.peek() != 0 {
		err = r.unexpected("the end")
	}
	if err != nil {
		return about(err, "the answer is not as it should be")
	}
	return missing(outputs, found)
}

// missing finds an output that the answer did not hold.
func missing(outputs []output, found map[string]bool) error {
	for _, out := range outputs {
		if !found[out.name] {
			return badAnswer("the answer has no output %q", out.name)
		}
	}
	return nil
}

// httpError is the Error for a status, whose body need not be TensorFlow Serving's: it may come
// from whatever stands between.
func httpError(status int, body string) *Error {
	const shown = 500 // bytes of a text that is not the server's
	message, ok := "", false
	r := &jsonReader{text: body}
	err := r.object(func(key string) (err error) {
		if key != "error" {
			return r.skip()
		}
		message, err = r.string()
		ok = err == nil
		return err
	})
	if err != nil || !ok {
		text := strings.TrimSpace(strings.ToValidUTF8(body[:min(len(body), shown)], "\ufffd"))
		message = strings.TrimSuffix(fmt.Sprintf("HTTP %d %s: %s", status, http.StatusText(status), text), ": ")
	}
	return &Error{Code: httpCode(status), Message: message, HTTPStatus: status}
}

// httpCode gives the code that covers all codes that the server folds into a status. The last cases
// are statuses of gateways.
func httpCode(status int) Code {
	switch status {
	case 400:
		return InvalidArgument
	case 401:
		return Unauthenticated
	case 403:
		return PermissionDenied
	case 404:
		return NotFound
	case 409:
		return Aborted
	case 429:
		return ResourceExhausted
	case 499:
		return Canceled
	case 500:
		return Internal
	case 501:
		return Unimplemented
	case 502, 503:
		return Unavailable
	case 408, 504:
		return DeadlineExceeded
	}
	if 400 <= status && status < 500 {
		return InvalidArgument
	}
	return Unknown
}
