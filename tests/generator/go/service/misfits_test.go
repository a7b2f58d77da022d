package service

import (
	"context"
	"errors"
	"strings"
	"testing"

	"models/estimator"
	"models/estimator/estimatortest"
	"models/halfplustwo"
	"models/halfplustwo/halfplustwotest"
	"models/tfs"
)

// TestWhatAFakeAnswersHasToFit shows that its mistakes are told as such, and do not look like the caller's.
func TestWhatAFakeAnswersHasToFit(t *testing.T) {
	half := func(out *halfplustwo.ServingDefaultOutput) error {
		fake := halfplustwotest.Fake{
			ServingDefault: func(context.Context, halfplustwo.ServingDefaultInput) (*halfplustwo.ServingDefaultOutput, error) {
				return out, nil
			},
		}
		in := halfplustwo.ServingDefaultInput{X: tfs.NewTensor([]float32{1}, 1, 1)}
		_, err := halfplustwotest.NewClient(fake).ServingDefault(t.Context(), in)
		return err
	}
	client := estimatortest.NewClient(estimatortest.Fake{
		Classification: func(context.Context, estimator.ClassificationInput) ([][]tfs.Class, error) { return nil, nil },
		Regression: func(context.Context, estimator.RegressionInput) ([]float32, error) {
			return []float32{1, 2}, nil
		},
	})
	examples := []tfs.Example{{"a": tfs.Strings("x"), "b": tfs.Floats(1)}}
	_, classes := client.Classification(t.Context(), estimator.ClassificationInput{Examples: []estimator.ClassificationExample{{A: []string{"x"}, B: []float32{1}}}})
	_, values := client.Regression(t.Context(), estimator.RegressionInput{Examples: []estimator.RegressionExample{{A: []string{"x"}, B: []float32{1}}}})
	_, several := client.MultiInference(t.Context(), tfs.MultiInferenceInput{Signatures: []string{"regression"}, Examples: examples})
	var none *tfs.Error
	_, typed := halfplustwotest.NewClient(halfplustwotest.Fake{
		ServingDefault: func(context.Context, halfplustwo.ServingDefaultInput) (*halfplustwo.ServingDefaultOutput, error) {
			return nil, none
		},
	}).ServingDefault(t.Context(), halfplustwo.ServingDefaultInput{X: tfs.NewTensor([]float32{1}, 1, 1)})
	for want, err := range map[string]error{
		"a nil *tfs.Error as its error":         typed,
		"neither an answer nor an error":        half(nil),
		`output "y": shape [1] does not fit`:    half(&halfplustwo.ServingDefaultOutput{Y: tfs.NewTensor([]float32{1})}),
		`output "y": shape [2, 1] needs 2 elem`: half(&halfplustwo.ServingDefaultOutput{Y: tfs.NewTensor([]float32{1}, 2, 1)}),
		"got 0 results for 1 examples":          classes,
		"got 2 results for 1 examples":          errors.Join(values, several),
	} {
		var e *tfs.Error
		if !errors.As(err, &e) || e.Code != tfs.Internal || !errors.Is(err, tfs.ErrBadAnswer) || errors.Is(err, tfs.ErrNotSent) ||
			!strings.Contains(err.Error(), "the fake's answer does not fit: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if several == nil {
		t.Error("an answer that does not fit was taken")
	}
}

func TestTheVersionOfAFake(t *testing.T) {
	fake := halfplustwotest.Fake{
		ServingDefault: func(_ context.Context, in halfplustwo.ServingDefaultInput) (*halfplustwo.ServingDefaultOutput, error) {
			return &halfplustwo.ServingDefaultOutput{Y: in.X}, nil
		},
		RegressXToY: func(_ context.Context, in halfplustwo.RegressXToYInput) ([]float32, error) {
			return make([]float32, len(in.Examples)), nil
		},
	}
	client := halfplustwotest.NewClient(fake)
	in := halfplustwo.ServingDefaultInput{X: tfs.NewTensor([]float32{1}, 1, 1)}
	examples := halfplustwo.RegressXToYInput{Examples: []halfplustwo.RegressXToYExample{{X: []float32{1}}}}
	for want, opts := range map[int64][]tfs.CallOption{1: nil, 1<<53 + 1: {tfs.WithVersion(1<<53 + 1)}} {
		var version int64
		out, err := client.ServingDefault(t.Context(), in, opts...)
		_, failed := client.RegressXToY(t.Context(), examples, append(opts, tfs.WithVersionInto(&version))...)
		if err != nil || failed != nil || out.Version != want || version != want {
			t.Error(out, version, err, failed)
		}
	}
}
