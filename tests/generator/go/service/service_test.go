package service

import (
	"context"
	"errors"
	"sync"
	"testing"

	"models/estimator"
	"models/estimator/estimatortest"
	"models/halfplustwo"
	"models/halfplustwo/halfplustwotest"
	"models/tfs"
)

var halves = halfplustwotest.Fake{
	ServingDefault: func(_ context.Context, in halfplustwo.ServingDefaultInput) (*halfplustwo.ServingDefaultOutput, error) {
		y := tfs.NewTensor(make([]float32, len(in.X.Data)), in.X.Shape...)
		for i, x := range in.X.Data {
			y.Data[i] = x/2 + 2
		}
		return &halfplustwo.ServingDefaultOutput{Y: y, Version: 7}, nil
	},
}

var incomes = estimatortest.Fake{
	Classification: func(_ context.Context, in estimator.ClassificationInput) ([][]tfs.Class, error) {
		classes := make([][]tfs.Class, len(in.Examples))
		for i, example := range in.Examples {
			classes[i] = []tfs.Class{{Label: "poor", Score: 1}, {Label: "rich", Score: example.B[0] / 30}}
		}
		return classes, nil
	},
	Regression: func(_ context.Context, in estimator.RegressionInput) ([]float32, error) {
		return make([]float32, len(in.Examples)), nil
	},
}

func TestAdvise(t *testing.T) {
	advisor := Advisor{estimatortest.NewClient(incomes), halfplustwotest.NewClient(halves)}
	for age, want := range map[float32]string{20: "Ada: class poor, 12.0 by version 7", 40: "Ada: class rich, 22.0 by version 7"} {
		if got, err := advisor.Advise(t.Context(), "Ada", age); err != nil || got != want {
			t.Errorf("%q, not %q: %v", got, want, err)
		}
	}
}

func TestAdviseWhileAModelIsAway(t *testing.T) {
	away := estimatortest.Fake{
		Classification: func(context.Context, estimator.ClassificationInput) ([][]tfs.Class, error) {
			return nil, &tfs.Error{Code: tfs.Unavailable, Message: "connection refused"}
		},
	}
	advisor := Advisor{estimatortest.NewClient(away), halfplustwotest.NewClient(halves)}
	if _, err := advisor.Advise(t.Context(), "Ada", 20); !errors.Is(err, ErrTryLater) {
		t.Error(err)
	}
}

// What follows shows that the client of a fake knows what others know.

func TestAFakeIsCalledAsAServerIs(t *testing.T) {
	var mu sync.Mutex // the calls of batches are told as they end, two at a time
	var told []tfs.CallInfo
	conn := tfs.DialFake(estimatortest.Model(incomes), halfplustwotest.Model(halves))
	client := halfplustwo.NewFrom(conn, tfs.WithVerify(), tfs.WithOnCall(func(_ context.Context, info tfs.CallInfo) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, info)
	}))
	in := halfplustwo.ServingDefaultInput{X: tfs.NewTensor([]float32{1, 2, 3}, 3, 1)}
	out, err := client.ServingDefault(t.Context(), in, tfs.WithBatches(2, 2), tfs.WithOutputs("y"))
	if err != nil || out.Y.Shape[0] != 3 || out.Y.Data[2] != 3.5 || out.Version != 7 {
		t.Error(out, err)
	}
	if len(told) != 3 || told[0].Method != "GetModelMetadata" || told[2].Version != 7 || told[2].Code != tfs.OK {
		t.Errorf("%+v", told)
	}
	if ready, err := client.WaitUntilReady(t.Context()); err != nil || ready.Version != 1 {
		t.Error(ready, err)
	}
	results, err := estimator.NewFrom(conn).MultiInference(t.Context(), tfs.MultiInferenceInput{
		Signatures: []string{"classification", "regression"},
		Examples:   []tfs.Example{{"a": tfs.Strings("x"), "b": tfs.Floats(60)}},
	})
	if err != nil || results["classification"].Classes[0][1].Score != 2 || len(results["regression"].Values) != 1 {
		t.Error(results, err)
	}
	for want, call := range map[tfs.Code]func() error{
		tfs.InvalidArgument: func() error {
			_, err := client.ServingDefault(t.Context(), halfplustwo.ServingDefaultInput{})
			return err
		},
		tfs.Unimplemented: func() error {
			_, err := client.ClassifyTwo(t.Context(), halfplustwo.ClassifyTwoInput{Examples: []halfplustwo.ClassifyTwoExample{{X: []float32{1}}}}, tfs.WithVersion(1))
			return err
		},
		tfs.NotFound: func() error {
			_, err := client.Status(t.Context(), tfs.WithModel("nobody"))
			return err
		},
		tfs.Unauthenticated: func() error {
			_, err := client.Status(t.Context(), tfs.WithToken(func(context.Context) (string, error) { return "", errors.New("expired") }))
			return err
		},
	} {
		var e *tfs.Error
		if err := call(); !errors.As(err, &e) || e.Code != want || e.Target != "fake" {
			t.Errorf("%s: %v", want, err)
		}
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	var e *tfs.Error
	if _, err := client.Status(t.Context()); !errors.As(err, &e) || e.Code != tfs.Canceled {
		t.Error(err)
	}
}
