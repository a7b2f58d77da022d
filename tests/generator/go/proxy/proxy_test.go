// Package proxy calls a server through a proxy that does not answer.
package proxy

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"models/halfplustwo"
	"models/tfs"
)

func TestErrorsNameTheProxy(t *testing.T) {
	if os.Getenv("HTTPS_PROXY") == "" {
		t.Skip("no proxy is given")
	}
	for _, target := range []string{"serving.example:8500", "http://serving.example:8501"} {
		client, err := halfplustwo.New(target, tfs.WithRetries(0), tfs.WithTimeout(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Status(t.Context())
		var e *tfs.Error
		if !errors.As(err, &e) || e.Code != tfs.Unavailable || strings.Contains(e.Message, "s3cret") ||
			!strings.Contains(e.Message, "calls go through the proxy http://...@127.0.0.1:1") {
			t.Error(err)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	}
}
