package tfs

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// predict calls a model with one input and one output.
func predict(m *Model, opts ...CallOption) error {
	var y Tensor[float32]
	_, err := m.Predict(context.Background(), sig, []Input{vector}, []Output{&y}, opts...)
	return err
}

func TestModelsShareAConnection(t *testing.T) {
	var paths []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.Path+r.Header.Get("x-key"))
		_, _ = w.Write([]byte(`{"outputs": [3.0]}`))
	}))
	t.Cleanup(server.Close)
	conn, err := Dial(server.URL, WithLabel("stable"), WithHeader("x-key", "=1"))
	if err != nil {
		t.Fatal(err)
	}
	a, b := conn.Model("a", nil), conn.Model("b", nil, WithVersion(2), WithHeader("x-key", "=2"))
	for _, err := range []error{predict(a), predict(b), predict(b, WithModel("c"), WithLabel("new"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := "/v1/models/a/labels/stable:predict=1 /v1/models/b/versions/2:predict=2 /v1/models/c/labels/new:predict=2"
	if got := strings.Join(paths, " "); got != want {
		t.Error(got)
	}
	// A model that is closed leaves the others alone; a connection that is closed takes all with it.
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	canceled := func(err error) bool {
		var e *Error
		return errors.As(err, &e) && e.Code == Canceled && errors.Is(err, ErrNotSent)
	}
	if err := predict(a); !canceled(err) {
		t.Error(err)
	}
	if err := predict(b); err != nil {
		t.Error(err)
	}
	if err := errors.Join(conn.Close(), conn.Close()); err != nil {
		t.Error(err)
	}
	if err := predict(b); !canceled(err) {
		t.Error(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

func TestWhatDialRefuses(t *testing.T) {
	for want, opts := range map[string][]Option{
		"WithModel is for the client of one model": {WithModel("m")},
		"cannot be combined":                       {WithVersion(1), WithLabel("x")},
	} {
		conn, err := Dial("localhost:1", opts...)
		var e *Error
		if conn != nil || !errors.As(err, &e) || e.Target != "localhost:1" || !strings.Contains(e.Message, want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestErrorsDoNotShowPasswords(t *testing.T) {
	for _, target := range []string{
		"http://u:s3cret@127.0.0.1:1/", "http://u:s3cret@127.0.0.1:1/a@b", "http://u:s3/cret@127.0.0.1:1", "http://u:s3cret@127.0.0.1:1/?q",
		"u:s3cret@127.0.0.1:1", "grpcs://u:s3cret@127.0.0.1:1", "dns://u:s3cret@127.0.0.1/x", "http://u:s3cret@127.0.0.1:1,h:2",
		"u:s3cret@127.0.0.1:1,127.0.0.1:2", "other://u:s3cret@127.0.0.1:1",
	} {
		_, err := invoke(target, vector, WithRetries(0))
		var e *Error
		if !errors.As(err, &e) || strings.Contains(e.Target+err.Error(), "s3") || !strings.Contains(e.Target, "...@") {
			t.Errorf("%s: %v", target, err)
		}
	}
	for _, target := range []string{"http://h:1/a@b", "unix:/a@b", "h:1"} {
		if redacted(target) != target {
			t.Error(redacted(target))
		}
	}
}
