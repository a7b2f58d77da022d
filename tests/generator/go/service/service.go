// Package service is a program that uses generated clients.
package service

import (
	"context"
	"errors"
	"fmt"

	"models/estimator"
	"models/halfplustwo"
	"models/tfs"
)

// Advisor says what to do about people.
type Advisor struct {
	Incomes estimator.API
	Halves  halfplustwo.API
}

// ErrTryLater is what Advise gives while the models are not there.
var ErrTryLater = errors.New("try later")

// Advise gives a line for a person.
func (a Advisor) Advise(ctx context.Context, name string, age float32) (string, error) {
	classes, err := a.Incomes.Classification(ctx, estimator.ClassificationInput{
		Examples: []estimator.ClassificationExample{{A: []string{name}, B: []float32{age}}},
	})
	var e *tfs.Error
	switch {
	case errors.As(err, &e) && e.Code == tfs.Unavailable:
		return "", fmt.Errorf("%w: %w", ErrTryLater, err)
	case err != nil:
		return "", err
	}
	best := classes[0][0]
	for _, class := range classes[0] {
		if class.Score > best.Score {
			best = class
		}
	}
	half, err := a.Halves.ServingDefault(ctx, halfplustwo.ServingDefaultInput{X: tfs.NewTensor([]float32{age}, 1, 1)})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s: class %s, %.1f by version %d", name, best.Label, half.Y.Data[0], half.Version), nil
}
