package live

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	_ "google.golang.org/grpc/encoding/gzip" // for TestGzip

	"models/estimator"
	"models/halfplustwo"
	"models/ranks"
	"models/tfs"
)

// both runs a test over gRPC and over REST.
func both(t *testing.T, test func(t *testing.T, target string)) {
	for name, target := range map[string]string{"gRPC": grpcTarget, "REST": restTarget} {
		t.Run(name, func(t *testing.T) { test(t, target) })
	}
}

func halfOf(values ...float32) halfplustwo.ServingDefaultInput {
	return halfplustwo.ServingDefaultInput{X: tfs.NewTensor(values, len(values), 1)}
}

// people are those that the library was asked about.
func people() estimator.RegressionInput {
	return estimator.RegressionInput{Examples: []estimator.RegressionExample{
		{A: []string{"x"}, B: []float32{1}},
		{A: []string{"\n中"}, B: []float32{-0.5}},
	}}
}

func TestTheVersionThatAnswered(t *testing.T) {
	want := answers(t)
	both(t, func(t *testing.T, target string) {
		client := dial(t, halfplustwo.New, target)
		for _, c := range []struct {
			opts       []tfs.CallOption
			grpc, rest int64
		}{
			{nil, want.Version, 0}, // REST does not say
			{[]tfs.CallOption{tfs.WithVersion(1)}, 1, 1},
		} {
			out, err := client.ServingDefault(t.Context(), halfOf(2), c.opts...)
			if err != nil {
				t.Fatal(err)
			}
			version := map[string]int64{grpcTarget: c.grpc, restTarget: c.rest}[target]
			if out.Version != version {
				t.Errorf("%d, not %d", out.Version, version)
			}
			examples := []halfplustwo.ClassifyTwoExample{{X: []float32{1}}, {X: []float32{2}}}
			for _, more := range []tfs.CallOption{tfs.WithRetries(1), tfs.WithBatches(1, 2)} {
				answered := int64(-1)
				opts := append(slices.Clone(c.opts), tfs.WithVersionInto(&answered), more)
				if _, err := client.ClassifyTwo(t.Context(), halfplustwo.ClassifyTwoInput{Examples: examples}, opts...); err != nil || answered != version {
					t.Errorf("%d, not %d: %v", answered, version, err)
				}
			}
		}
	})
}

func TestOutputsThatAreAskedFor(t *testing.T) {
	want := answers(t)
	both(t, func(t *testing.T, target string) {
		client := dial(t, ranks.New, target)
		in := ranks.UnevenInput{X: tfs.NewTensor([]float32{1, 2, 3, 4}, 2, 2)}
		out, err := client.Uneven(t.Context(), in, tfs.WithOutputs("sum", "rows"))
		if err != nil {
			t.Fatal(err)
		}
		if out.Sum.Data[0] != want.Sum || !reflect.DeepEqual(out.Rows.Shape, []int{2, 2}) || out.Columns.Data != nil {
			t.Error(out)
		}
		_, err = client.Uneven(t.Context(), in, tfs.WithOutputs("total"))
		if !errors.Is(err, tfs.ErrNotSent) || !strings.Contains(err.Error(), `no output "total"; it has outputs "columns" "rows" "sum"`) {
			t.Error(err)
		}
	})
}

func TestStatusMetadataAndWaiting(t *testing.T) {
	want := answers(t)
	both(t, func(t *testing.T, target string) {
		client := dial(t, halfplustwo.New, target)
		versions, err := client.Status(t.Context())
		var states []string
		for _, v := range versions {
			states = append(states, fmt.Sprint(v.Version, " ", v.State, " ", v.Err))
		}
		if err != nil || !reflect.DeepEqual(states, want.States) {
			t.Errorf("%q, not %q: %v", states, want.States, err)
		}
		metadata, err := client.Metadata(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		names := slices.Sorted(maps.Keys(metadata.Signatures))
		if metadata.Model != "half_plus_two" || metadata.Version != want.Version || !reflect.DeepEqual(names, want.Signatures) {
			t.Error(metadata)
		}
		if ready, err := client.WaitUntilReady(t.Context()); err != nil || ready.Version != want.Version {
			t.Error(ready, err)
		}
		if ready, err := client.WaitUntilReady(t.Context(), tfs.WithVersion(1)); err != nil || ready.Version != 1 {
			t.Error(ready, err)
		}
		if ready, err := client.WaitUntilReady(t.Context(), tfs.WithLabel("stable")); err != nil || ready.Version != 1 {
			t.Error(ready, err)
		}
		if only, err := client.Status(t.Context(), tfs.WithLabel("stable")); err != nil || len(only) != 1 || only[0].Version != 1 {
			t.Error(only, err)
		}
		var e *tfs.Error
		_, err = client.WaitUntilReady(t.Context(), tfs.WithLabel("nobody"), tfs.WithTimeout(400*time.Millisecond))
		if !errors.As(err, &e) || e.Code != tfs.DeadlineExceeded {
			t.Error(err)
		}
		for range 10 { // the machine may not let it get so far
			_, err = client.WaitUntilReady(t.Context(), tfs.WithModel("nobody"), tfs.WithTimeout(400*time.Millisecond))
			if err == nil || strings.Contains(err.Error(), "NOT_FOUND") {
				break
			}
		}
		if !errors.As(err, &e) || e.Code != tfs.DeadlineExceeded || !errors.Is(err, context.DeadlineExceeded) ||
			!strings.Contains(e.Message, "not ready after") || !strings.Contains(e.Message, "NOT_FOUND") {
			t.Error(err)
		}
		if _, err = client.Status(t.Context(), tfs.WithModel("nobody")); !errors.As(err, &e) || e.Code != tfs.NotFound {
			t.Error(err)
		}
	})
}

func TestCallsAreTold(t *testing.T) {
	both(t, func(t *testing.T, target string) {
		var told []tfs.CallInfo
		var contexts []any
		type key struct{}
		ctx := context.WithValue(t.Context(), key{}, "mine")
		client := dial(t, halfplustwo.New, target, tfs.WithVersion(1), tfs.WithOnCall(func(ctx context.Context, info tfs.CallInfo) {
			told, contexts = append(told, info), append(contexts, ctx.Value(key{}))
		}))
		_, first := client.ServingDefault(ctx, halfOf(2))
		_, second := client.ServingDefault(ctx, halfOf(2), tfs.WithVersion(99))
		_, third := client.Status(ctx)
		if first != nil || second == nil || third != nil || len(told) != 3 {
			t.Fatal(first, second, third, told)
		}
		for i, info := range told {
			if info.Target != target || info.Model != "half_plus_two" || info.Start.IsZero() || info.Duration <= 0 || contexts[i] != "mine" {
				t.Errorf("%+v", info)
			}
		}
		ok, failed, status := told[0], told[1], told[2]
		if ok.Method != "Predict" || ok.Signature != "serving_default" || ok.Version != 1 || ok.Code != tfs.OK ||
			ok.RequestBytes == 0 || ok.ResponseBytes == 0 || ok.Err != nil {
			t.Errorf("%+v", ok)
		}
		if failed.Code != tfs.NotFound || failed.Err.Error() != second.Error() || failed.ResponseBytes != 0 || failed.Version != 0 {
			t.Errorf("%+v", failed)
		}
		if status.Method != "GetModelStatus" || status.Signature != "" {
			t.Errorf("%+v", status)
		}
	})
}

func TestBatches(t *testing.T) {
	want := answers(t)
	both(t, func(t *testing.T, target string) {
		var calls atomic.Int64
		onCall := tfs.WithOnCall(func(context.Context, tfs.CallInfo) { calls.Add(1) })
		client := dial(t, halfplustwo.New, target, tfs.WithBatches(3, 2), onCall)
		out, err := client.ServingDefault(t.Context(), halfOf(want.Inputs...))
		if err != nil || !reflect.DeepEqual(out.Y.Data, want.Halves) || !reflect.DeepEqual(out.Y.Shape, []int{len(want.Halves), 1}) {
			t.Error(out, err)
		}
		if parts := (len(want.Inputs) + 2) / 3; calls.Load() != int64(parts) || target == grpcTarget && out.Version != want.Version {
			t.Error(calls.Load(), out)
		}
		estimator := dial(t, estimator.New, target, tfs.WithBatches(1, 4))
		values, err := estimator.Regression(t.Context(), people())
		if err != nil || !reflect.DeepEqual(values, want.Values) {
			t.Error(values, err)
		}
		uneven := ranks.UnevenInput{X: tfs.NewTensor([]float32{1, 2, 3, 4}, 2, 2)}
		_, err = dial(t, ranks.New, target).Uneven(t.Context(), uneven, tfs.WithBatches(1, 1), tfs.WithOutputs("sum"))
		if err == nil || !strings.Contains(err.Error(), `output "sum" has shape [] for a batch of 1`) {
			t.Error(err)
		}
	})
}

func TestMultiInference(t *testing.T) {
	want := answers(t)
	in := tfs.MultiInferenceInput{
		Signatures: []string{"regression", "classification"},
		Examples:   tfs.Untyped(people().Examples),
	}
	for _, opts := range [][]tfs.CallOption{nil, {tfs.WithBatches(1, 2)}} {
		var version int64
		results, err := dial(t, estimator.New, grpcTarget).MultiInference(t.Context(), in, append(opts, tfs.WithVersionInto(&version))...)
		if err != nil || !reflect.DeepEqual(results["regression"].Values, want.Values) || version == 0 {
			t.Fatal(results, version, err)
		}
		sameClasses(t, results["classification"].Classes, want.Classes)
		_, err = dial(t, estimator.New, restTarget).MultiInference(t.Context(), in, opts...)
		var e *tfs.Error
		if !errors.As(err, &e) || e.Code != tfs.Unimplemented || !errors.Is(err, tfs.ErrNotSent) || e.Message != "REST has no multi-inference; use gRPC" {
			t.Error(err)
		}
	}
	in.Signatures[1] = "predict"
	if _, err := dial(t, estimator.New, grpcTarget).MultiInference(t.Context(), in); !errors.Is(err, tfs.ErrNotSent) {
		t.Error(err)
	}
}

func TestGzip(t *testing.T) {
	both(t, func(t *testing.T, target string) {
		client := dial(t, halfplustwo.New, target, tfs.WithGzip())
		out, err := client.ServingDefault(t.Context(), halfOf(make([]float32, 10000)...))
		if err != nil || len(out.Y.Data) != 10000 || out.Y.Data[9999] != 3 {
			t.Error(err)
		}
	})
}

func TestSwappedPorts(t *testing.T) {
	for target, hint := range map[string]string{
		strings.TrimPrefix(restTarget, "http://"): "if that is TensorFlow Serving's REST port (usually 8501), write " + restTarget,
		"http://" + grpcTarget:                    "if that is TensorFlow Serving's gRPC port (usually 8500), write " + grpcTarget + " without http://",
	} {
		client := dial(t, halfplustwo.New, target, tfs.WithRetries(0))
		_, err := client.ServingDefault(t.Context(), halfOf(1))
		var e *tfs.Error
		if !errors.As(err, &e) || e.Code != tfs.Unavailable || !strings.Contains(e.Message, hint) {
			t.Error(err)
		}
	}
}
