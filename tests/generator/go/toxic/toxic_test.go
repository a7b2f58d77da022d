// Package toxic calls servers that answer wrongly, slowly or not at all.
package toxic

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"models/halfplustwo"
	"models/tfs"
)

// late is when a call has not ended in time: whoever drips does so for longer.
const late = 15 * time.Second

// wanted is how calls of a server are to end.
type wanted struct {
	Name, Target string
	Code         tfs.Code
	BadAnswer    bool
	// Large has the call send more than systems buffer.
	Large bool
}

func TestCallsEndInTimeWithTheRightError(t *testing.T) {
	text, err := os.ReadFile(os.Getenv("TFSCLIENT_TOXIC"))
	if err != nil {
		t.Skip(err)
	}
	var servers []wanted
	if err := json.Unmarshal(text, &servers); err != nil {
		t.Fatal(err)
	}
	before, files := runtime.NumGoroutine(), descriptors(t)
	var running sync.WaitGroup
	for _, server := range servers {
		running.Go(func() { check(t, server) })
	}
	running.Wait()
	for wait := 0; (runtime.NumGoroutine() > before || descriptors(t) > files) && wait < 3000; wait++ {
		time.Sleep(10 * time.Millisecond)
	}
	if now := runtime.NumGoroutine(); now > before {
		t.Errorf("%d goroutines are left of %d", now, before)
	}
	if now := descriptors(t); now > files+1 { // the poller's
		t.Errorf("%d files are open, not %d", now, files)
	}
}

func check(t *testing.T, server wanted) {
	bound := time.Minute
	if server.Code == tfs.DeadlineExceeded {
		bound = 1200 * time.Millisecond
	}
	client, err := halfplustwo.New(server.Target, tfs.WithTimeout(bound), tfs.WithRetries(0))
	if err != nil {
		t.Error(err)
		return
	}
	rows := 1
	if server.Large {
		rows = 2_500_000
	}
	in := halfplustwo.ServingDefaultInput{X: tfs.NewTensor(make([]float32, rows), rows, 1)}
	started := time.Now()
	_, err = client.ServingDefault(context.Background(), in)
	if took := time.Since(started); took > late {
		t.Errorf("a server that %s: the call took %v", server.Name, took)
	}
	var e *tfs.Error
	if !errors.As(err, &e) || e.Code != server.Code || errors.Is(err, tfs.ErrBadAnswer) != server.BadAnswer || !strings.Contains(err.Error(), server.Target) {
		t.Errorf("a server that %s: %v", server.Name, err)
	}
	for name, err := range map[string]error{"status": statusOf(client), "metadata": metadataOf(client)} {
		isEmpty := slices.Contains(empty, server.Name)
		if !errors.As(err, &e) && !isEmpty {
			t.Errorf("%s of a server that %s: %v", name, server.Name, err)
		}
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
}

// Whose answers are a status of no versions.
var empty = []string{"sends an empty message", "sends nothing but groups", "says that its rank is unknown"}

func statusOf(client halfplustwo.API) error {
	_, err := client.Status(context.Background())
	return err
}

func metadataOf(client halfplustwo.API) error {
	_, err := client.Metadata(context.Background())
	return err
}

func descriptors(t *testing.T) int {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(open)
}
