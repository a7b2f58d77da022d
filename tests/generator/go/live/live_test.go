// Package live calls a model server with generated clients.
package live

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"models/awkward"
	"models/defaults"
	"models/dtypes"
	"models/estimator"
	"models/featurespec"
	"models/featurespectf2"
	"models/halfplustwo"
	"models/mlp"
	"models/ranks"
	"models/tfs"
	"models/untyped"
)

var (
	grpcTarget = os.Getenv("TFSCLIENT_GRPC")
	restTarget = os.Getenv("TFSCLIENT_REST")
)

func dial[C any](t *testing.T, open func(string, ...tfs.Option) (*C, error), target string, opts ...tfs.Option) *C {
	t.Helper()
	if target == "" {
		t.Skip("no server is given")
	}
	client, err := open(target, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestVersionsLabelsAndErrors(t *testing.T) {
	for _, target := range []string{grpcTarget, restTarget} {
		client := dial(t, halfplustwo.New, target, tfs.WithLabel("stable"))
		call := func(opts ...tfs.CallOption) (float32, error) {
			in := halfplustwo.ServingDefaultInput{X: tfs.NewTensor([]float32{2}, 1, 1)}
			out, err := client.ServingDefault(context.Background(), in, opts...)
			if err != nil {
				return 0, err
			}
			return out.Y.Data[0], nil
		}
		for want, opts := range map[float32][]tfs.CallOption{
			3: nil,
			4: {tfs.WithVersion(2), tfs.WithTimeout(time.Minute), tfs.WithHeader("x-a", "b")},
		} {
			if got, err := call(opts...); err != nil || got != want {
				t.Error(got, err)
			}
		}
		for _, opt := range []tfs.CallOption{tfs.WithVersion(9), tfs.WithModel("a/b?")} {
			_, err := call(tfs.WithVersion(1), opt)
			var e *tfs.Error
			if !errors.As(err, &e) || errors.Is(err, tfs.ErrNotSent) || e.Code != tfs.NotFound {
				t.Error(err)
			}
			if status := map[string]int{restTarget: 404}[target]; e.HTTPStatus != status {
				t.Error(e.HTTPStatus)
			}
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestEveryDtypeComesBack(t *testing.T) {
	in := dtypes.AllInput{
		Bfloat16: tfs.NewTensor([]tfs.BFloat16{tfs.ToBFloat16(-1.5), 0x7f80}),
		Bool:     tfs.NewTensor([]bool{true, false}),
		Float16:  tfs.NewTensor([]tfs.Float16{tfs.ToFloat16(-1.5), 1}),
		Float32:  tfs.NewTensor([]float32{1e-45, float32(math.Inf(-1))}),
		Float64:  tfs.NewTensor([]float64{5e-324, math.MaxFloat64}),
		Int16:    tfs.NewTensor([]int16{math.MinInt16, math.MaxInt16}),
		Int32:    tfs.NewTensor([]int32{math.MinInt32, math.MaxInt32}),
		Int64:    tfs.NewTensor([]int64{math.MinInt64, math.MaxInt64}),
		Int8:     tfs.NewTensor([]int8{math.MinInt8, math.MaxInt8}),
		String:   tfs.NewTensor([]string{"", "\xff\x00é"}),
		Uint16:   tfs.NewTensor([]uint16{0, math.MaxUint16}),
		Uint32:   tfs.NewTensor([]uint32{0, math.MaxUint32}),
		Uint64:   tfs.NewTensor([]uint64{0, math.MaxUint64}),
		Uint8:    tfs.NewTensor([]uint8{0, math.MaxUint8}),
	}
	client := dial(t, dtypes.New, grpcTarget)
	out, err := client.All(context.Background(), in)
	if err != nil || !sameTensors(in, *out) {
		t.Error(out, err)
	}
	comesBack(t, client.IDComplex64, dtypes.IDComplex64Input{X: tfs.NewTensor([]complex64{1 - 2i})})
	comesBack(t, client.IDComplex128, dtypes.IDComplex128Input{X: tfs.NewTensor([]complex128{1 - 2i})})
	comesBack(t, client.IDQint8, dtypes.IDQint8Input{X: tfs.NewTensor([]int8{-128})})
	comesBack(t, client.IDQuint8, dtypes.IDQuint8Input{X: tfs.NewTensor([]uint8{255})})
	comesBack(t, client.IDQint16, dtypes.IDQint16Input{X: tfs.NewTensor([]int16{-32768})})
	comesBack(t, client.IDQuint16, dtypes.IDQuint16Input{X: tfs.NewTensor([]uint16{65535})})
	comesBack(t, client.IDQint32, dtypes.IDQint32Input{X: tfs.NewTensor([]int32{-5})})
	comesBack(t, client.IDInt4, dtypes.IDInt4Input{X: tfs.NewTensor([]int8{-8, 7})})
	comesBack(t, client.IDUint4, dtypes.IDUint4Input{X: tfs.NewTensor([]uint8{15})})
	comesBack(t, client.IDFloat8E5m2, dtypes.IDFloat8E5m2Input{X: tfs.NewTensor([]uint8{0x3c, 0xff})})
	comesBack(t, client.IDFloat8E4m3fn, dtypes.IDFloat8E4m3fnInput{X: tfs.NewTensor([]uint8{0x38})})
}

// sameTensors reports whether the outputs are those inputs.
func sameTensors(in, out any) bool {
	sent, came := reflect.ValueOf(in), reflect.ValueOf(out)
	for i := range sent.NumField() {
		if !reflect.DeepEqual(sent.Field(i).Interface(), came.FieldByName(sent.Type().Field(i).Name).Interface()) {
			return false
		}
	}
	return true
}

func comesBack[I, O any](t *testing.T, call func(context.Context, I, ...tfs.CallOption) (*O, error), in I) {
	t.Helper()
	out, err := call(context.Background(), in)
	if err != nil {
		t.Error(err)
		return
	}
	x, y := reflect.ValueOf(in).Field(0).Interface(), reflect.ValueOf(*out).Field(0).Interface()
	if !reflect.DeepEqual(x, y) {
		t.Errorf("%v, not %v", y, x)
	}
}

func TestEveryDtypeOfREST(t *testing.T) {
	in := dtypes.RestInput{
		Bool:    tfs.NewTensor([]bool{true, false}),
		Float32: tfs.NewTensor([]float32{float32(math.Copysign(0, -1)), float32(math.Inf(-1))}),
		Float64: tfs.NewTensor([]float64{0.5, 1e300}),
		Int16:   tfs.NewTensor([]int16{math.MinInt16, math.MaxInt16}),
		Int32:   tfs.NewTensor([]int32{math.MinInt32, math.MaxInt32}),
		Int64:   tfs.NewTensor([]int64{math.MinInt64, math.MaxInt64}),
		Int8:    tfs.NewTensor([]int8{math.MinInt8, math.MaxInt8}),
		String:  tfs.NewTensor([]string{"", "\xff\x00é\"\\"}),
		Uint32:  tfs.NewTensor([]uint32{0, math.MaxUint32}),
		Uint64:  tfs.NewTensor([]uint64{0, math.MaxUint64}),
		Uint8:   tfs.NewTensor([]uint8{0, math.MaxUint8}),
	}
	client := dial(t, dtypes.New, restTarget)
	out, err := client.Rest(context.Background(), in)
	if err != nil || !sameTensors(in, *out) {
		t.Error(out, err)
	}
	nan := dtypes.IDFloat32Input{X: tfs.NewTensor([]float32{float32(math.NaN())})}
	if out, err := client.IDFloat32(context.Background(), nan); err != nil || out.Y.Data[0] == out.Y.Data[0] {
		t.Error(out, err)
	}
	half := dtypes.IDFloat16Input{X: tfs.NewTensor([]tfs.Float16{1})}
	if _, err := client.IDFloat16(context.Background(), half); !errors.Is(err, tfs.ErrNotSent) {
		t.Error(err)
	}
}

func TestRanks(t *testing.T) {
	for _, target := range []string{grpcTarget, restTarget} {
		client := dial(t, ranks.New, target)
		scalar, err := client.Scalar(context.Background(), ranks.ScalarInput{X: tfs.Scalar(float32(2))})
		if err != nil || len(scalar.Y.Data) != 1 || len(scalar.Y.Shape) != 0 {
			t.Error(scalar, err)
		}
		empty := ranks.Rank2Input{X: tfs.NewTensor([]float32{}, 3, 0)}
		if out, err := client.Rank2(context.Background(), empty); err != nil || !reflect.DeepEqual(out.Y.Shape, []int{3, 0}) {
			t.Error(out, err)
		}
		cube := ranks.UnknownOneInput{X: tfs.NewTensor(make([]float32, 8), 2, 2, 2)}
		if out, err := client.UnknownOne(context.Background(), cube); err != nil || !reflect.DeepEqual(out.Y.Shape, []int{2, 2, 2}) {
			t.Error(out, err)
		}
		_, err = client.NoInputs(context.Background(), ranks.NoInputsInput{})
		if sent := !errors.Is(err, tfs.ErrNotSent); sent != (target == grpcTarget) {
			t.Error(err)
		}
	}
}

func TestDefaults(t *testing.T) {
	in := defaults.ServingDefaultInput{X: tfs.NewTensor([]float32{1, 2})}
	out, err := dial(t, defaults.New, grpcTarget).ServingDefault(context.Background(), in)
	if err != nil || len(out.Y.Data) != 2 {
		t.Error(out, err)
	}
	_, err = dial(t, defaults.New, restTarget).ServingDefault(context.Background(), in)
	if !errors.Is(err, tfs.ErrNotSent) {
		t.Error(err)
	}
}

// answers are those that somebody else had for the same examples.
func answers(t *testing.T) (found struct {
	Classes [][][2]any
	Values  []float32
	Shared  []float32
	Logits  [][]float32
	Scores  [][]float32

	Version    int64
	Sum        float32
	States     []string
	Signatures []string
	Inputs     []float32
	Halves     []float32
}) {
	t.Helper()
	text, err := os.ReadFile(os.Getenv("TFSCLIENT_ANSWERS"))
	if err != nil {
		t.Skip(err)
	}
	if err := json.Unmarshal(text, &found); err != nil {
		t.Fatal(err)
	}
	return found
}

func sameClasses(t *testing.T, classes [][]tfs.Class, want [][][2]any) {
	t.Helper()
	for i, list := range want {
		for j, class := range list {
			got := classes[i][j]
			if got.Label != class[0] || got.Score != float32(class[1].(float64)) {
				t.Errorf("%v, not %v", got, class)
			}
		}
	}
}

func TestTypedExamples(t *testing.T) {
	want := answers(t)
	ctx := context.Background()
	for _, target := range []string{grpcTarget, restTarget} {
		client := dial(t, estimator.New, target)
		classes, err := client.Classification(ctx, estimator.ClassificationInput{
			Examples: []estimator.ClassificationExample{
				{A: []string{"x"}, B: []float32{1}},
				{A: []string{"\n中"}, B: []float32{-0.5}},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		sameClasses(t, classes, want.Classes)
		values, err := client.Regression(ctx, estimator.RegressionInput{
			Examples: []estimator.RegressionExample{{A: []string{"x"}}, {A: []string{"\n中"}, B: []float32{-0.5}}},
			Context:  tfs.Example{"b": tfs.Floats(1)},
		})
		if err != nil || !reflect.DeepEqual(values, want.Values) {
			t.Errorf("%v, not %v: %v", values, want.Values, err)
		}
		examples, err := tfs.MarshalExamples(
			estimator.PredictExample{A: []string{"x"}, B: []float32{1}},
			estimator.PredictExample{A: []string{"\n中"}, B: []float32{-0.5}},
		)
		if err != nil {
			t.Fatal(err)
		}
		out, err := client.Predict(ctx, estimator.PredictInput{Examples: examples})
		if logits, _ := tfs.FromNested[float32](want.Logits); err != nil || !reflect.DeepEqual(out.Logits, logits) {
			t.Error(out, err)
		}
		values, err = dial(t, untyped.New, target, tfs.WithModel("estimator")).Regression(ctx, untyped.RegressionInput{
			Examples: []tfs.Example{
				{"a": tfs.Strings("x"), "b": tfs.Floats(1)},
				{"a": tfs.Strings("\n中"), "b": tfs.Floats(-0.5)},
			},
		})
		if err != nil || !reflect.DeepEqual(values, want.Values) {
			t.Errorf("%v, not %v: %v", values, want.Values, err)
		}
		none := estimator.ClassificationInput{Examples: []estimator.ClassificationExample{{A: []string{"x"}}}}
		if _, err := client.Classification(ctx, none); !errors.Is(err, tfs.ErrNotSent) {
			t.Error(err)
		}
	}
}

func TestOptionalFeaturesAndContext(t *testing.T) {
	want := answers(t)
	for _, target := range []string{grpcTarget, restTarget} {
		values, err := dial(t, featurespec.New, target).Regress(context.Background(), featurespec.RegressInput{
			Examples: []featurespec.RegressExample{
				{FRequired: []float32{3}},
				{FRequired: []float32{1.5}, FDefault: tfs.Ptr[float32](2), SVar: []string{"é", "\xff"}},
			},
			Context: tfs.Example{"f_seq": tfs.Floats(1, 2), "i_fixed": tfs.Ints(1<<62, -1, 0)},
		})
		if err != nil || !reflect.DeepEqual(values, want.Shared) {
			t.Errorf("%v, not %v: %v", values, want.Shared, err)
		}
		examples, err := tfs.MarshalExamples(featurespectf2.ServingDefaultExample{
			FRequired: []float32{1}, SVar: []string{"é", "\xff"}, IFixed: []int64{math.MinInt64, 0, math.MaxInt64},
		})
		if err != nil {
			t.Fatal(err)
		}
		client := dial(t, featurespectf2.New, target)
		out, err := client.ServingDefault(context.Background(), featurespectf2.ServingDefaultInput{Examples: examples})
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(out.SVar.Data, []string{"é", "\xff"}) || out.FDefault.Data[0] != 1.5 ||
			!reflect.DeepEqual(out.IFixed.Row(0), []int64{math.MinInt64, 0, math.MaxInt64}) {
			t.Error(out)
		}
	}
}

func TestVerify(t *testing.T) {
	for _, target := range []string{grpcTarget, restTarget} {
		half := dial(t, halfplustwo.New, target, tfs.WithVerify())
		in := halfplustwo.ServingDefaultInput{X: tfs.NewTensor([]float32{2}, 1, 1)}
		if _, err := half.ServingDefault(context.Background(), in); err != nil {
			t.Error(err)
		}
		_, err := half.ServingDefault(context.Background(), in, tfs.WithModel("linear"))
		var e *tfs.Error
		if !errors.As(err, &e) || e.Code != tfs.FailedPrecondition ||
			!strings.Contains(e.Message, `signature "classify_two" is gone; `) ||
			!strings.Contains(e.Message, `signature "serving_default": input "x" was float32 [-1, 1] and is float32 [-1]`) {
			t.Error(err)
		}
		_, err = half.ServingDefault(context.Background(), in, tfs.WithModel("nobody"))
		if !errors.As(err, &e) || e.Code != tfs.NotFound {
			t.Error(err)
		}
		every := dial(t, dtypes.New, target, tfs.WithVerify())
		if _, err := every.IDBool(context.Background(), dtypes.IDBoolInput{X: tfs.NewTensor([]bool{true})}); err != nil {
			t.Error(err)
		}
		names := dial(t, awkward.New, target, tfs.WithVerify())
		if _, err := names.ServingDefault(context.Background(), awkward.ServingDefaultInput{Class: tfs.NewTensor([]float32{1})}); err != nil {
			t.Error(err)
		}
	}
}

func TestImages(t *testing.T) {
	want := answers(t)
	file, err := os.Open(os.Getenv("TFSCLIENT_IMAGE"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	images, err := tfs.DecodeImages[float32]([]int{28, 28, 1}, file)
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{grpcTarget, restTarget} {
		out, err := dial(t, mlp.New, target).Call(context.Background(), mlp.CallInput{Images: images})
		if scores, _ := tfs.FromNested[float32](want.Scores); err != nil || !reflect.DeepEqual(out.Output0, scores) {
			t.Error(out, err)
		}
	}
}

func TestClientsShareAConnection(t *testing.T) {
	ctx := context.Background()
	for _, target := range []string{grpcTarget, restTarget} {
		if target == "" {
			t.Skip("no server is given")
		}
		conn, err := tfs.Dial(target, tfs.WithVerify())
		if err != nil {
			t.Fatal(err)
		}
		half, flat := halfplustwo.NewFrom(conn, tfs.WithLabel("stable")), ranks.NewFrom(conn)
		x := tfs.NewTensor([]float32{2}, 1, 1)
		y, err := half.ServingDefault(ctx, halfplustwo.ServingDefaultInput{X: x})
		if err != nil || y.Y.Data[0] != 3 {
			t.Error(y, err)
		}
		// What one gives is what the other takes.
		z, err := flat.Rank2(ctx, ranks.Rank2Input{X: y.Y})
		if err != nil || !reflect.DeepEqual(z.Y.Shape, []int{1, 1}) {
			t.Error(z, err)
		}
		_, first := half.ServingDefault(ctx, halfplustwo.ServingDefaultInput{X: x}, tfs.WithVersion(9))
		_, second := flat.Rank2(ctx, ranks.Rank2Input{X: tfs.Scalar[float32](1)})
		for want, err := range map[tfs.Code]error{tfs.NotFound: first, tfs.InvalidArgument: second} {
			var e *tfs.Error
			if !errors.As(err, &e) || e.Code != want || e.Target != target {
				t.Error(err)
			}
		}
		if err := errors.Join(half.Close(), flat.Close(), conn.Close()); err != nil {
			t.Error(err)
		}
	}
}
