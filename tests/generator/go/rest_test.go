package client

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

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
