package tfs

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestTensorsAsJSON(t *testing.T) {
	for want, tensor := range map[string]Input{
		"[[1.0,-0.0],[0.1,1e+06]]":     NewTensor([]float32{1, float32(math.Copysign(0, -1)), 0.1, 1e6}, 2, 2),
		"[NaN,Infinity,-Infinity]":     NewTensor([]float64{math.NaN(), math.Inf(1), math.Inf(-1)}),
		"-9223372036854775808":         Scalar(int64(math.MinInt64)),
		"[18446744073709551615]":       NewTensor([]uint64{math.MaxUint64}),
		"[[true],[false]]":             NewTensor([]bool{true, false}, 2, 1),
		`["é\"",{"b64":"/wA="},""]`:    NewTensor([]string{"é\"", "\xff\x00", ""}),
		"[]":                           NewTensor([]int32{}),
		"[[],[]]":                      NewTensor([]int8{}, 2, 0),
		"[0.30000000000000004,1e+300]": NewTensor([]float64{0.30000000000000004, 1e300}),
	} {
		data, shape := tensor.parts()
		if got, err := appendJSONTensor(nil, data, shape); err != nil || string(got) != want {
			t.Errorf("%s, not %s: %v", got, want, err)
		}
	}
	if _, err := appendJSONTensor(nil, []float32{}, []int{0, 3}); !errors.Is(err, ErrNotSent) {
		t.Error(err)
	}
}

func TestReadingJSON(t *testing.T) {
	nan := func(got Tensor[float32]) bool { return math.IsNaN(float64(got.Data[0])) }
	reads(t, "float32", `{"outputs": [NaN]}`, nan)
	reads(t, "float32", `{"outputs": [[1.0, -Infinity], [1e-05, 2]]}`, same(Tensor[float32]{
		[]float32{1, float32(math.Inf(-1)), 1e-5, 2}, []int{2, 2}}))
	reads(t, "float32", `{"x": [[{"a": "]"}]], "outputs": 1.5 , "y":{}}`, same(Tensor[float32]{[]float32{1.5}, []int{}}))
	reads(t, "int64", `{"outputs": [9223372036854775807]}`, same(NewTensor([]int64{math.MaxInt64})))
	reads(t, "string", `{"outputs": ["é\u00e9\ud83d\ude00\n\/", "`+"\xff"+`", {"b64": "/wA="}]}`,
		same(NewTensor([]string{"éé😀\n/", "\xff", "\xff\x00"})))
	reads(t, "bool", `{"outputs": []}`, same(Tensor[bool]{[]bool{}, []int{0}}))
	reads(t, "bool", `{"outputs": [[], []]}`, same(Tensor[bool]{[]bool{}, []int{2, 0}}))
	reads(t, "int64", `{"outputs": {"x": ["a"], "y": [1]}}`, same(NewTensor([]int64{1})))
	reads(t, "string", `{"outputs": {"b64": "/wA="}}`, same(Tensor[string]{[]string{"\xff\x00"}, []int{}}))
	reads(t, "string", `{"outputs": {"b64": "/wA=", "y": "a"}}`, same(Tensor[string]{[]string{"a"}, []int{}}))
}

func TestEmptyListsHaveTheDeclaredShape(t *testing.T) {
	for _, c := range []struct {
		answer         string
		declared, want []int
	}{
		{`[]`, []int{-1, 4}, []int{0, 4}},
		{`[[],[]]`, []int{-1, -1, 4}, []int{2, 0, 4}},
		{`[]`, []int{-1, -1, 4}, []int{0, 0, 4}},
		{`[]`, []int{-1, 2, -1, 3}, []int{0, 2, 0, 3}},
		{`[[]]`, []int{-1, 0}, []int{1, 0}},
		{`[[],[]]`, []int{-1}, []int{2, 0}},
		{`[]`, nil, []int{0}},
	} {
		var numbers Tensor[float32]
		var strings Tensor[string]
		for d, into := range map[DType]Output{"float32": &numbers, "string": &strings} {
			y := fetch{TensorSpec{Name: "y", DType: d, Shape: c.declared}, into}
			if err := readPredictAnswer(`{"outputs": `+c.answer+`}`, []fetch{y}); err != nil {
				t.Error(err)
			}
		}
		if !reflect.DeepEqual(numbers.Shape, c.want) || !reflect.DeepEqual(strings.Shape, c.want) {
			t.Errorf("%s as %v: %v and %v, not %v", c.answer, c.declared, numbers.Shape, strings.Shape, c.want)
		}
	}
}

func TestALoneStringCalledB64(t *testing.T) {
	spec := TensorSpec{Name: "b64", DType: "string", Shape: []int{}}
	for want, tensor := range map[string]Tensor[string]{
		`"inputs":"aGk="}`:           Scalar("aGk="),
		`"inputs":{"b64":"/w=="}}`:   Scalar("\xff"),
		`"inputs":{"b64":["aGk="]}}`: NewTensor([]string{"aGk="}),
	} {
		s := &Signature{Name: "s", Inputs: []TensorSpec{spec}}
		body, err := predictBody(&call{signature: s}, []feed{{spec, tensor}})
		if err != nil || string(body) != `{"signature_name":"s",`+want {
			t.Errorf("%s, not %s: %v", body, want, err)
		}
	}
}

func TestMissingOutputsAreNamed(t *testing.T) {
	var a, b Tensor[float32]
	both := []fetch{out("a", "float32", &a), out("b", "float32", &b)}
	entry := func(name string) []byte {
		tensor := appendNumber(nil, tensorDtype, DType("float32").number())
		return appendChunk(nil, responseOutputs, appendChunk(appendChunk(nil, mapKey, []byte(name)), mapValue, tensor))
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{readPredictAnswer(`{"outputs": {"a": 1, "c": 2}}`, both), `lacks output "b"; it holds outputs "a" "c"`},
		{readPredictAnswer(`{"outputs": {}}`, both), `lacks outputs "a" "b"; it holds no outputs`},
		{readPredictAnswer(`{"outputs": [1]}`, both), `lacks outputs "a" "b"; it holds a single unnamed output`},
		{readPredictAnswer(`{"outputs": 1.0}`, both), `a single unnamed output`},
		{readPredictAnswer(`{"outputs": {"a": 1}, "outputs": {"b": 1}}`, both), `lacks output "a"; it holds output "b"`},
		{readPredictAnswer(`{"outputs": {"c": [1], "d": [1]}}`, both[:1]), `lacks output "a"; it holds outputs "c" "d"`},
		{readPredictResponse(nil, both), `lacks outputs "a" "b"; it holds no outputs`},
		{readPredictResponse(append(entry("c"), entry("a")...), both), `lacks output "b"; it holds outputs "a" "c"`},
	} {
		if !errors.Is(c.err, ErrBadAnswer) || !strings.Contains(c.err.Error(), c.want) || !strings.Contains(c.err.Error(), "tfsclient-gen drift") {
			t.Errorf("%s: %v", c.want, c.err)
		}
	}
	if err := readPredictResponse(append(entry("c"), entry("a")...), both[:1]); err != nil {
		t.Error(err)
	}
}

// out is an output of any shape.
func out(name string, d DType, into Output) fetch {
	return fetch{TensorSpec{Name: name, DType: d}, into}
}

func reads[T Element](t *testing.T, d DType, answer string, right func(Tensor[T]) bool) {
	t.Helper()
	var got Tensor[T]
	if err := readPredictAnswer(answer, []fetch{out("y", d, &got)}); err != nil || !right(got) {
		t.Error(got, err)
	}
}

func same[T Element](want Tensor[T]) func(Tensor[T]) bool {
	return func(got Tensor[T]) bool { return reflect.DeepEqual(got, want) }
}

func TestBadJSONIsAnError(t *testing.T) {
	for _, answer := range []string{
		``, `[]`, `{}`, `{"outputs"`, `{"outputs": `, `{"outputs": [1`, `{"outputs": [1,]}`, `{"outputs": [1] `,
		`{"outputs": [1 2]}`, `{"outputs": [[1], 2]}`, `{"outputs": [1, [2]]}`, `{"outputs": [[1], [1, 2]]}`,
		`{"outputs": [[], 1]}`, `{"outputs": [1.5]}`, `{"outputs": [1e2]}`, `{"outputs": [4294967296]}`,
		`{"outputs": [true]}`, `{"outputs": [null]}`, `{"outputs": ["1"]}`, `{"outputs": {"z": [1]}}`,
		`{"outputs": [1]} x`, `{"outputs": ` + strings.Repeat("[", 1<<20), `{"x": ` + strings.Repeat("[", 1<<20),
	} {
		var got Tensor[int32]
		if err := readPredictAnswer(answer, []fetch{out("y", "int32", &got)}); !errors.Is(err, ErrBadAnswer) {
			t.Errorf("%.40s: %v", answer, err)
		}
	}
	for _, answer := range []string{
		`"\ud800"`, `"\ude00"`, `"\ud800\u0041"`, `"\x41"`, `"\u00"`, `"\`, `"`, "\"\n\"", `{}`, `{"b64": 1}`,
		`{"b64": "?"}`, `{"b64": "", "x": ""}`, `{"b64": "", "b64": ""}`,
	} {
		var got Tensor[string]
		err := readPredictAnswer(`{"outputs": `+answer+`}`, []fetch{out("y", "string", &got)})
		if !errors.Is(err, ErrBadAnswer) {
			t.Errorf("%s: %q %v", answer, got.Data, err)
		}
	}
}

func TestNumbersAreThoseOfJSON(t *testing.T) {
	for _, word := range []string{"0", "-0", "10", "-1.50", "1e2", "0E+00", "1.0e-05"} {
		if !isNumber(word) {
			t.Error(word)
		}
	}
	for _, word := range []string{"", "-", "+1", "01", "-00", "1.", ".5", "1.e5", "1e", "1e+", "1e+-2", "0x1p3", "1_0", "inf"} {
		if isNumber(word) {
			t.Error(word)
		}
	}
}

func TestBadJSONIsNamed(t *testing.T) {
	for answer, want := range map[string]string{
		``:                         "the answer is empty",
		`[]`:                       `malformed: expected an object at byte 0, found "[]"`,
		`{"outputs": [1`:           `malformed: output "y": it ends at byte 14, where a comma was expected`,
		`{"outputs": [1]} x`:       `expected the end at byte 17, found "x"`,
		`{"outputs": [1e999]}`:     `"1e999" is not a float32`,
		`{"outputs": [1e39]}`:      `"1e39" is not a float32`,
		`{"outputs": [1.5.2]}`:     `expected a value at byte 13, found "1.5.2]}"`,
		`{}`:                       `the answer has no "outputs": {}`,
		`{"error": "boom \u00e9"}`: `the answer has no "outputs": {"error": "boom`,
	} {
		var got Tensor[float32]
		err := readPredictAnswer(answer, []fetch{out("y", "float32", &got)})
		if !errors.Is(err, ErrBadAnswer) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", answer, err)
		}
	}
	reads(t, "float32", `{"outputs": [1.0], "outputs": [2.0]}`, same(NewTensor([]float32{2})))
	_, err := readResultList(`{"error": "boom"}`, jsonFloats[float32](32))
	if !errors.Is(err, ErrBadAnswer) || !strings.Contains(err.Error(), "boom") {
		t.Error(err)
	}
}

func FuzzJSON(f *testing.F) {
	f.Add(`{"outputs": {"a": [[1.0, NaN]], "b": ["x", {"b64": "eA=="}]}}`)
	f.Fuzz(func(t *testing.T, answer string) {
		var a Tensor[float64]
		var b Tensor[string]
		if readPredictAnswer(answer, []fetch{out("a", "float64", &a), out("b", "string", &b)}) != nil {
			return
		}
		for _, err := range []error{a.fits(TensorSpec{}), b.fits(TensorSpec{})} {
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}
